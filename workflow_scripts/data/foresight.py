"""Columns of the user's that know more of the next bar than anyone can: a warning before an agent learns from them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import stdtr

from workflow_scripts.data.bars import COLUMNS, HELD, INDEX, MEMBER

# Correlation of a column with the next bar's return, over all bars and tickers. The signal of a strong planted market
# has .15; an average of the five days around a day has .6, one of 21 days .4.
IMPROBABLE = 0.2
STRETCHES = 20
CHANCE = 0.001
KNOWN = (*COLUMNS, HELD, MEMBER)


def foresight(bars: pd.DataFrame) -> Iterator[str]:
    """Yield a warning for each column beside the prices that predicts the next bar's return improbably well.

    A column counts as it is, over the close, and by its change: prices that know tomorrow show it in the second, slow
    indicators in the third. Its correlation has to be improbable, and larger than chance makes it: the bars are cut
    into stretches, and the mean of theirs has to differ from zero (Student's t, Bonferroni over all that is tried).

    Args:
        bars: those before the test days.

    """
    names = [name for name in map(str, bars) if name not in KNOWN and not name.startswith(INDEX)]
    if not names:
        return
    close = bars.pivot(index="date", columns="ticker", values="close")
    ahead = _standardised(close.pct_change(fill_method=None).shift(-1))
    for name in names:
        column = bars.pivot(index="date", columns="ticker", values=name)
        forms = {"": column, " over the close": column / close, "'s change": column.diff()}
        found = {form: _correlation(_standardised(table), ahead) for form, table in forms.items()}
        form, (correlation, p_value) = max(found.items(), key=lambda each: abs(each[1][0]))
        if abs(correlation) > IMPROBABLE and p_value < CHANCE / (len(forms) * len(names)):
            yield (
                f"column {name} may know the future: {name}{form} on a bar correlates by {correlation:+.2f} with the "
                f"return of the next one, and more than {IMPROBABLE} is improbable of what is known on the day: does "
                "it average over days around the day, or is it shifted?"
            )


def _standardised(table: pd.DataFrame) -> pd.DataFrame:
    """Return each ticker's values less their mean, over their standard deviation; of a constant none."""
    deviation = table.std().where(lambda each: each > 0)
    return (table - table.mean()) / deviation


def _correlation(column: pd.DataFrame, ahead: pd.DataFrame) -> tuple[float, float]:
    """Return the mean correlation over tickers and bars, and its p-value by that of stretches; 0 and 1 of too few."""
    by_bar = (column * ahead).mean(axis=1).dropna().to_numpy()
    if len(by_bar) < 2 * STRETCHES:
        return 0.0, 1.0
    stretches = np.array([stretch.mean() for stretch in np.array_split(by_bar, STRETCHES)])
    error = stretches.std(ddof=1) / STRETCHES**0.5
    return float(by_bar.mean()), float(2 * stdtr(STRETCHES - 1, -abs(stretches.mean()) / error)) if error else 1.0

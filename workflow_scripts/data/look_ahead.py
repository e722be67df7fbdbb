"""Proofs on the user's own market that nothing sees what comes later; where one fails, nothing is made of the market.

Of a user's columns nobody knows how they were made: ``foresight`` judges them by what they predict.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workflow_scripts.data.features import BY_DAY, Features
from workflow_scripts.data.fold_files import FoldData


def require_same_past(whole: Features, past: Features) -> None:
    """Check that the features of a market's first days are, to the bit, those without the days after them.

    Args:
        whole: of all days.
        past: of the first days alone.

    Raises:
        ValueError: a feature differs; names it, ticker and day.

    """
    for name in BY_DAY:
        own, alone = (np.asarray(getattr(features, name)) for features in (whole, past))
        differs = np.argwhere(own[: len(alone)] != alone)
        if not len(differs):
            continue
        day, *column = differs[0]
        which = f" {past.scale_free_names[column[1]]}" if name == "scale_free" else ""
        ticker = f" of {past.tickers[column[0]]}" if name != "market" and column else ""
        raise _error(f"{name}{which}{ticker} on {past.dates[day]:%Y-%m-%d} is another without the days after it")


def require_same_past_of_fold(whole: FoldData, past: FoldData) -> None:
    """Check that a fold's arrays are, to the bit, those of the fold whose last validation days are left out.

    So neither what scales its numbers nor what trains has seen a validation day.

    Raises:
        ValueError: one differs; names it.

    """
    for window in ("train", "validation"):
        own, alone = (getattr(data, window).arrays() for data in (whole, past))
        for name, rows in alone.items():
            if own[name][: len(rows)].tobytes() != rows.tobytes():
                raise _error(
                    f"{window} {name} of the fold that validates from {whole.validation.dates[0]} on is another "
                    "without its last validation days"
                )


def require_gaps(data: FoldData, dates: pd.DatetimeIndex, before: int, after: int | None = None) -> None:
    """Check that between training and validation days there are as many days as are to be dropped.

    Args:
        data: the fold.
        dates: of the market's bars.
        before: days between training and the validation that follows.
        after: days between validation and the training that follows; none where none may follow.

    Raises:
        ValueError: there are fewer; names both days.

    """
    place = {day: number for number, day in enumerate(np.unique(dates.strftime("%Y-%m-%d")))}
    for trained in data.train.runs():
        for judged in data.validation.runs():
            (first, last), (start, stop) = ([str(run.dates[at])[:10] for at in (0, -1)] for run in (trained, judged))
            earlier, later = place[start] - place[last] - 1, place[first] - place[stop] - 1
            if earlier < before and (after is None or later < after):
                raise _error(
                    f"training on {first} to {last} and validation on {start} to {stop} have fewer than {before} days "
                    "in between, or stand in the wrong order"
                )


def require_known(dates: Sequence[str] | pd.DatetimeIndex, test_start: str) -> None:
    """Check that days lie before the test days.

    Raises:
        ValueError: one does not.

    """
    if (last := str(dates[-1])[:10]) >= test_start:
        raise _error(f"{last} is among the days before the test days, which begin on {test_start}")


def _error(what: str) -> ValueError:
    return ValueError(f"look-ahead: {what}: nothing is made of this market before that is mended")

"""Bad ticks: prices that are out of order or not above zero; refused with their likely cause, clipped, or dropped."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import PRICES, when
from workflow_scripts.data.doors.wishes import Repair

# Vendors round adjusted prices, each for itself.
RELATIVE_TOLERANCE = 1e-6
# From this share of a ticker's rows on, closes outside [low, high] are no bad ticks.
ADJUSTED_ALONE = 0.2


def mend_ticks(bars: pd.DataFrame, repair: Repair, where: Callable[[int], str]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return bars whose prices are above zero with low ≤ open, close ≤ high, and the rows repaired per ticker.

    Disorder within ``RELATIVE_TOLERANCE`` is rounding: high and low give way, and nothing is counted. ``clip`` puts the
    close for a missing open and the other prices' extremes for a missing or crossed high and low; then high or low
    gives way where open and close are beyond it both, else open or close moves to it.

    Args:
        bars: date, ticker, prices and more.
        repair: what to do with bad rows.
        where: says the file and row of a position in ``bars``, for the message.

    Raises:
        ValueError: a row is bad and nothing is to be repaired, or no repair is right; names row, cause and key.

    """
    bars = _give_way(bars)
    bad = _bad(bars)
    if not bad.any():
        return bars, {}
    _refuse_adjusted_alone(bars, bad, where)
    if repair == "none":
        raise ValueError(_describe(bars, bad, where))
    counts = {str(ticker): int(count) for ticker, count in bars.loc[bad, "ticker"].value_counts(sort=False).items()}
    if repair == "drop":
        return bars[~bad].reset_index(drop=True), counts
    lost = bad & ~(bars["close"] > 0)
    if lost.any():
        position = int(np.flatnonzero(lost)[0])
        raise ValueError(
            f"{where(position)}: {_of(bars, position)}: close is {bars['close'].iloc[position]:g}, to which nothing "
            f"can be clipped ({int(lost.sum())} such rows): set repair: drop"
        )
    mended = bars.copy()
    mended.loc[bad, PRICES] = _clip(bars.loc[bad, PRICES])
    return mended, counts


def _give_way(bars: pd.DataFrame) -> pd.DataFrame:
    """Return bars in which high and low give way to open and close within the tolerance."""
    highest, lowest = bars[PRICES].max(axis=1), bars[PRICES].min(axis=1)
    over = (bars["high"] < highest) & (highest - bars["high"] <= RELATIVE_TOLERANCE * highest)
    under = (bars["low"] > lowest) & (bars["low"] - lowest <= RELATIVE_TOLERANCE * bars["low"].abs())
    if not (over | under).any():
        return bars
    return bars.assign(high=bars["high"].mask(over, highest), low=bars["low"].mask(under, lowest))


def _bad(bars: pd.DataFrame) -> pd.Series:
    prices = bars[PRICES]
    above_zero = (prices > 0).all(axis=1)
    ordered = (prices.max(axis=1) <= bars["high"]) & (prices.min(axis=1) >= bars["low"])
    return ~(above_zero & ordered)


def _clip(prices: pd.DataFrame) -> pd.DataFrame:
    known = prices.where(prices > 0)
    opening = known["open"].fillna(known["close"])
    ends = pd.concat([opening, known["close"]], axis=1)
    crossed = known["high"] < known["low"]
    high = known["high"].mask(crossed, known[["high", "low"]].max(axis=1))
    low = known["low"].mask(crossed, known[["high", "low"]].min(axis=1))
    high = high.fillna(ends.max(axis=1))
    low = low.fillna(ends.min(axis=1))
    high = high.where(~(ends.min(axis=1) > high), ends.max(axis=1))
    low = low.where(~(ends.max(axis=1) < low), ends.min(axis=1))
    return pd.DataFrame(
        {"open": opening.clip(low, high), "high": high, "low": low, "close": known["close"].clip(low, high)}
    )[PRICES]


def _refuse_adjusted_alone(bars: pd.DataFrame, bad: pd.Series, where: Callable[[int], str]) -> None:
    """Refuse tickers whose closes were adjusted alone: no repair is right for them."""
    outside = bad & (bars["close"] > 0) & ((bars["close"] > bars["high"]) | (bars["close"] < bars["low"]))
    outside &= (bars["open"] <= bars["high"]) & (bars["open"] >= bars["low"])
    shares = outside.groupby(bars["ticker"]).agg(["mean", "sum", "size"])
    shares = shares[(shares["mean"] > ADJUSTED_ALONE) & (shares["sum"] > 1)]
    if len(shares):
        ticker = shares.index[0]
        position = int(np.flatnonzero(outside & (bars["ticker"] == ticker))[0])
        raise ValueError(
            f"{where(position)}: {_of(bars, position)}: close {bars['close'].iloc[position]:g} lies outside "
            f"[{bars['low'].iloc[position]:g}, {bars['high'].iloc[position]:g}], as in {int(shares['sum'].iloc[0])} of "
            f"its {int(shares['size'].iloc[0])} rows ({len(shares)} such tickers): the close alone seems to be "
            f"adjusted; give the unadjusted Close beside an Adj Close, or leave open, high and low out for closes alone"
        )


def _describe(bars: pd.DataFrame, bad: pd.Series, where: Callable[[int], str]) -> str:
    first = int(np.flatnonzero(bad)[0])
    row, rows = bars.iloc[first], bars[bad]
    not_above = [name for name in ("close", "open", "high", "low") if not row[name] > 0]
    tickers = rows["ticker"].nunique()
    said = f"{where(first)}: {_of(bars, first)}: "
    if not_above:
        value = row[not_above[0]]
        said += f"{not_above[0]} is {'missing' if np.isnan(value) else f'{value:g}, not above zero'}"
    elif row["high"] < row["low"]:
        said += f"high {row['high']:g} is below low {row['low']:g}"
    else:
        name = next(name for name in ("close", "open") if not row["low"] <= row[name] <= row["high"])
        said += f"{name} {row[name]:g} lies outside [low, high] = [{row['low']:g}, {row['high']:g}]"
    opens = ~(rows["open"] > 0) & (rows["close"] > 0)
    if opens.all():
        cause = f"{len(rows)} opens of {tickers} tickers are zero or missing, as where a vendor has none"
    elif len(rows) == 1:
        cause = "it is the one bad row"
    else:
        cause = f"{len(rows)} such rows of {tickers} tickers in {len(bars)}"
    clip = "repair: clip or " if (rows["close"] > 0).all() else ""
    return f"{said} ({cause}): set {clip}repair: drop, or mend the file"


def _of(bars: pd.DataFrame, position: int) -> str:
    row = bars.iloc[position]
    return f"{row['ticker']} on {when(row['date'])}"

"""Days that a ticker lacks: suspensions, holidays of its own, a late beginning."""

from typing import Literal

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import HELD, INDEX, PRICES, VOLATILITY, when

Missing = Literal["error", "drop_ticker", "hold"]
SHOWN = 5


def fill_missing(bars: pd.DataFrame, missing: Missing, come_and_go: bool = False) -> tuple[pd.DataFrame, list[str]]:
    """Return bars after the market's policy for days that a ticker lacks and others have, and what it did.

    ``error`` leaves them, and ``check_bars`` refuses them. ``drop_ticker`` drops each ticker that lacks a day. ``hold``
    repeats the last close. A row without a close is a day that its ticker lacks.

    Args:
        bars: the bars.
        missing: the policy.
        come_and_go: whether a ticker may begin after the market and end before it: ``hold`` fills what lies between.

    Raises:
        ValueError: ``hold`` has no close to repeat, since a ticker begins after the market does.

    """
    if missing == "error" or bars.duplicated(["date", "ticker"]).any():  # which check_bars refuses
        return bars, []
    close = bars.pivot(index="date", columns="ticker", values="close")
    lacking = close.isna()
    counts = lacking.sum()[lambda days: days > 0].sort_values(ascending=False)
    shown = ", ".join(f"{ticker} {days}" for ticker, days in counts.head(SHOWN).items())
    said = f"{shown}{', …' if len(counts) > SHOWN else ''} of {len(close)} days, {len(counts)} tickers"
    if missing == "drop_ticker":
        kept = bars[~bars["ticker"].isin(counts.index)].reset_index(drop=True)
        whole = len(close.columns) - len(counts)
        if len(counts) and whole < 2:
            raise ValueError(
                f"missing: drop_ticker drops {len(counts)} of {len(close.columns)} tickers for days that they lack "
                f"and leaves {whole}, and a market needs two: {_reasons(lacking, counts)}; {_instead(lacking)}"
            )
        return kept, [
            f"dropped for days that they lack: {_reasons(lacking, counts)}; {len(counts)} of {len(close.columns)} "
            f"tickers; {_instead(lacking)}"
        ] if len(counts) else []
    late = [ticker for ticker in close if lacking[ticker].iloc[0]]
    if late and not come_and_go:
        first = close[late[0]].first_valid_index()
        raise ValueError(
            f"{late[0]} {'has no close' if first is None else f'begins on {when(first)}'}, and "
            f"the market begins on {when(close.index[0])} ({len(late)} tickers begin late): "
            f"missing: hold has no close to repeat; start later, or leave them out"
        )
    filled = stand_still(bars, pd.DatetimeIndex(close.index), ~lacking)
    if come_and_go:
        own = (close.ffill().notna() & close.bfill().notna()).stack()
        filled = filled[own.to_numpy()].reset_index(drop=True)
    held = int(filled[HELD].sum())
    return filled, [f"{held} rows repeat a last close: {said}"] if held else []


def _reasons(lacking: pd.DataFrame, counts: pd.Series) -> str:
    """Return why tickers are dropped: when they begin and end, and how many days they lack in between."""
    said = []
    for ticker, lacks in counts.head(SHOWN).items():
        own = np.flatnonzero(~lacking[ticker])
        if not len(own):
            said.append(f"{ticker} has no close")
            continue
        between = own[-1] - own[0] + 1 - len(own)
        parts = [f"begins on {when(lacking.index[own[0]])}"] * bool(own[0])
        parts += [f"ends on {when(lacking.index[own[-1]])}"] * bool(own[-1] + 1 < len(lacking))
        parts += [f"lacks {between} days in between"] * bool(between)
        said.append(f"{ticker} {' and '.join(parts)} ({lacks} of {len(lacking)} days)")
    return ", ".join(said) + (", …" if len(counts) > SHOWN else "")


def _instead(lacking: pd.DataFrame) -> str:
    """Return what else can be done with tickers that lack days, with the start from which on most of them are whole."""
    lasting = lacking.to_numpy()[:, ~lacking.iloc[-1].to_numpy()]
    first = int(np.flatnonzero(lasting.any(axis=1))[-1]) + 1 if lasting.any() else 0
    cures = ["missing: hold repeats the last close of days in between", "universe: available lets tickers come and go"]
    if first and lasting.shape[1] > 1:
        left = len(lacking) - first
        cures.append(f"with start: {lacking.index[first]:%Y-%m-%d} {lasting.shape[1]} tickers have all of {left} days")
    return "; ".join(cures)


def stand_still(bars: pd.DataFrame, days: pd.DatetimeIndex, traded: pd.DataFrame) -> pd.DataFrame:
    """Return bars with a row on each of the days for each ticker of ``traded``; where that is false, its last close.

    Such a row has the close of the ticker's last traded day as all four prices, no volume, the ticker's other columns
    as they were, and 1 in the column ``HELD``; the market's volatility and its index are the day's own.
    """
    wide = {
        name: bars.pivot(index="date", columns="ticker", values=name).reindex(index=days, columns=traded.columns)
        for name in bars.columns.drop(["date", "ticker"])
    }
    gone = ~traded.reindex(index=days).to_numpy()
    # A row that stands still already has its last close, which these days may begin after.
    held = gone | (wide[HELD] == 1).to_numpy() if HELD in wide else gone
    close = wide["close"].mask(gone).ffill()
    columns = {}
    for name, values in wide.items():
        if name in PRICES:
            columns[name] = values.mask(held, close)
        elif name.startswith((VOLATILITY, INDEX)):
            of_market = bars.groupby("date")[name].first().reindex(days).to_numpy()
            columns[name] = pd.DataFrame(dict.fromkeys(traded.columns, of_market), days)
        else:
            columns[name] = values.mask(held, 0.0) if name == "volume" else values.mask(gone).ffill()
    columns[HELD] = pd.DataFrame(held.astype(np.float64), days, traded.columns)
    index = pd.MultiIndex.from_product([days, traded.columns], names=["date", "ticker"])
    table = pd.DataFrame({name: values.to_numpy().ravel() for name, values in columns.items()}, index=index)
    table.attrs = dict(bars.attrs)
    return table.reset_index()

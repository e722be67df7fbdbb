"""The rules that bars keep, checked on arrival."""

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import INDEX, MEMBER, PRICES, volatility_column, when
from workflow_scripts.data.doors.series import check_series


def check_bars(bars: pd.DataFrame) -> list[str]:
    """Check the rules that bars keep; return warnings of series that are nearly one, and of moves too large.

    Raises:
        ValueError: the first broken rule, with its ticker, date and number of rows; or tickers that are one series.

    """
    tickers = bars["ticker"].nunique()
    if tickers < 2:
        names = ", ".join(bars["ticker"].unique()) or "none"
        raise ValueError(
            f"a market needs at least two tickers, and these bars have {tickers} ({names}): add the bars of "
            f"another, or name more in tickers"
        )
    if (rows := bars.duplicated(["date", "ticker"])).any():
        raise ValueError(f"{_first(bars, rows)}: more than one row for a ticker and day ({rows.sum()} such rows)")
    for name in bars.columns.drop(["date", "ticker"]):
        if (rows := ~np.isfinite(bars[name])).any():
            raise ValueError(f"{_first(bars, rows)}: {name} is not a finite number ({rows.sum()} such rows)")
        if (name in PRICES or name.startswith(INDEX)) and (rows := bars[name] <= 0).any():
            raise ValueError(f"{_first(bars, rows)}: {name} is not above zero ({rows.sum()} such rows)")
    if (rows := bars["volume"] < 0).any():
        raise ValueError(f"{_first(bars, rows)}: volume is below zero ({rows.sum()} such rows)")
    if fear := volatility_column(bars):
        if (rows := bars[fear] <= 0).any():
            raise ValueError(f"{_first(bars, rows)}: {fear} is not above zero ({rows.sum()} such rows)")
        if (rows := bars.groupby("date")[fear].transform("nunique") > 1).any():
            raise ValueError(
                f"{_first(bars, rows)}: {fear} differs between tickers, and it is the market's ({rows.sum()} such rows)"
            )
    close = bars.pivot(index="date", columns="ticker", values="close")
    gaps = np.argwhere(close.isna().to_numpy())
    if len(gaps) and MEMBER not in bars:
        day, column = gaps[0]
        raise ValueError(
            f"{close.columns[column]} has no row on {when(close.index[day])}, a day that other tickers have "
            f"({len(gaps)} such gaps in {len(set(gaps[:, 1]))} tickers): start later, leave those tickers out, "
            "or say what to do with missing: drop_ticker or missing: hold"
        )
    highest, lowest = bars[["open", "close", "low"]].max(axis=1), bars[["open", "close", "high"]].min(axis=1)
    if (rows := (bars["high"] < highest) | (bars["low"] > lowest)).any():
        raise ValueError(
            f"{_first(bars, rows)}: open or close lies outside [low, high]; adjust all prices for splits and "
            f"dividends, not close alone ({rows.sum()} such rows)"
        )
    return check_series(bars)


def _first(bars: pd.DataFrame, rows: pd.Series) -> str:
    row = bars[rows].iloc[0]
    return f"{row['ticker']} on {when(row['date'])}"

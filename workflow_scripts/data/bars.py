"""Bars: one long table of prices, a row per ticker and day, or per ticker and time stamp where a bar is shorter."""

from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.data.periods import DAILY, Interval
from workflow_scripts.workflow.files import damaged, first_line, whole_file

PRICES = ["open", "high", "low", "close"]
COLUMNS = ["date", "ticker", *PRICES, "volume"]
# A column of this name and a ticker's holds the market's volatility: one number a day, the same for every ticker.
VOLATILITY = "volatility:"
# A column of this name and a ticker's holds the closes of the market's index, which no agent sees or trades.
INDEX = "index:"
# 1 on a day on which a ticker did not trade, so that its row repeats its last close.
HELD = "is:held"
# 1 on a day on which a ticker belongs to the market's universe; where this column stands, tickers may lack days.
MEMBER = "is:member"
# A feature of synthetic bars, which in a planted market predicts the next day's return.
SIGNAL = "signal"
# Columns that are computed from bars, by the names that FinRL gives them.
INDICATORS = ("macd", "boll_ub", "boll_lb", "rsi_30", "cci_30", "dx_30", "close_30_sma", "close_60_sma")


def arrange_bars(table: pd.DataFrame, origin: str, interval: Interval = DAILY) -> pd.DataFrame:
    """Return the table as bars: typed columns, sorted by date and ticker, further numeric columns after the seven.

    Args:
        table: a row a day and ticker, with the columns of ``COLUMNS`` in any order and letter case.
        origin: where it comes from, for the messages.
        interval: length of a bar; where it is a day a time stamp is its day.

    Raises:
        ValueError: a column is missing or cannot be read as what it should be.

    """
    bars = table.rename(columns=_spell)
    missing = [name for name in COLUMNS if name not in bars]
    if missing:
        raise ValueError(
            f"{origin} has no column {', '.join(missing)}: bars need {', '.join(COLUMNS)}, "
            f"and it has {', '.join(map(str, bars.columns))}"
        )
    bars = bars[COLUMNS + sorted(str(name) for name in bars if name not in COLUMNS)]
    for name in bars.columns:
        try:
            if name == "date":
                moments = pd.to_datetime(bars[name]).dt.tz_localize(None)
                bars[name] = as_dates(moments, interval)
            else:
                bars[name] = bars[name].astype("str" if name == "ticker" else "float64")
        except (ValueError, TypeError) as error:
            raise ValueError(f"{origin}, column {name}: {error}") from error
    return bars.sort_values(["date", "ticker"], ignore_index=True)


def as_dates(moments: pd.Series, interval: Interval) -> pd.Series:
    """Return the dates of bars: the days of their moments, or the moments where a bar is shorter than a day."""
    return (moments.dt.normalize() if interval == DAILY else moments).astype("datetime64[ns]")


def when(moment: Any) -> str:
    """Return a day, or a moment of a day, as messages have it."""
    stamp = pd.Timestamp(moment)
    return f"{stamp:%Y-%m-%d}" if stamp == stamp.normalize() else f"{stamp:%Y-%m-%d %H:%M}"


def bars_of_closes(wide: pd.DataFrame) -> pd.DataFrame:
    """Return bars of a table of closes (a row per day, a column per ticker): open = high = low = close, volume 0."""
    long = wide.rename_axis(index="date").reset_index().melt("date", var_name="ticker", value_name="close")
    return arrange_bars(
        long.assign(open=long["close"], high=long["close"], low=long["close"], volume=0.0), "a table of closes"
    )


def _spell(column: object) -> str:
    name = str(column).strip().lower()
    return name if not name.startswith(VOLATILITY) else VOLATILITY + name.removeprefix(VOLATILITY).upper()


def volatility_column(bars: pd.DataFrame) -> str | None:
    """Return the name of the column that holds the market's volatility, if there is one.

    Raises:
        ValueError: there are several.

    """
    names = [name for name in bars.columns if name.startswith(VOLATILITY)]
    if len(names) > 1:
        raise ValueError(f"a market has one volatility, and these bars have {', '.join(names)}")
    return names[0] if names else None


def index_column(bars: pd.DataFrame) -> str | None:
    """Return the name of the column that holds the closes of the market's index, if there is one."""
    return next((name for name in bars.columns if name.startswith(INDEX)), None)


def write_bars(bars: pd.DataFrame, path: Path) -> None:
    """Write bars as parquet, whole or not at all."""
    with whole_file(path) as beside:
        bars.to_parquet(beside, index=False)


def read_bars(path: Path) -> pd.DataFrame:
    """Read bars.

    Raises:
        ValueError: the file is damaged; the message names it.

    """
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ValueError(damaged(path, first_line(error))) from error

"""Features of a market, and the file that keeps them."""

import zipfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_scripts.data.periods import PERIODS_PER_YEAR, TRADING_DAYS_A_YEAR, periods_of
from workflow_scripts.workflow.files import damaged, whole_file

Array = NDArray[np.float64]
# How the arrays of bars are called in a file.
BARS = "bars_"
BARS_DATE = f"{BARS}date"
BY_DAY = ("dates", "close", "indicators", "scale_free", "market")


@dataclass(frozen=True)
class Features:
    """Features of a market on its days after the warm-up.

    Attributes:
        dates: (days,) the days.
        tickers: the tickers, in column order.
        close: (days, tickers) closing prices.
        indicators: (days, tickers, 8 + further columns) the indicators as FinRL defines them, then the bars' own.
        scale_free: (days, tickers, features) returns and ratios of indicator to price, comparable between tickers.
        market: (days, 2) turbulence and volatility.
        scale_free_names: names of the scale-free features, of which the last are the bars' own columns.
        volatility: what the market's volatility is.
        covariance: what the covariance behind turbulence is.
        periods_per_year: periods a year of the market.

    """

    dates: pd.DatetimeIndex
    tickers: tuple[str, ...]
    close: Array
    indicators: Array
    scale_free: Array
    market: Array
    scale_free_names: tuple[str, ...]
    volatility: str
    covariance: str
    periods_per_year: int = TRADING_DAYS_A_YEAR

    def first_days(self, count: int) -> "Features":
        """Return the features of the first ``count`` days alone."""
        return replace(self, **{name: getattr(self, name)[:count] for name in BY_DAY})


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write arrays as .npz, whole or not at all; equal arrays are equal bytes."""
    with whole_file(path) as beside:
        np.savez(beside, **arrays)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a .npz.

    Raises:
        ValueError: the file is damaged; the message names it.

    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(damaged(path, str(error))) from error


def arrays_of(features: Features) -> dict[str, NDArray[Any]]:
    """Return features as arrays that a .npz takes."""
    return {name: np.asarray(value) for name, value in vars(features).items()}


def features_of(arrays: dict[str, NDArray[Any]]) -> Features:
    """Return the features that ``arrays_of`` made arrays of."""
    values: dict[str, Any] = {field.name: arrays[field.name] for field in fields(Features)}
    for name in ("tickers", "scale_free_names"):
        values[name] = tuple(map(str, values[name]))
    for name in ("volatility", "covariance"):
        values[name] = str(values[name])
    values["periods_per_year"] = int(values["periods_per_year"])
    return Features(**values | {"dates": pd.DatetimeIndex(values["dates"])})


def arrays_of_bars(bars: pd.DataFrame) -> dict[str, Any]:
    """Return bars as arrays that a .npz takes, in place of features that are computed later."""
    columns = {f"{BARS}{name}": bars[name].to_numpy(np.str_ if name == "ticker" else None) for name in bars}
    return {PERIODS_PER_YEAR: np.asarray(periods_of(bars.attrs)), **columns}


def bars_of_arrays(arrays: dict[str, Any]) -> pd.DataFrame:
    """Return the bars that ``arrays_of_bars`` made arrays of."""
    periods_per_year = int(arrays[PERIODS_PER_YEAR])
    columns = {name.removeprefix(BARS): array for name, array in arrays.items() if name.startswith(BARS)}
    bars = pd.DataFrame(columns).astype({"ticker": "str"})
    bars.attrs[PERIODS_PER_YEAR] = periods_per_year
    return bars

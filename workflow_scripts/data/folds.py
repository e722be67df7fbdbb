"""Walk-forward folds: which days train and which validate, and the arrays that are cut from them."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_scripts.data.features import Features
from workflow_scripts.data.fold_files import FoldData, Segment

CLIP = 5.0


@dataclass(frozen=True)
class Fold:
    """The days of a fold, as positions on the market's calendar."""

    train: range
    validation: range


def walk_forward(
    days: int,
    count: int,
    train_days: int,
    validation_days: int,
    purge_days: int,
    window: Literal["rolling", "expanding"] = "rolling",
) -> list[Fold]:
    """Return folds anchored at day 0, so that days appended to the market add folds and never move one.

    Raises:
        ValueError: there are fewer days than the folds need.

    """
    needed = train_days + purge_days + count * validation_days
    if needed > days:
        raise ValueError(
            f"{count} folds of {train_days} training, {purge_days} purged and {validation_days} validation days need "
            f"{needed} days, but the market has {days} between its warm-up and its test days: "
            "lower folds.count or folds.train_days, start the market earlier, or lower features.turbulence_days, the "
            "days of its warm-up"
        )
    folds = []
    for index in range(count):
        start = train_days + purge_days + index * validation_days
        first = 0 if window == "expanding" else start - purge_days - train_days
        folds.append(Fold(range(first, start - purge_days), range(start, start + validation_days)))
    return folds


def first_test_day(dates: pd.DatetimeIndex, test_start: str) -> int:
    """Return the position of the first test day.

    Raises:
        ValueError: there are no test days, or none before them.

    """
    position = int(dates.searchsorted(pd.Timestamp(test_start)))
    if not 0 < position < len(dates) - 1:
        raise ValueError(
            f"test_start {test_start} leaves {position} days before and {len(dates) - position} test days; "
            f"the market's days after its warm-up are {dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}"
        )
    return position


def sealed_fold(dates: pd.DatetimeIndex, test_start: str, purge_days: int) -> Fold:
    """Return the fold of the backtest: all days before the test days, and in place of validation the test days."""
    test = first_test_day(dates, test_start)
    if test <= purge_days + 1:
        raise ValueError(f"{test} days before test_start {test_start} leave none to train on after {purge_days} purged")
    return Fold(range(test - purge_days), range(test, len(dates)))


def cut_fold(features: Features, fold: Fold) -> tuple[FoldData, dict[str, Any]]:
    """Return the arrays of a fold, scaled by its training window alone, and the scalers."""
    train = list(fold.train)
    ticker_scaler = _Scaler.fit(features.scale_free[train].reshape(-1, features.scale_free.shape[2]))
    market = np.log1p(features.market)
    market_scaler = _Scaler.fit(market[train])
    flat = np.concatenate(
        [features.close, features.indicators.reshape(len(features.close), -1), features.market], axis=1
    )
    flat_scaler = _Scaler.fit(flat[train])

    def segment(days: range) -> Segment:
        positions = list(days)
        return Segment(
            dates=np.asarray(features.dates[positions].strftime("%Y-%m-%d"), dtype="U10"),
            close=features.close[positions],
            ticker_features=ticker_scaler.apply(features.scale_free[positions]),
            market_features=market_scaler.apply(market[positions]),
            flat_features=flat_scaler.apply(flat[positions]),
            periods_per_year=features.periods_per_year,
        )

    scalers = {
        "ticker_features": ticker_scaler.describe(features.scale_free_names),
        "market_features": market_scaler.describe(("log_turbulence", "log_volatility")),
    }
    return FoldData(features.tickers, segment(fold.train), segment(fold.validation)), scalers


@dataclass(frozen=True)
class _Scaler:
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]

    @classmethod
    def fit(cls, rows: NDArray[np.float64]) -> "_Scaler":
        return cls(rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-12))

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        scaled = values - self.mean
        scaled /= self.sd
        return np.clip(scaled, -CLIP, CLIP, out=scaled).astype(np.float32)

    def describe(self, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
        return {name: {"mean": float(m), "sd": float(s)} for name, m, s in zip(names, self.mean, self.sd, strict=True)}

"""Walk-forward folds: which days train and which validate, and the arrays that a run reads."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_scripts.data.fold_files import FoldData as FoldData
from workflow_scripts.data.fold_files import Segment as Segment
from workflow_scripts.data.fold_files import fold_bytes as fold_bytes
from workflow_scripts.data.fold_files import read_fold as read_fold
from workflow_scripts.data.fold_files import write_fold as write_fold
from workflow_scripts.data.indicators import Features

CLIP = 5.0


@dataclass(frozen=True)
class FoldSettings:
    """How folds are cut, in days or in the plan's form.

    Attributes:
        count: number of folds.
        train_days: days of a training window (of the first one if expanding).
        validation_days: days of a validation window; also the step from fold to fold.
        purge_days: days dropped between training and validation.
        window: whether training windows roll or expand.
        n_folds: the plan's form: number of folds; if given, the plan's form holds.
        train_ratio: the plan's form: share of the days that the first training window takes.
        expanding: the plan's form: whether training windows expand.
        gap_days: the plan's form: days dropped between training and validation.

    """

    count: int = 3
    train_days: int = 1008
    validation_days: int = 252
    purge_days: int = 5
    window: Literal["rolling", "expanding"] = "rolling"
    n_folds: int | None = None
    train_ratio: float = 0.7
    expanding: bool = False
    gap_days: int = 5

    def resolve(self, days: int) -> "FoldSettings":
        """Return the settings in days: the plan's form depends on how many days there are.

        Raises:
            ValueError: the plan's form leaves no validation days.

        """
        if self.n_folds is None:
            return self
        train_days = int(days * self.train_ratio)
        validation_days = (days - train_days - self.gap_days) // self.n_folds
        if train_days < 2 or validation_days < 2:
            raise ValueError(
                f"n_folds {self.n_folds}, train_ratio {self.train_ratio} and gap_days {self.gap_days} leave "
                f"{train_days} training and {validation_days} validation days of {days}: lower n_folds or gap_days"
            )
        return FoldSettings(
            count=self.n_folds,
            train_days=train_days,
            validation_days=validation_days,
            purge_days=self.gap_days,
            window="expanding" if self.expanding else "rolling",
        )


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
        return np.clip((values - self.mean) / self.sd, -CLIP, CLIP).astype(np.float32)

    def describe(self, names: tuple[str, ...]) -> dict[str, dict[str, float]]:
        return {name: {"mean": float(m), "sd": float(s)} for name, m, s in zip(names, self.mean, self.sd, strict=True)}


def describe_fold(features: Features, fold: Fold, settings: FoldSettings, scalers: dict[str, Any]) -> dict[str, Any]:
    """Return what a fold's json says: its resolved settings, days, sizes and scalers."""
    return {
        "settings": {
            key: getattr(settings, key) for key in ("count", "train_days", "validation_days", "purge_days", "window")
        },
        "tickers": list(features.tickers),
        "volatility": features.volatility,
        **{
            name: {
                "first_day": f"{features.dates[days[0]]:%Y-%m-%d}",
                "last_day": f"{features.dates[days[-1]]:%Y-%m-%d}",
                "days": len(days),
            }
            for name, days in (("train", fold.train), ("validation", fold.validation))
        },
        "scalers": scalers,
    }

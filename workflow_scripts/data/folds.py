"""Walk-forward folds: which days train and which validate, and the arrays that are cut from them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_scripts.data.features import BY_DAY, Features
from workflow_scripts.data.fold_files import FoldData, Segment

CLIP = 5.0


@dataclass(frozen=True)
class Fold:
    """The days of a fold, as positions on the market's calendar."""

    train: range
    validation: range

    def in_bars(self, starts: NDArray[np.int64]) -> "Fold":
        """Return a fold of days as one of bars, where bars may be shorter than a day; see ``day_starts``."""
        return Fold(_in_bars(self.train, starts), _in_bars(self.validation, starts))


@dataclass(frozen=True)
class CombinatorialFold:
    """The days of a combinatorial fold, as positions on the market's calendar.

    Attributes:
        train: runs of contiguous days, in their order.
        validation: the parts that validate, in their order.
        paths: for each of them the backtest path that it belongs to: a path has every part once.

    """

    train: tuple[range, ...]
    validation: tuple[range, ...]
    paths: tuple[int, ...]

    def in_bars(self, starts: NDArray[np.int64]) -> "CombinatorialFold":
        """Return a fold of days as one of bars, where bars may be shorter than a day; see ``day_starts``."""
        train, validation = (tuple(_in_bars(run, starts) for run in runs) for runs in (self.train, self.validation))
        return CombinatorialFold(train, validation, self.paths)


def _in_bars(days: range, starts: NDArray[np.int64]) -> range:
    return range(int(starts[days.start]), int(starts[days.stop]))


def walk_forward(
    days: int,
    count: int,
    train_days: int,
    validation_days: int,
    purge_days: int,
    window: Literal["rolling", "expanding"] = "rolling",
    anchor: Literal["start", "end"] = "start",
) -> list[Fold]:
    """Return folds anchored at day 0, so that days appended to the market add folds and never move one.

    With ``anchor`` end the last one validates up to the last day, which is the one before the test days.

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
    folds, skipped = [], days - needed if anchor == "end" else 0
    for index in range(count):
        start = skipped + train_days + purge_days + index * validation_days
        first = 0 if window == "expanding" else start - purge_days - train_days
        folds.append(Fold(range(first, start - purge_days), range(start, start + validation_days)))
    return folds


def day_starts(dates: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Return the position of each day's first bar (days,), and behind the last day the end (1,).

    A first day that begins later than the second was cut by the warm-up, and is left out.
    """
    days = dates.normalize()
    starts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]])
    if len(starts) > 1 and dates[0] - days[0] > dates[starts[1]] - days[starts[1]]:
        starts = starts[1:]
    return np.append(starts, len(dates))


def combinatorial(
    days: int, n_folds: int, n_test_folds: int, purge_days: int, embargo_days: int
) -> list[CombinatorialFold]:
    """Return a fold for each choice of parts that validate: combinatorial purged cross-validation.

    López de Prado (2018), "Advances in Financial Machine Learning", chapter 12; the index sets are skfolio's. Before
    validation ``purge_days`` are dropped, and after it ``embargo_days``, or ``purge_days`` where these are more.

    Raises:
        ValueError: a part is too short, or a fold is left without training days.

    """
    from skfolio.model_selection import CombinatorialPurgedCV

    part, after = days // n_folds, max(purge_days, embargo_days)
    remedy = "lower folds.n_folds, start the market earlier, or lower features.turbulence_days and with it the two"
    if after >= part - 1:
        raise ValueError(
            f"{n_folds} parts of {days} days have {part} each, and {purge_days} purged and {embargo_days} embargo days "
            f"leave none of a part to train on: {remedy}"
        )
    split = CombinatorialPurgedCV(n_folds, n_test_folds, purge_days, after - purge_days)
    folds = []
    for (train, tests), paths in zip(split.split(np.empty((days, 1))), split.get_path_ids(), strict=True):
        # An episode needs two days.
        runs = tuple(run for run in _runs(train) if len(run) > 1)
        if not runs:
            raise ValueError(
                f"where {n_test_folds} of {n_folds} parts of {part} days validate, {purge_days} purged and "
                f"{embargo_days} embargo days leave a fold no training days: {remedy}"
            )
        folds.append(CombinatorialFold(runs, tuple(_runs(test)[0] for test in tests), tuple(map(int, paths))))
    return folds


def _runs(positions: NDArray[np.intp]) -> list[range]:
    """Return the runs of contiguous days among positions."""
    ends = np.flatnonzero(np.diff(positions) > 1) + 1
    return [range(int(run[0]), int(run[-1]) + 1) for run in np.split(positions, ends) if len(run)]


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


def sealed_fold(dates: pd.DatetimeIndex, test_start: str, purge_days: int, test_stop: str | None = None) -> Fold:
    """Return the fold of the backtest: all days before the test days, and in place of validation the test days.

    Raises:
        ValueError: there are too few days to train on, or to test.

    """
    test = first_test_day(dates, test_start)
    stop = len(dates) if test_stop is None else int(dates.searchsorted(pd.Timestamp(test_stop)))
    if stop < test + 2:
        raise ValueError(
            f"the window of test days from {test_start} to before {test_stop} has {stop - test} bars, and an episode "
            "needs 2: lower test.windows"
        )
    starts = day_starts(dates)
    days = int(np.searchsorted(starts, test))
    if days <= purge_days + 1:
        raise ValueError(f"{days} days before test_start {test_start} leave none to train on after {purge_days} purged")
    return Fold(range(int(starts[0]), int(starts[days - purge_days])), range(test, stop))


def cut_fold(features: Features, fold: Fold) -> tuple[FoldData, dict[str, Any]]:
    """Return the arrays of a fold, scaled by its training window alone, and the scalers."""
    return scale_fold([_days(features, fold.train)], [_days(features, fold.validation)])


def scale_fold(train: Sequence[Features], validation: Sequence[Features]) -> tuple[FoldData, dict[str, Any]]:
    """Return the arrays of a fold of runs of contiguous days, scaled by those that train alone, and the scalers."""
    trained, judged = _joined(train), _joined(validation)
    ticker_scaler = _Scaler.fit(trained.scale_free.reshape(-1, trained.scale_free.shape[2]))
    market_scaler = _Scaler.fit(np.log1p(trained.market))
    flat_scaler = _Scaler.fit(_flat(trained))

    def segment(features: Features, runs: Sequence[Features]) -> Segment:
        return Segment(
            dates=_spelled(features.dates),
            close=features.close,
            ticker_features=ticker_scaler.apply(features.scale_free),
            market_features=market_scaler.apply(np.log1p(features.market)),
            flat_features=flat_scaler.apply(_flat(features)),
            periods_per_year=features.periods_per_year,
            starts=(0, *accumulate(len(run.dates) for run in runs[:-1])),
        )

    scalers = {
        "ticker_features": ticker_scaler.describe(trained.scale_free_names),
        "market_features": market_scaler.describe(("log_turbulence", "log_volatility")),
    }
    return FoldData(trained.tickers, segment(trained, train), segment(judged, validation)), scalers


def _days(features: Features, days: range) -> Features:
    within = slice(days.start, days.stop)
    return replace(features, **{name: getattr(features, name)[within] for name in BY_DAY})


def _joined(runs: Sequence[Features]) -> Features:
    """Return the features of runs of days one after the other."""
    if len(runs) == 1:
        return runs[0]
    arrays: dict[str, Any] = {name: np.concatenate([getattr(run, name) for run in runs]) for name in BY_DAY}
    return replace(runs[0], **arrays | {"dates": pd.DatetimeIndex(arrays["dates"])})


def _flat(features: Features) -> NDArray[np.float64]:
    """Return (days, …) closes, indicators, turbulence and volatility of each day in a row."""
    by_ticker = features.indicators.reshape(len(features.close), -1)
    flat: NDArray[np.float64] = np.concatenate([features.close, by_ticker, features.market], axis=1)
    return flat


def _spelled(dates: pd.DatetimeIndex) -> NDArray[np.str_]:
    """Return dates in ISO 8601, with their time, as far as it counts, where a bar is shorter than a day."""
    forms = {"%Y-%m-%d": dates.normalize(), "%Y-%m-%dT%H:%M": dates.floor("min")}
    form = next((form for form, rounded in forms.items() if (dates == rounded).all()), "%Y-%m-%dT%H:%M:%S")
    return np.asarray(dates.strftime(form), dtype=np.str_)


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

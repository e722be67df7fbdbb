"""A market's folds as its settings ask for them; apart from the arithmetic, on which the backtest depends, too."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_scripts.data.features import Features
from workflow_scripts.data.fold_files import FoldData, fold_bytes
from workflow_scripts.data.folds import (
    Fold,
    combinatorial,
    cut_fold,
    day_starts,
    scale_fold,
    sealed_fold,
    walk_forward,
)
from workflow_scripts.data.look_ahead import require_gaps, require_same_past_of_fold
from workflow_scripts.data.periods import PERIODS_PER_YEAR
from workflow_scripts.data.settings import IN_DAYS, FoldSettings
from workflow_scripts.data.universes import MarketFeatures


def folds_of_market(features: MarketFeatures, settings: FoldSettings) -> Iterator[tuple[FoldData, dict[str, Any]]]:
    """Yield each fold's arrays and description, from the features of the days before the test days.

    Raises:
        ValueError: the market has fewer days than its folds need.

    """
    starts = day_starts(features.dates)
    days = len(starts) - 1
    if settings.scheme == "combinatorial":
        yield from _combinatorial_folds(features, starts, settings)
        return
    resolved = settings.resolve(days)
    cuts = walk_forward(
        days,
        resolved.count,
        resolved.train_days,
        resolved.validation_days,
        resolved.purge_days,
        resolved.window,
        resolved.anchor,
    )
    for fold in cuts:
        in_bars = fold.in_bars(starts)
        own, cut = features.of_fold(in_bars)
        data, scalers = cut_fold(own, cut)
        require_gaps(data, features.dates, resolved.purge_days)
        half = replace(in_bars, validation=_half(in_bars.validation))
        require_same_past_of_fold(data, cut_fold(*features.of_fold(half))[0])
        yield (
            data,
            {
                "settings": resolved.model_dump(include=set(IN_DAYS)),
                **describe_fold(own, cut, scalers),
            },
        )


def warn_of_gap(dates: pd.DatetimeIndex, settings: FoldSettings) -> str | None:
    """Return a warning of days between the folds and the test days, in which another fold would find room.

    Args:
        dates: of the bars on whose days folds are cut; the test days follow them.
        settings: how they are cut.

    """
    if settings.scheme == "combinatorial":  # which leaves no day out
        return None
    days = dates[day_starts(dates)[:-1]]
    used = settings.resolve(len(days))
    end = used.train_days + used.purge_days + used.count * used.validation_days
    gap = len(days) - end
    if used.anchor == "end" or gap < used.validation_days:
        return None
    ends, moved = ("fold ends", "it") if used.count == 1 else ("folds end", f"all {used.count}")
    return (
        f"the {ends} on {days[end - 1]:%Y-%m-%d}, {gap:,} days before the test days, and none validates the days in "
        f"between: take folds.anchor: end, which moves {moved} by {gap:,} days, or folds.count: "
        f"{used.count + gap // used.validation_days}, or let the market start {gap:,} days later"
    )


def _combinatorial_folds(
    features: MarketFeatures, starts: NDArray[np.int64], settings: FoldSettings
) -> Iterator[tuple[FoldData, dict[str, Any]]]:
    settings.require_look_back(features.turbulence_days)
    assert settings.n_folds is not None
    of_run = cache(features.of_run)
    dropped = settings.purge_days, settings.embargo_days
    for fold in combinatorial(len(starts) - 1, settings.n_folds, settings.n_test_folds, *dropped):
        bars = fold.in_bars(starts)
        train, validation = ([of_run(run) for run in runs] for runs in (bars.train, bars.validation))
        data, scalers = scale_fold(train, validation)
        require_gaps(data, features.dates, settings.purge_days, max(dropped))
        half = [*validation[:-1], of_run(_half(bars.validation[-1]))]
        require_same_past_of_fold(data, scale_fold(train, half)[0])
        yield (
            data,
            {
                "settings": settings.of_form(),
                "tickers": list(data.tickers),
                "volatility": train[0].volatility,
                "covariance": train[0].covariance,
                PERIODS_PER_YEAR: train[0].periods_per_year,
                "train": _describe_runs(train),
                "validation": _describe_runs(validation) | {"paths": list(fold.paths)},
                "scalers": scalers,
            },
        )


def _half(days: range) -> range:
    """Return the first half of some days, of which an episode needs two."""
    return days[: max(2, len(days) // 2)]


def _describe_runs(runs: Sequence[Features]) -> dict[str, Any]:
    """Return the days of all runs together as those of one window, and those of each run."""
    described = [_describe_days(run.dates) for run in runs]
    return {
        "first_day": described[0]["first_day"],
        "last_day": described[-1]["last_day"],
        "days": sum(run["days"] for run in described),
        "runs": described,
    }


def _describe_days(dates: pd.DatetimeIndex) -> dict[str, Any]:
    return {
        "first_day": f"{dates[0]:%Y-%m-%d}",
        "last_day": f"{dates[-1]:%Y-%m-%d}",
        "days": dates.normalize().nunique(),
        "bars": len(dates),
    }


def sealed_of_market(
    features: MarketFeatures, test_start: str, purge_days: int, test_stop: str | None = None
) -> tuple[FoldData, dict[str, Any]]:
    """Return arrays and description of the backtest's fold, which trades the test days.

    Args:
        features: of all days.
        test_start: first test day (YYYY-MM-DD).
        purge_days: days dropped before it.
        test_stop: first day after the test days; none where they end with the market.

    Raises:
        ValueError: there are no test days, or too few before them.

    """
    own, cut = features.of_fold(sealed_fold(features.dates, test_start, purge_days, test_stop))
    data, scalers = cut_fold(own, cut)
    settings: dict[str, Any] = {"test_start": test_start, "purge_days": purge_days}
    if test_stop is not None:
        settings["test_stop"] = test_stop
    return data, {"settings": settings, **describe_fold(own, cut, scalers)}


def touched_folds(before: MarketFeatures, after: MarketFeatures, settings: FoldSettings) -> list[int]:
    """Return the folds whose bytes differ between two states of a market: their runs would be made again.

    Raises:
        ValueError: one of the two has fewer days than the folds need.

    """
    pair = [folds_of_market(features, settings) for features in (before, after)]
    return [
        number
        for number, ((old, _), (new, _)) in enumerate(zip(*pair, strict=True))
        if fold_bytes(old) != fold_bytes(new)
    ]


def describe_fold(features: Features, fold: Fold, scalers: dict[str, Any]) -> dict[str, Any]:
    """Return what a fold's json says beside its settings: its days, sizes and scalers."""
    return {
        "tickers": list(features.tickers),
        "volatility": features.volatility,
        PERIODS_PER_YEAR: features.periods_per_year,
        "covariance": features.covariance,
        **{
            name: _describe_days(features.dates[days.start : days.stop])
            for name, days in (("train", fold.train), ("validation", fold.validation))
        },
        "scalers": scalers,
    }

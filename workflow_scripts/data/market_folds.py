"""A market's folds as its settings ask for them; apart from the arithmetic, on which the backtest depends, too."""

from collections.abc import Iterator
from typing import Any

from workflow_scripts.data.fold_files import FoldData, fold_bytes
from workflow_scripts.data.folds import Fold, cut_fold, day_starts, first_test_day, walk_forward
from workflow_scripts.data.indicators import Features
from workflow_scripts.data.periods import PERIODS_PER_YEAR
from workflow_scripts.data.settings import IN_DAYS, FoldSettings
from workflow_scripts.data.universes import MarketFeatures


def folds_of_market(
    features: MarketFeatures, test_start: str, settings: FoldSettings
) -> Iterator[tuple[FoldData, dict[str, Any]]]:
    """Yield each fold's arrays and description; the test days are left out.

    Raises:
        ValueError: the market has fewer days than its folds need.

    """
    starts = day_starts(features.dates[: first_test_day(features.dates, test_start)])
    days = len(starts) - 1
    resolved = settings.resolve(days)
    cuts = walk_forward(
        days,
        resolved.count,
        resolved.train_days,
        resolved.validation_days,
        resolved.purge_days,
        resolved.window,
    )
    for fold in cuts:
        own, cut = features.of_fold(fold.in_bars(starts))
        data, scalers = cut_fold(own, cut)
        yield data, describe_fold(own, cut, resolved, scalers)


def touched_folds(before: MarketFeatures, after: MarketFeatures, test_start: str, settings: FoldSettings) -> list[int]:
    """Return the folds whose bytes differ between two states of a market: their runs would be made again.

    Raises:
        ValueError: one of the two has fewer days than the folds need.

    """
    pair = [folds_of_market(features, test_start, settings) for features in (before, after)]
    return [
        number
        for number, ((old, _), (new, _)) in enumerate(zip(*pair, strict=True))
        if fold_bytes(old) != fold_bytes(new)
    ]


def describe_fold(features: Features, fold: Fold, settings: FoldSettings, scalers: dict[str, Any]) -> dict[str, Any]:
    """Return what a fold's json says: its resolved settings, days, sizes and scalers."""
    return {
        "settings": settings.model_dump(include=set(IN_DAYS)),
        "tickers": list(features.tickers),
        "volatility": features.volatility,
        PERIODS_PER_YEAR: features.periods_per_year,
        **{
            name: {
                "first_day": f"{features.dates[days[0]]:%Y-%m-%d}",
                "last_day": f"{features.dates[days[-1]]:%Y-%m-%d}",
                "days": features.dates[list(days)].normalize().nunique(),
                "bars": len(days),
            }
            for name, days in (("train", fold.train), ("validation", fold.validation))
        },
        "scalers": scalers,
    }

"""What the baselines are worth by a sweep's objective, so that they stand beside its values."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.sweeps.measures import Record, UndefinedError, take
from workflow_scripts.sweeps.objectives import Objective
from workflow_scripts.workflow.paths import read_back


def baseline_values(folds: Sequence[Path], objective: Objective) -> dict[str, dict[int, float]]:
    """Return, for each baseline, its value on each fold's validation days; where it is undefined the fold is missing.

    Args:
        folds: fold_{fold}.parquet, with a column of daily returns for each baseline.
        objective: what daily returns are worth.

    """
    values: dict[str, dict[int, float]] = {}
    for path in folds:
        fold = int(read_back("fold_{fold}", path.with_suffix(""))["fold"])
        daily = read_daily(path)
        benchmark = daily.columns.get("benchmark")
        for name, daily_returns in daily.columns.items():
            own = values.setdefault(name, {})
            with suppress(UndefinedError):
                record = Record(
                    daily_returns, benchmark, periods_per_year=daily.periods_per_year, risk_free=daily.risk_free
                )
                own[fold] = take(objective.name, objective.value, record)
    return values


def baseline_scores(folds: Sequence[Path], objective: Objective) -> dict[str, float]:
    """Return what each baseline is worth over all folds, as a trial with a run per fold, where that is defined."""
    scores = {}
    for name, values in baseline_values(folds, objective).items():
        if len(values) == len(folds):
            with suppress(UndefinedError):
                scores[name] = objective.score(np.asarray(list(values.values())))
    return scores

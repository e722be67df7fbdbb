"""A trial's score, computed from the daily returns that its runs kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.sweeps import objectives
from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.sweeps.history import Score
from workflow_scripts.sweeps.measures import Record, UndefinedError, take, take_all
from workflow_scripts.training.sharpe import RunResult, read_result
from workflow_scripts.training.trials import read_trial
from workflow_scripts.workflow.paths import fold_and_seed, read_back


def score_of(config: Path, runs: Sequence[Path], benchmarks: Sequence[Path], objective: str) -> Score:
    """Return a trial's score over folds and seeds, its standard error, and the value and measures of each run.

    Args:
        config: the trial's config.yaml.
        runs: sharpe.json of every fold and seed, with returns.parquet beside each.
        benchmarks: fold_{fold}.parquet of the market's folds, whose column ``benchmark`` holds its daily returns.
        objective: what a run and a trial are worth: one of the shipped ones, or module:function.

    Raises:
        ValueError: a file is damaged, or a run and its benchmark are not of the same days.

    """
    trial, wanted = read_trial(config), objectives.find(objective)
    by_fold = {int(read_back("fold_{fold}", path.with_suffix(""))["fold"]): path for path in benchmarks}
    results = [read_result(run) for run in runs]
    records = [_read_record(run.with_name("returns.parquet"), by_fold.get(fold_and_seed(run)[0])) for run in runs]
    rows = [_judge(*each, wanted) for each in zip(runs, results, records, strict=True)]
    status, reason, value, error = objectives.summarise_runs(rows, wanted)
    return Score(
        trial.sweep,
        trial.round,
        trial.trial,
        trial.budget,
        status,
        reason,
        value,
        error,
        trial.configuration,
        rows,
        trial.parent,
        trial.phases,
        objective,
        records[0].periods_per_year,
    )


def _judge(run: Path, result: RunResult, record: Record, objective: objectives.Objective) -> dict[str, Any]:
    """Return what score.json says of a run."""
    fold, seed = fold_and_seed(run)
    values, undefined = take_all(record)
    value, reason = None, result.reason
    if result.status == "ok":
        try:
            value = take(objective.name, objective.value, record)
        except UndefinedError as error:
            reason = f"{objective.name} is undefined: {error}"
    return {
        "fold": fold,
        "seed": seed,
        "status": result.status,
        "reason": reason,
        "days": result.days,
        "sharpe": result.sharpe,
        "value": value,
        "measures": values,
        "undefined": undefined,
    }


def _read_record(returns: Path, benchmark: Path | None) -> Record:
    """Return a run's daily returns beside the benchmark's; a run that failed has none.

    Raises:
        ValueError: they are not of the same days.

    """
    own = read_daily(returns)
    daily_returns, turnover, benchmark_returns = own.columns["daily_return"], own.columns["turnover"], None
    if benchmark is not None and len(own.days):
        other = read_daily(benchmark)
        if not np.array_equal(own.days, other.days):
            raise ValueError(f"{returns} has {len(own.days)} days and {benchmark} {len(other.days)}: not the same days")
        benchmark_returns = other.columns["benchmark"]
    return Record(daily_returns, benchmark_returns, turnover, own.periods_per_year, own.risk_free)

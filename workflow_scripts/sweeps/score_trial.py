"""The rule score_trial: what a trial is worth by the sweep's objective, with the measures of its runs."""

from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.sweeps import objectives
from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.sweeps.history import Score, write_score
from workflow_scripts.sweeps.measures import Record, UndefinedError, take, take_all
from workflow_scripts.training.sharpe import read_result
from workflow_scripts.training.trials import read_trial
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import fold_and_seed, read_back


def score_trial(
    config: Path, runs: tuple[Path, ...], score: Path, benchmarks: tuple[Path, ...] = (), objective: str = "sharpe"
) -> None:
    """Write a trial's score over folds and seeds, its standard error, and the value and measures of each run.

    Args:
        config: the trial's config.yaml.
        runs: sharpe.json of every fold and seed, with returns.parquet beside each.
        score: the JSON file to write.
        benchmarks: fold_{fold}.parquet of the market's folds, whose column ``benchmark`` holds its daily returns.
        objective: what a run and a trial are worth: one of the shipped ones, or module:function.

    """
    log = start_job("score_trial")
    trial, wanted = read_trial(config), objectives.find(objective)
    by_fold = {int(read_back("fold_{fold}", path.with_suffix(""))["fold"]): path for path in benchmarks}
    rows = [_judge(run, by_fold, wanted) for run in runs]
    status, reason, value, error = objectives.summarise_runs(rows, wanted)
    written = Score(
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
    )
    write_score(written, score)
    log.info(f"{trial.sweep} round={trial.round} trial={trial.trial} status={status} score={value} runs={len(runs)}")


def _judge(run: Path, benchmarks: dict[int, Path], objective: objectives.Objective) -> dict[str, Any]:
    """Return what score.json says of a run."""
    result, (fold, seed) = read_result(run), fold_and_seed(run)
    record = _read_record(run.with_name("returns.parquet"), benchmarks.get(fold))
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
    days, own = read_daily(returns)
    if benchmark is None or not len(days):
        return Record(own["daily_return"], None, own["turnover"])
    other_days, other = read_daily(benchmark)
    if not np.array_equal(days, other_days):
        raise ValueError(f"{returns} has {len(days)} days and {benchmark} {len(other_days)}: not the same days")
    return Record(own["daily_return"], other["benchmark"], own["turnover"])


if __name__ == "__main__":
    command_line(score_trial)

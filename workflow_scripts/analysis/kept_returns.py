"""The daily returns that a verdict rests on, as the runs of a sweep kept them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.sweeps.history import Score, read_score, seeds_on_every_fold
from workflow_scripts.sweeps.measures import Array, UndefinedError, dispersion
from workflow_scripts.training.sharpe import RunResult, read_result
from workflow_scripts.workflow.paths import candidate_of, run_of

Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class TestReturns:
    """What candidates and baselines earned on the test days.

    Attributes:
        days: (days,) the test days.
        returns: daily returns beyond the risk-free rate, (seeds, days), by candidate and baseline; candidates' seeds in
            the order of their files.
        periods_per_year: of the market.
        not_judged: why a candidate or baseline is not among them.

    """

    __test__ = False  # pytest would take the name for a test

    days: Days
    returns: Mapping[str, Array]
    periods_per_year: int
    not_judged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ValidationReturns:
    """What the trials of a sweep and the benchmark earned on the validation days of all folds.

    Attributes:
        days: (days,) the validation days in their order.
        benchmark: (days,) daily returns of the benchmark beyond the risk-free rate.
        trials: the same (seeds, days) of each trial that has them, by the name of its folder below the sweep's.

    """

    days: Days
    benchmark: Array
    trials: Mapping[str, Array]


def read_test_returns(backtests: Sequence[Path], baselines: Sequence[Path]) -> TestReturns:
    """Read what candidates and baselines earned on the test days.

    A candidate of which a run is not ok is not judged: a mean over the runs that survived would flatter it.

    Args:
        backtests: returns.parquet of every candidate and final seed, with sharpe.json beside each.
        baselines: returns.parquet of every baseline.

    Raises:
        ValueError: a file is damaged, or they are not of the same days.

    """
    results: dict[str, list[RunResult]] = {}
    for path in backtests:
        results.setdefault(candidate_of(path), []).append(read_result(path.with_name("sharpe.json")))
    not_judged = {name: reason for name, runs in results.items() if (reason := _why_not(runs))}
    files: dict[str, list[Path]] = {path.parent.name: [path] for path in baselines}
    for path in backtests:
        if (name := candidate_of(path)) not in not_judged:
            files.setdefault(name, []).append(path)
    first = read_daily(baselines[0])
    days = first.days
    returns: dict[str, Array] = {}
    for name, paths in files.items():
        rows = np.stack([_of_days(path, days) for path in paths])
        if constant := sum(_is_constant(row) for row in rows):
            not_judged[name] = f"the daily returns of {constant} of {len(rows)} runs do not vary"
        else:
            returns[name] = rows
    return TestReturns(days, returns, first.periods_per_year, not_judged)


def read_validation_returns(scores: Sequence[Path], benchmarks: Sequence[Path]) -> ValidationReturns:
    """Read what every trial of a sweep earned on the validation days.

    A trial is among them where each of its runs is ok and at least one of its seeds ran on every fold, whichever budget
    it had. On a day that lies in several folds the returns are averaged.

    Args:
        scores: score.json of every trial, with its runs below the same folder.
        benchmarks: fold_{fold}.parquet of every fold, with a column ``benchmark``.

    Raises:
        ValueError: a file is damaged, or they are not of the same days.

    """
    windows = [read_daily(path) for path in benchmarks]
    days = np.concatenate([window.days for window in windows])
    trials = {}
    for path in scores:
        score = read_score(path)
        rows = _rows(score, path.parent, [window.days for window in windows])
        if rows is not None:
            trials[f"{path.parent.parent.name}/{path.parent.name}"] = _by_day(days, rows)
    benchmark = _by_day(days, np.concatenate([window.excess("benchmark") for window in windows])[None])
    return ValidationReturns(np.unique(days), benchmark[0], trials)


def _rows(score: Score, folder: Path, windows: Sequence[Days]) -> Array | None:
    """Return daily returns (seeds, days of all folds in turn) of the seeds that ran on every fold, if any."""
    if any(run["status"] != "ok" for run in score.runs):
        return None
    rows = [
        np.concatenate(
            [_of_days(run_of(folder, fold, seed) / "returns.parquet", window) for fold, window in enumerate(windows)]
        )
        for seed in seeds_on_every_fold(score, len(windows))
    ]
    return np.stack(rows) if rows else None


def _of_days(path: Path, days: Days) -> Array:
    own = read_daily(path)
    if not np.array_equal(own.days, days):
        raise ValueError(
            f"{path} has {len(own.days)} days and its benchmark {len(days)}, or other ones: not the same days"
        )
    return own.excess()


def _by_day(days: Days, rows: Array) -> Array:
    """Return the means per day, in the order of the days, of rows (rows, entries)."""
    unique, places, counts = np.unique(days, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(places, row, len(unique)) for row in rows])
    means: Array = sums / counts
    return means


def _why_not(runs: Sequence[RunResult]) -> str | None:
    bad = [run for run in runs if run.status != "ok"]
    return f"{len(bad)} of {len(runs)} runs {bad[0].status}: {bad[0].reason}" if bad else None


def _is_constant(daily_returns: Array) -> bool:
    try:
        dispersion(daily_returns, "daily returns")
    except UndefinedError:
        return True
    return False

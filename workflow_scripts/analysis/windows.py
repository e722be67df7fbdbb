"""Windows of the test days: what a sweep before each of them shows, and their test returns as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from workflow_scripts.analysis.kept_returns import (
    TestReturns,
    ValidationReturns,
    read_test_returns,
    read_validation_returns,
)
from workflow_scripts.analysis.openings import Openings, openings_of_sweep
from workflow_scripts.training.trials import same_training
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.paths import candidate_of

TUNED, DEFAULT = "rank_1", "default"
# Ensembles of the two, where the verdict judges these.
ENSEMBLES = "ensemble", "default_ensemble"
Item = TypeVar("Item")


@dataclass(frozen=True)
class Window:
    """What a sweep shows on the test days, or on one window of them.

    Attributes:
        sweep: name of the sweep that was made before it.
        market: name of the market whose folds judged that sweep.
        test: what candidates and baselines earned in the window.
        validation: what the sweep's trials and the benchmark earned on the validation days.
        default_is_tuned: whether the tuned configuration is the default.
        openings: how often its test days were opened.
        ensemble: how many seeds trade as one; with more than one such ensembles are judged.
        warnings: what is odd about the market's columns.

    """

    sweep: str
    market: str
    test: TestReturns
    validation: ValidationReturns
    default_is_tuned: bool
    openings: Openings
    ensemble: int = 1
    warnings: tuple[str, ...] = ()


def read_window(
    sweep: str,
    market: str,
    scores: Sequence[Path],
    backtests: Sequence[Path],
    baselines: Sequence[Path],
    benchmarks: Sequence[Path],
    preregistration: Path,
    ledger: Path,
    features: Path,
) -> Window:
    """Read what a sweep shows on its test days.

    Args:
        sweep: name of the sweep.
        market: name of the market whose folds judged it.
        scores: score.json of every trial, with its runs below the same folder.
        backtests: returns.parquet of every candidate and final seed, with their sharpe.json beside them and the
            candidate's config.yaml above them.
        baselines: returns.parquet of every baseline on the test days, the benchmark among them.
        benchmarks: fold_{fold}.parquet of every fold: what the baselines earned on its validation days.
        preregistration: what was to be judged, written before the test days were read.
        ledger: the market's openings.jsonl.
        features: what describes the features of the market whose folds judged it.

    Raises:
        ValueError: a file is damaged, or they are not of the same days.

    """
    configurations = {candidate_of(path): path.parents[1] / "config.yaml" for path in backtests}
    return Window(
        sweep,
        market,
        read_test_returns(backtests, baselines),
        read_validation_returns(scores, benchmarks),
        same_training(configurations[TUNED], configurations[DEFAULT]),
        openings_of_sweep(preregistration, ledger),
        read_json(preregistration).get("ensemble", 1),
        tuple(read_json(features).get("warnings", ())),
    )


def parted(items: Sequence[Item], count: int) -> list[Sequence[Item]]:
    """Return so many parts of equal length of items that stand one window after the other.

    Raises:
        ValueError: the parts would not be equally long.

    """
    length, left = divmod(len(items), count)
    if left:
        raise ValueError(f"{len(items)} files are not as many of each of {count} windows")
    return [items[number * length : (number + 1) * length] for number in range(count)]


def pooled(windows: Sequence[Window]) -> TestReturns:
    """Return the test returns of windows one after the other: of a candidate as it was chosen before each window.

    A candidate or baseline that could not be judged in a window is not judged at all.
    """
    tests = [window.test for window in windows]
    if len(tests) == 1:
        return tests[0]
    names = sorted({name for test in tests for name in (*test.returns, *test.not_judged)})
    missing = {
        name: "; ".join(
            f"{window.sweep}: {window.test.not_judged.get(name, 'it was not traded')}"
            for window in windows
            if name not in window.test.returns
        )
        for name in names
    }
    returns = {
        name: np.concatenate([test.returns[name] for test in tests], axis=1) for name in names if not missing[name]
    }
    days = np.concatenate([test.days for test in tests])
    reasons = {name: reason for name, reason in missing.items() if reason}
    return TestReturns(days, returns, tests[0].periods_per_year, reasons)

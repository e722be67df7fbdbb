"""Objectives: what a sweep makes as large as it can: what a run is worth, and what a trial of several runs is.

A centred objective scores a trial beside the others: score.json, made before they are all known, has the mean of its
runs, and ``read_scores`` turns the means of a sweep into scores whenever trials are compared.
"""

import importlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

import numpy as np

from workflow_scripts.sweeps import measures
from workflow_scripts.sweeps.history import Score, TrialStatus, read_score
from workflow_scripts.sweeps.measures import Array, Measure, Record, UndefinedError
from workflow_scripts.workflow.files import first_line


def mean(values: Array) -> float:
    """Return the mean of the runs' values."""
    return float(values.mean())


def standard_error(values: Array) -> float | None:
    """Return the standard error of the mean of the runs' values; none of a single run."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None


@dataclass(frozen=True)
class Objective:
    """What a sweep makes as large as it can.

    Attributes:
        name: as config.yaml spells it.
        label: as plots and tables spell what a value is.
        value: what a run is worth, from its daily returns.
        score: what a trial is worth, from the values of its runs; more than one of them where ``least_runs`` says so.
        least_runs: runs that a trial needs at least.
        annualised: whether the value counts by the periods of a year.
        centred: whether a trial is scored by its runs' values less what the trials have in the same run in the mean.

    """

    name: str
    label: str
    value: Measure
    score: Callable[[Array], float] = mean
    least_runs: int = 1
    annualised: bool = True
    centred: bool = False

    def axis(self, what: str, periods_per_year: int) -> str:
        """Return what an axis of values says: whose they are, and the year that they count by."""
        return f"{self.label} {what}" + (f"\n({periods_per_year} periods per year)" if self.annualised else "")


def excess_sharpe(record: Record) -> float:
    """Return the annualised Sharpe ratio of the daily returns less the benchmark's."""
    excess = record.daily_returns - measures.benchmark_of(record)
    return measures.sharpe_of(excess, record.periods_per_year)


def mean_minus_standard_error(values: Array) -> float:
    """Return the mean of the runs' values less its standard error: a trial whose runs agree is worth more."""
    error = standard_error(values)
    if error is None:
        raise UndefinedError("one run has no standard error")
    return mean(values) - error


OBJECTIVES = {
    objective.name: objective
    for objective in (
        Objective("sharpe", "Sharpe ratio", measures.sharpe),
        Objective("excess_sharpe", "excess Sharpe ratio", excess_sharpe),
        Objective("sortino", "Sortino ratio", measures.sortino),
        Objective("calmar", "Calmar ratio", measures.calmar),
        Objective(
            "mean_minus_se",
            "Sharpe ratio (mean less standard error)",
            measures.sharpe,
            mean_minus_standard_error,
            least_runs=2,
        ),
        Objective(
            "centred_mean_minus_se",
            "Sharpe ratio (centred mean less SE)",
            measures.sharpe,
            mean_minus_standard_error,
            least_runs=2,
            centred=True,
        ),
    )
}


def read_scores(paths: Iterable[Path]) -> list[Score]:
    """Return trials from their score.json, in the same order, with scores that compare.

    Raises:
        ValueError: a file is damaged.

    """
    return beside_each_other([read_score(path) for path in paths])


def beside_each_other(scores: Sequence[Score]) -> list[Score]:
    """Return trials, each alone as its score.json has it, with scores that compare.

    For a centred objective each value loses the mean of the values that trials of its sweep have in the same run, at
    the same budget, before the trial is scored: a hard fold or a lucky seed, which all trials share, is then no part of
    a trial's standard error. So a score changes with the trials that there are.
    """
    alike: dict[tuple[Any, ...], list[Score]] = {}
    for score in scores:
        if score.status == "ok" and score.objective in OBJECTIVES and OBJECTIVES[score.objective].centred:
            alike.setdefault((score.sweep, score.fidelity), []).append(score)
    beside_others = {id(trial): worth for group in alike.values() for trial, worth in _centred(group)}
    return [replace(score, score=beside_others[id(score)]) if id(score) in beside_others else score for score in scores]


def as_if_judged_alike(scores: Sequence[Score]) -> list[Score]:
    """Return trials that were judged by more runs or fewer, with scores that compare.

    What a run brings to every trial is the least squares fit of value = trial + run, with a mean of zero over the runs:
    a trial's score loses what its own runs bring. Else those that were judged on easy folds alone would seem the best.
    """
    judged = [score for score in scores if score.status == "ok" and score.score is not None]
    if len({len(score.runs) for score in judged}) < 2:
        return list(scores)
    places = {run: place for place, run in enumerate(sorted({_of(run) for score in judged for run in score.runs}))}
    rows = {id(score): [places[_of(run)] for run in score.runs] for score in judged}
    values = {id(score): np.asarray([run["value"] for run in score.runs], dtype=np.float64) for score in judged}
    # With the trials' part eliminated: a trial's values say how far its runs are from their mean.
    normal, right = np.zeros((len(places), len(places))), np.zeros(len(places))
    for trial, at in rows.items():
        normal[np.ix_(at, at)] += np.eye(len(at)) - 1 / len(at)
        right[at] += values[trial] - values[trial].mean()
    brings = np.asarray(np.linalg.lstsq(normal, right)[0], dtype=np.float64)
    return [
        replace(score, score=_less(score, values[id(score)], brings[rows[id(score)]])) if id(score) in rows else score
        for score in scores
    ]


def find(name: str) -> Objective:
    """Return the objective that a name stands for.

    Args:
        name: one of OBJECTIVES, or ``module:function`` for the user's own function of a run's daily returns, importable
            from the working folder. It takes a numpy array and returns a finite number, or raises UndefinedError.

    Raises:
        ValueError: there is no such objective, module or function.

    """
    if name in OBJECTIVES:
        return OBJECTIVES[name]
    module, colon, function = name.partition(":")
    if not colon:
        near = get_close_matches(name.lower(), OBJECTIVES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(OBJECTIVES)}."
        raise ValueError(f"{name!r} is no objective; {hint} Your own is written module:function")
    try:
        own = getattr(importlib.import_module(module), function)
    except Exception as error:
        raise ValueError(
            f"{name!r}: {first_line(error)}; the module has to lie in the folder in which Snakemake runs"
        ) from error
    if not callable(own):
        raise ValueError(f"{name!r} is no function")
    return Objective(name, name, lambda record: _own_value(name, own, record), annualised=False)


def summarise_runs(
    runs: Sequence[Mapping[str, Any]], objective: Objective
) -> tuple[TrialStatus, str | None, float | None, float | None]:
    """Return status, reason, score and standard error of a trial, from its runs' status, value and reason."""
    reasons = [run["reason"] or "" for run in runs if run["value"] is None]
    if reasons:
        seen = {"undefined" if run["status"] == "ok" else run["status"] for run in runs if run["value"] is None}
        status = next(status for status in reversed(get_args(TrialStatus)) if status in seen)
        return status, max(sorted(set(reasons)), key=reasons.count), None, None
    values = np.asarray([run["value"] for run in runs], dtype=np.float64)
    try:
        alone = objective.score(values)
        return "ok", None, mean(values) if objective.centred else alone, standard_error(values)
    except UndefinedError as undefined:
        return "undefined", f"{objective.name} is undefined: {undefined}", None, None


def is_annual(name: str) -> bool:
    """Return whether values of an objective are known to count by a year, without a look at the user's module."""
    return name in OBJECTIVES and OBJECTIVES[name].annualised


def label(name: str) -> str:
    """Return how plots and tables spell what a value of an objective is, without a look at the user's module."""
    return OBJECTIVES[name].label if name in OBJECTIVES else name


def _centred(trials: Sequence[Score]) -> list[tuple[Score, float]]:
    """Return trials of one objective with the same runs, each with its score beside the others."""
    keyed = [sorted(trial.runs, key=_of) for trial in trials]
    values = np.asarray([[run["value"] for run in runs] for runs in keyed], dtype=np.float64)
    score = OBJECTIVES[trials[0].objective].score
    return [(trial, score(row)) for trial, row in zip(trials, values - values.mean(axis=0), strict=True)]


def _less(score: Score, values: Array, brings: Array) -> float:
    """Return a trial's score less what its runs bring."""
    if score.objective in OBJECTIVES and OBJECTIVES[score.objective].centred:
        return OBJECTIVES[score.objective].score(values - brings)
    assert score.score is not None
    return score.score - mean(brings)


def _of(run: Mapping[str, Any]) -> tuple[int, int]:
    return run["fold"], run["seed"]


def _own_value(name: str, own: Callable[[Array], float], record: Record) -> float:
    days = len(record.daily_returns)
    try:
        value = float(own(record.daily_returns.copy()))
    except UndefinedError:
        raise
    except Exception as error:
        raise ValueError(
            f"objective {name}, given {days} daily returns: {type(error).__name__}: {first_line(error)}"
        ) from error
    if not math.isfinite(value):
        raise ValueError(f"objective {name}, given {days} daily returns, is {value}: it has to be a finite number")
    return value

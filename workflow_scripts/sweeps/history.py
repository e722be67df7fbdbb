"""What earlier rounds say: trials with their scores, in the order in which they were proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args

from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR
from workflow_scripts.workflow.files import damaged, read_json, write_json

Identity = frozenset[tuple[str, Any]]
TrialStatus = Literal["ok", "undefined", "flat", "failed"]  # from best to worst


@dataclass(frozen=True)
class Score:
    """What score.json says of a trial.

    Attributes:
        sweep: the sweep.
        round: the round that proposed it.
        trial: its place in the round.
        budget: vector steps of each run.
        status: ok if every run has a value; else failed if one failed, else flat if one is, else undefined: the runs
            traded, and the objective is undefined for one of them or for all together.
        reason: the most common reason of the runs without a value.
        score: what the objective makes of the runs' values, the mean of most; none unless every run has one: survivors
            would flatter. In the file of a centred objective the mean: see ``objectives.read_scores``.
        standard_error: of the mean of the values, over the runs.
        configuration: the hyperparameters.
        runs: of each run fold, seed, status, days, sharpe, its ``value`` by the objective and the ``reason`` where it
            has none, its ``measures``, and the reasons of those that are ``undefined``.
        parent: place in the round before of the trial whose training this one continues.
        phases: budget and configuration of each phase before.
        objective: the name of what the sweep makes as large as it can.
        periods_per_year: days per year of the market, by which every number of a year is counted.

    """

    sweep: str
    round: int
    trial: int
    budget: int
    status: TrialStatus
    reason: str | None
    score: float | None
    standard_error: float | None
    configuration: dict[str, Any]
    runs: list[dict[str, Any]] = field(default_factory=list)
    parent: int | None = None
    phases: list[dict[str, Any]] = field(default_factory=list)
    objective: str = "sharpe"
    periods_per_year: int = TRADING_DAYS_A_YEAR

    @property
    def fidelity(self) -> tuple[int, int]:
        """Budget and number of runs: scores compare at equal ones only."""
        return self.budget, len(self.runs)


def seeds_on_every_fold(score: Score, folds: int) -> list[int]:
    """Return the seeds that ran on each of so many folds."""
    ran: dict[int, set[int]] = {}
    for run in score.runs:
        ran.setdefault(run["seed"], set()).add(run["fold"])
    return sorted(seed for seed, own in ran.items() if len(own) == folds)


def write_score(score: Score, path: Path) -> None:
    """Write score.json."""
    write_json(path, asdict(score))


def read_score(path: Path) -> Score:
    """Read score.json.

    Raises:
        ValueError: the file is damaged.

    """
    try:
        score = Score(**read_json(path))
    except TypeError as error:
        raise ValueError(damaged(path, str(error))) from error
    if (score.status == "ok") != (score.score is not None and isfinite(score.score)):
        raise ValueError(damaged(path, f"status {score.status!r} with score {score.score!r}"))
    return score


def rank(scores: Sequence[Score]) -> list[Score]:
    """Return the trials from best to worst: by status, then by score, then in the order of proposal."""
    order = get_args(TrialStatus)
    return sorted(
        scores, key=lambda score: (order.index(score.status), -(score.score or 0.0), score.round, score.trial)
    )


def identity(configuration: Mapping[str, Any]) -> Identity:
    """Return what two configurations have in common that are one; numbers are compared to twelve digits."""
    return frozenset(
        (name, float(f"{value:.12g}") if isinstance(value, float) else value) for name, value in configuration.items()
    )


def at_full_budget(scores: Sequence[Score]) -> list[Score]:
    """Return the trials that had the largest budget and all runs: only these compare, and can be the incumbent."""
    largest = max(score.fidelity for score in scores)
    return [score for score in scores if score.fidelity == largest]


def costs(scores: Sequence[Score]) -> list[float]:
    """Return what an optimizer that minimises is told: −score, and for a crash the worst cost that was seen.

    Raises:
        ValueError: no trial has a score.

    """
    seen = [-score.score for score in scores if score.score is not None]
    if not seen:
        reasons = [score.reason or score.status for score in scores]
        raise ValueError(
            f"none of {len(scores)} trials of {scores[0].sweep} has a score; most often: "
            f"{max(sorted(set(reasons)), key=reasons.count)}"
        )
    return [-score.score if score.score is not None else max(seen) for score in scores]

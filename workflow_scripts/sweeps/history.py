"""What earlier rounds say: trials with their scores, in the order in which they were proposed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.training.sharpe import RunResult, Status
from workflow_scripts.workflow.files import damaged, read_json, write_json


@dataclass(frozen=True)
class Score:
    """What score.json says of a trial.

    Attributes:
        sweep: the sweep.
        round: the round that proposed it.
        trial: its place in the round.
        budget: vector steps of each run.
        status: ok if every run is; else failed if one failed, else flat.
        reason: the most common reason of the runs that are not ok.
        score: mean of the runs' Sharpe ratios; none unless every run is ok: survivors would flatter.
        standard_error: of that mean, over the runs.
        configuration: the hyperparameters.
        runs: fold, seed, status, sharpe, days, skewness and kurtosis of each run.
        parent: place in the round before of the trial whose training this one continues.
        phases: budget and configuration of each phase before.

    """

    sweep: str
    round: int
    trial: int
    budget: int
    status: Status
    reason: str | None
    score: float | None
    standard_error: float | None
    configuration: dict[str, Any]
    runs: list[dict[str, Any]] = field(default_factory=list)
    parent: int | None = None
    phases: list[dict[str, Any]] = field(default_factory=list)

    @property
    def fidelity(self) -> tuple[int, int]:
        """Budget and number of runs: scores compare at equal ones only."""
        return self.budget, len(self.runs)


def summarise_runs(results: Sequence[RunResult]) -> tuple[Status, str | None, float | None, float | None]:
    """Return status, reason, mean Sharpe ratio and its standard error of a trial's runs."""
    reasons = [result.reason or "" for result in results if result.status != "ok"]
    if reasons:
        status: Status = "failed" if any(result.status == "failed" for result in results) else "flat"
        return status, max(sorted(set(reasons)), key=reasons.count), None, None
    sharpes = np.asarray([result.sharpe for result in results], dtype=np.float64)
    error = float(sharpes.std(ddof=1) / np.sqrt(len(sharpes))) if len(sharpes) > 1 else None
    return "ok", None, float(sharpes.mean()), error


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
    """Return the trials from best to worst: by score, then flat, then failed; ties by the order of proposal."""
    order = {"ok": 0, "flat": 1, "failed": 2}
    return sorted(scores, key=lambda score: (order[score.status], -(score.score or 0.0), score.round, score.trial))


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

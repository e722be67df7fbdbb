"""The leaderboard of sweeps: what each found, at what cost, against random search and the default configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from workflow_scripts.sweeps.history import Score, at_full_budget, rank

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Sweep:
    """A sweep to compare.

    Attributes:
        name: its name.
        agent: the algorithm.
        optimizer: what proposed its configurations.
        market: the market.
        scores: its trials, in the order of proposal.
        default: the default configuration.
        num_envs: portfolios of a run: a vector step is that many env-steps.
        cpu_seconds: of all its trainings; none where no run reports them.

    """

    name: str
    agent: str
    optimizer: str
    market: str
    scores: Sequence[Score]
    default: Mapping[str, object]
    num_envs: int
    cpu_seconds: float | None

    @property
    def objective(self) -> str:
        """What the sweep makes as large as it can: values of one objective do not compare with those of another."""
        return self.scores[0].objective


def mean_and_interval(values: NDArray[np.float64]) -> tuple[float, float | None]:
    """Return a mean and the half-width of its 95 % interval (Student's t); a single value has none."""
    if len(values) < 2:
        return float(values.mean()), None
    half = stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(half)


def vector_steps(scores: Sequence[Score]) -> list[int]:
    """Return the vector steps that each trial cost: of a run that continued its parent's, those beyond the parent's."""
    at: dict[tuple[int, int | None], Score] = {(score.round, score.trial): score for score in scores}
    return [_steps(score, at.get((score.round - 1, score.parent))) for score in scores]


def _steps(score: Score, parent: Score | None) -> int:
    continued = {(run["fold"], run["seed"]) for run in parent.runs} if parent is not None else set()
    saved = [parent.budget for run in score.runs if parent is not None and (run["fold"], run["seed"]) in continued]
    return score.budget * len(score.runs) - sum(saved)


def anytime(scores: Sequence[Score]) -> pd.DataFrame:
    """Return the best score so far at full budget over the vector steps spent; columns ``steps`` and ``best``."""
    full = {(score.round, score.trial) for score in at_full_budget(scores)}
    values = [
        score.score if score.score is not None and (score.round, score.trial) in full else np.nan for score in scores
    ]
    return pd.DataFrame({"steps": np.cumsum(vector_steps(scores)), "best": np.fmax.accumulate(values)})


def incumbent(scores: Sequence[Score]) -> Score | None:
    """Return the best trial at full budget; none where none has a score."""
    best = rank(at_full_budget(scores))[0]
    return best if best.status == "ok" else None


def default_trial(scores: Sequence[Score], default: Mapping[str, object]) -> Score | None:
    """Return the trial of the default configuration at full budget, where there is one with a score."""
    for score in at_full_budget(scores):
        trained = [score.configuration, *(phase["configuration"] for phase in score.phases)]
        if score.status == "ok" and all(configuration == default for configuration in trained):
            return score
    return None


def gap(score: Score | None, rival: Score | None) -> tuple[float, float | None] | tuple[None, None]:
    """Return the mean difference of two trials on the same folds and seeds, and its 95 % half-width."""
    if score is None or rival is None:
        return None, None
    own, other = ({(run["fold"], run["seed"]): run["value"] for run in trial.runs} for trial in (score, rival))
    shared = sorted(own.keys() & other.keys())
    return (
        mean_and_interval(np.asarray([own[key] - other[key] for key in shared], dtype=np.float64))
        if shared
        else (None, None)
    )


def compare(sweeps: Sequence[Sweep]) -> pd.DataFrame:
    """Return the leaderboard, a row per sweep: by objective, and of one objective the best incumbent first."""
    rows = []
    for sweep in sweeps:
        best = incumbent(sweep.scores)
        rivals = [
            rival
            for rival in sweeps
            if (rival.optimizer, rival.agent, rival.market, rival.objective)
            == ("random", sweep.agent, sweep.market, sweep.objective)
        ]
        random = incumbent(rivals[0].scores) if rivals and rivals[0] is not sweep else None
        defaults = [
            trial for rival in (sweep, *rivals) if (trial := default_trial(rival.scores, rival.default)) is not None
        ]
        values = np.asarray([run["value"] for run in best.runs], dtype=np.float64) if best else None
        interval = mean_and_interval(values)[1] if values is not None else None
        beyond_random, random_interval = gap(best, random)
        beyond_default, default_interval = gap(best, defaults[0] if defaults else None)
        steps = sum(vector_steps(sweep.scores))
        rows.append(
            {
                "sweep": sweep.name,
                "agent": sweep.agent,
                "optimizer": sweep.optimizer,
                "market": sweep.market,
                "periods_per_year": sweep.scores[0].periods_per_year,
                "trials": len(sweep.scores),
                "without_score": sum(trial.status != "ok" for trial in sweep.scores),
                "objective": sweep.objective,
                "incumbent_score": best.score if best else None,
                "incumbent_interval": interval,
                "reason": _why_not(sweep.scores, best, interval),
                "beyond_default": beyond_default,
                "beyond_default_interval": default_interval,
                "beyond_random": beyond_random,
                "beyond_random_interval": random_interval,
                "vector_steps": steps,
                "env_steps": steps * sweep.num_envs,
                "cpu_hours": None if sweep.cpu_seconds is None else sweep.cpu_seconds / 3600,
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values(
        ["objective", "incumbent_score", "sweep"], ascending=[True, False, True], na_position="last", kind="stable"
    )


def _why_not(scores: Sequence[Score], best: Score | None, interval: float | None) -> str | None:
    """Return why a sweep has no score, or its score no interval."""
    if best is None:
        reasons = [score.reason or score.status for score in at_full_budget(scores)]
        return f"no trial has a score; most often: {max(sorted(set(reasons)), key=reasons.count)}"
    return "one run has no interval" if interval is None else None


def cpu_seconds(scores: Sequence[Path]) -> float | None:
    """Return the CPU seconds of all trainings below these score.json, as the runs themselves report them."""
    files = [path for score in scores for path in sorted(score.parent.glob("fold_*/seed_*/train_agent.tsv"))]
    return float(sum(pd.read_csv(path, sep="\t")["cpu_time"].astype(float).sum() for path in files)) if files else None

"""The leaderboard of sweeps: what each found, at what cost, against random search and the default configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_scripts.analysis.inference.comparisons import (
    luck_of,
    p_value_beyond_reference,
    reach_beyond_reference,
    reach_of_best,
)
from workflow_scripts.sweeps.history import Score, at_full_budget, rank
from workflow_scripts.workflow.paths import run_of
from workflow_scripts.workflow.usage import read_usage

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


@dataclass(frozen=True)
class Gap:
    """By how much the best of a sweep lies beyond a reference; what is undefined is none, and ``reason`` says why.

    Attributes:
        estimate: difference of the mean values of the runs that both have.
        interval: half-width of its 95 % interval, wide enough for the best of all trials of the sweep.
        p_value: how often the best of as many trials that equal the reference would lie so far above it.
        reason: why a number is none.

    """

    estimate: float | None = None
    interval: float | None = None
    p_value: float | None = None
    reason: str | None = None


def value_table(scores: Sequence[Score]) -> NDArray[np.float64] | None:
    """Return values (trials, folds): means over the seeds that all trials have; none where they share no run.

    Where the trials share a single fold its seeds take the place of the folds.
    """
    values = [{(run["fold"], run["seed"]): run["value"] for run in score.runs} for score in scores]
    shared = sorted(set.intersection(*(set(own) for own in values))) if values else []
    if not shared:
        return None
    folds = {fold for fold, _ in shared}
    blocks = (
        [[key for key in shared if key[0] == fold] for fold in sorted(folds)]
        if len(folds) > 1
        else [[key] for key in shared]
    )
    return np.asarray([[np.mean([own[key] for key in block]) for block in blocks] for own in values])


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


def others_than_default(scores: Sequence[Score], default: Mapping[str, object]) -> int:
    """Return how many trials could have been the one that is best beyond the default, at least one."""
    return max(1, sum(score.configuration != default for score in scores))


def gap(best: Score | None, reference: Score | None, others: Sequence[Score], count: int) -> Gap:
    """Return by how much the best of ``count`` trials lies beyond a reference.

    Args:
        best: the best trial.
        reference: what it is compared with.
        others: further trials on the same runs, which tell how far trials stray by luck.
        count: how many trials there were to be the best.

    """
    if best is None or reference is None:
        return Gap()
    if best is reference:
        return Gap(0.0, reason="the incumbent is the default")
    scored = [score for score in others if score.status == "ok" and score is not best and score is not reference]
    values = value_table([best, reference, *scored])
    if values is None:
        return Gap(reason="the two share no run")
    estimate, luck = float(values[0].mean() - values[1].mean()), luck_of(values)
    if luck is None:
        return Gap(estimate, reason="one run")
    if luck.error == 0:
        return Gap(estimate, reason="no two trials differ from run to run")
    interval = reach_beyond_reference(luck, count, CONFIDENCE)
    return Gap(estimate, interval, p_value_beyond_reference(estimate, luck, count))


def reach_of_incumbent(scores: Sequence[Score]) -> float | None:
    """Return the half-width of the interval around the incumbent's value; none where its runs give none."""
    values = value_table([score for score in at_full_budget(scores) if score.status == "ok"])
    return None if values is None else reach_of_best(values, len(scores), CONFIDENCE)


def compare(sweeps: Sequence[Sweep]) -> pd.DataFrame:
    """Return the leaderboard, a row per sweep: by objective, and of one objective the best incumbent first."""
    rows = []
    for sweep in sweeps:
        full = at_full_budget(sweep.scores)
        best = incumbent(sweep.scores)
        rivals = [
            rival
            for rival in sweeps
            if (rival.optimizer, rival.agent, rival.market, rival.objective)
            == ("random", sweep.agent, sweep.market, sweep.objective)
            and at_full_budget(rival.scores)[0].fidelity == full[0].fidelity
        ]
        search = rivals[0] if rivals and rivals[0] is not sweep else None
        defaults = [
            trial for rival in (sweep, *rivals) if (trial := default_trial(rival.scores, sweep.default)) is not None
        ]
        tried = others_than_default(sweep.scores, sweep.default)
        beyond_default = gap(best, defaults[0] if defaults else None, full, tried)
        if best is not None and not defaults:
            beyond_default = Gap(reason="the default was not judged at the full budget")
        beyond_random = Gap()
        if search is not None:
            # Two choices, of which the one among more trials strays further.
            most = max(len(sweep.scores), len(search.scores))
            beyond_random = gap(best, incumbent(search.scores), [*full, *at_full_budget(search.scores)], most)
        interval = reach_of_incumbent(sweep.scores)
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
                "incumbent_value": float(np.mean([run["value"] for run in best.runs])) if best else None,
                "incumbent_interval": interval,
                "reason": _why_not(full, best, interval, beyond_default),
                "beyond_default": beyond_default.estimate,
                "beyond_default_interval": beyond_default.interval,
                "beyond_default_p_value": beyond_default.p_value,
                "beyond_random": beyond_random.estimate,
                "beyond_random_interval": beyond_random.interval,
                "vector_steps": steps,
                "env_steps": steps * sweep.num_envs,
                "cpu_hours": None if sweep.cpu_seconds is None else sweep.cpu_seconds / 3600,
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values(
        ["objective", "incumbent_value", "sweep"], ascending=[True, False, True], na_position="last", kind="stable"
    )


def _why_not(full: Sequence[Score], best: Score | None, interval: float | None, beyond: Gap) -> str | None:
    """Return why a sweep has no score, or a number of it is missing or stands on less than it should."""
    if best is None:
        reasons = [score.reason or score.status for score in full]
        return f"no trial has a score; most often: {max(sorted(set(reasons)), key=reasons.count)}"
    if interval is None:
        return "one run has no interval"
    said = [beyond.reason] if beyond.reason else []
    if len({run["fold"] for run in best.runs}) == 1:
        said.append("one fold: the intervals are of its seeds alone")
    return "; ".join(said) or None


def cpu_seconds(scores: Mapping[Path, Score]) -> float | None:
    """Return the CPU seconds of all trainings of trials, by their score.json, as the runs themselves report them.

    Raises:
        ValueError: what a run took cannot be read; names the file.

    """
    files = [
        run_of(path.parent, run["fold"], run["seed"]) / "train_agent.tsv"
        for path, score in scores.items()
        for run in score.runs
    ]
    seconds = [read_usage(path)["cpu_time"] for path in files if path.exists()]
    return sum(seconds) if seconds else None

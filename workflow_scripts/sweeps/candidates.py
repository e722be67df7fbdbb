"""What a sweep hands to the backtest: the best trainings that differ, the default one and one that never trains."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from workflow_scripts.sweeps.history import Score, at_full_budget, identity, rank
from workflow_scripts.training.trials import Trial


def best_trials(judged: Sequence[Score]) -> list[Score]:
    """Return the trainings at the full budget that have a score and differ, from best to worst.

    Raises:
        ValueError: none has a score.

    """
    full = at_full_budget(judged)
    best = [score for score in distinct(rank(full)) if score.status == "ok"]
    if not best:
        raise ValueError(f"no trial of {full[0].sweep} at its full budget of {full[0].budget} vector steps has a score")
    return best


def candidates(
    agent: str, default: Mapping[str, Any], judged: Sequence[Score], top: int, budget: int | None = None
) -> dict[str, Trial]:
    """Return the trials that the backtest trains anew, by name: rank_1, …, default and untrained.

    Args:
        agent: the algorithm.
        default: the default configuration.
        judged: the sweep's trials.
        top: number of ranks.
        budget: vector steps of the backtest's trainings; none takes the sweep's full budget.

    Raises:
        ValueError: no trial has a score, or fewer trainings differ than there are ranks.

    """
    best, full = best_trials(judged), at_full_budget(judged)[0].budget
    # With fewer scored trials than places those of a lower budget follow, and then those without a score.
    others = sorted(rank(judged), key=lambda score: (score.status != "ok", -score.budget, -len(score.runs)))
    ranked = distinct([*best, *others])[:top]
    if len(ranked) < top:
        raise ValueError(f"{len(ranked)} trainings that differ do not fill {top} ranks: lower backtest.top")
    steps = full if budget is None else budget
    untuned = Trial(best[0].sweep, agent, 0, 0, steps, dict(default))
    named = {f"rank_{place}": _trial(agent, score, steps) for place, score in enumerate(ranked, 1)}
    return named | {"default": untuned, "untrained": replace(untuned, budget=0)}


def distinct(scores: Sequence[Score]) -> list[Score]:
    """Return the scores without those that repeat the training of one before: its configuration, after equal phases.

    One that only continued a training of its own configuration repeats it.
    """
    first: dict[Any, Score] = {}
    for score in scores:
        phases = tuple((phase["budget"], identity(phase["configuration"])) for phase in schedule(score, score.budget))
        first.setdefault((identity(score.configuration), phases), score)
    return list(first.values())


def schedule(score: Score, steps: int) -> list[dict[str, Any]]:
    """Return the phases of a trial's training anew: those that its configuration changes after, stretched to ``steps``.

    So each configuration keeps its share of the training, the last one too.
    """
    after = [*score.phases[1:], {"configuration": score.configuration}]
    changes = [
        phase | {"budget": round(phase["budget"] * steps / score.budget)}
        for phase, following in zip(score.phases, after, strict=False)
        if identity(phase["configuration"]) != identity(following["configuration"])
    ]
    return [phase for phase in changes if 0 < phase["budget"] < steps]


def _trial(agent: str, score: Score, steps: int) -> Trial:
    place = score.sweep, agent, score.round, score.trial
    return Trial(*place, steps, score.configuration, None, schedule(score, steps))

"""What PBT and PB2 have in common: which members of a population go on, and from whose checkpoint the others do."""

from collections.abc import Callable, Collection, Sequence
from itertools import chain, count
from typing import Any

import numpy as np
from ConfigSpace import Configuration
from ConfigSpace.hyperparameters import CategoricalHyperparameter, Constant, Hyperparameter, IntegerHyperparameter

from workflow_scripts.sweeps.designs import initial_points
from workflow_scripts.sweeps.history import Identity, Score, costs, identity, rank
from workflow_scripts.sweeps.optimizers.base import Proposal, Request
from workflow_scripts.sweeps.search_space import allowed, every, to_dict, unlike
from workflow_scripts.workflow.seeds import derive_seed

# What a clone trains with, given its parent, the members that stay as they are, and a generator.
Change = Callable[[Score, Sequence[Score], np.random.Generator], dict[str, Any]]
RESAMPLE_PROBABILITY = 0.25
FACTORS = (0.8, 1.2)


def next_members(request: Request, quantile: float, name: str, change: Change) -> list[Proposal]:
    """Return the members of a round, in the order of their places.

    The worst members, and those without a score, continue from the checkpoint of one of the best, with changed
    hyperparameters. What cannot change during a training stays the parent's.

    Args:
        request: what the round is a function of.
        quantile: share of the members that is replaced, and share whose checkpoints replace them.
        name: the optimizer's, which enters the seed of every draw.
        change: how a clone's hyperparameters become other than its parent's.

    Raises:
        ValueError: no member of the last round has a score.

    """
    space, last = request.space, request.last
    if not request.number:
        return [Proposal(configuration) for configuration in initial_points(space, request.size, request.seed)]
    costs(last)
    ranked = rank(last)
    replaced = max(1, int(request.size * quantile))
    best = [score for score in ranked[:replaced] if score.status == "ok"]
    lost = {score.trial for score in ranked[-replaced:]} | {score.trial for score in last if score.status != "ok"}
    lost -= {best[0].trial}
    staying = [score for score in last if score.trial not in lost]
    members = {
        score.trial: Proposal(Configuration(space, values=score.configuration), score.trial) for score in staying
    }
    seen = {(score.trial, identity(score.configuration)) for score in (*staying, *best)}
    for place in sorted(lost):
        rng = np.random.default_rng(derive_seed(request.seed, name, request.number, place))
        parent = best[int(rng.integers(len(best)))]
        members[place] = Proposal(_clone(request, parent, change(parent, staying, rng), seen, rng), parent.trial)
        seen.add((parent.trial, identity(to_dict(members[place].configuration))))
    return [members[place] for place in range(request.size)]


def _clone(
    request: Request,
    parent: Score,
    values: dict[str, Any],
    seen: Collection[tuple[int, Identity]],
    rng: np.random.Generator,
) -> Configuration:
    """Return what a clone trains with: ``values``, unless they go on from this parent already."""
    kept = {name: parent.configuration[name] for name in request.fixed if name in parent.configuration}
    again = (allowed(request.space, perturbed(request, parent, rng)) for _ in count())
    draws = chain([allowed(request.space, values)], again)
    return unlike(draws, every(request.space, kept), {each for trial, each in seen if trial == parent.trial})


def perturbed(request: Request, parent: Score, rng: np.random.Generator) -> dict[str, Any]:
    """Return PBT's change of a configuration: each entry times 0.8 or 1.2, or drawn anew."""
    space, numbers = request.space, free_numbers(request)
    changed = dict(parent.configuration)
    for name in (*numbers, *free_choices(request)):
        entry = space[name]
        anew = entry.sample_value(seed=np.random.RandomState(int(rng.integers(2**31))))
        if rng.random() < RESAMPLE_PROBABILITY:
            changed[name] = getattr(anew, "item", lambda anew=anew: anew)()
        elif name in numbers:
            changed[name] = moved(entry, changed[name], float(rng.choice(FACTORS)))
    return changed


def moved(entry: Hyperparameter, value: float, factor: float) -> float:
    """Return a number times a factor, within its bounds.

    A whole number moves by one at least: 1 × 1.2 would be 1 again. From zero, which no factor leaves, it moves by the
    same share of its range, upwards where zero is the lower bound.
    """
    is_whole, up = isinstance(entry, IntegerHyperparameter), factor > 1
    away = value * factor if value else (factor - 1) * (entry.upper - entry.lower)
    if not value and not entry.lower <= away <= entry.upper:
        away, up = -away, not up
    if is_whole:
        away = round(away)
        away = away if away != value else value + (1 if up else -1)
    kept = min(max(away, entry.lower), entry.upper)
    return int(kept) if is_whole else float(kept)


def free_numbers(request: Request) -> list[str]:
    """Return the hyperparameters that are numbers and can change during a training."""
    return [
        name
        for name, entry in request.space.items()
        if name not in request.fixed and not isinstance(entry, Constant | CategoricalHyperparameter)
    ]


def free_choices(request: Request) -> list[str]:
    """Return the hyperparameters that are choices and can change during a training."""
    return [
        name
        for name, entry in request.space.items()
        if isinstance(entry, CategoricalHyperparameter) and name not in request.fixed
    ]

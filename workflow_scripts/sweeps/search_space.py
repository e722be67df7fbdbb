"""A search space: config.yaml's entries as a ConfigSpace."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any

import numpy as np
from ConfigSpace import (
    Categorical,
    Configuration,
    ConfigurationSpace,
    Constant,
    Float,
    Integer,
)
from ConfigSpace.forbidden import ForbiddenRelation
from ConfigSpace.hyperparameters import (
    BetaFloatHyperparameter,
    BetaIntegerHyperparameter,
    Hyperparameter,
    IntegerHyperparameter,
)
from numpy.typing import NDArray
from scipy.stats import beta

from workflow_scripts.sweeps.history import Identity, identity
from workflow_scripts.training.agents.base import UPDATE_TERMS, Agent

REPEATS = 50
# A space of so many points is gone through where draws no longer find a new one.
MOST_POINTS = 10**6


class ForbiddenZeroUpdates(ForbiddenRelation):  # type: ignore[misc]
    """Forbids what leaves no update: such a run would never change its networks.

    Attributes:
        agent: the agent, which says how many updates there are.
        terms: those of the update's terms that the space has; the others have the agent's default.
        positions: where the terms stand in a configuration's vector.

    """

    def __init__(self, agent: type[Agent], terms: Sequence[Hyperparameter], seen: Sequence[Hyperparameter]):
        """Make a clause.

        Args:
            agent: the agent.
            terms: those of the update's terms that the space has.
            seen: one or two of them: where one of these changes, ConfigSpace's local search asks the clause.

        """
        super().__init__(seen[0], seen[-1])
        self.agent, self.terms = agent, tuple(terms)
        self.positions: dict[str, int] = {}
        self.known: dict[tuple[str, float], Any] = {}

    def __copy__(self) -> "ForbiddenZeroUpdates":
        return type(self)(self.agent, self.terms, (self.left, self.right))

    def __repr__(self) -> str:
        return f"Forbidden: a {self.left.name} and {self.right.name} that leave no update"

    def set_vector_idx(self, hyperparameter_to_idx: Mapping[str, int]) -> None:
        """Note where the terms stand in a configuration's vector."""
        super().set_vector_idx(hyperparameter_to_idx)
        self.positions = {term.name: hyperparameter_to_idx[term.name] for term in self.terms}

    def is_forbidden_value(self, values: dict[str, Any]) -> bool:
        """Return whether the values leave no update."""
        return not self.agent.leaves_update({term.name: values[term.name] for term in self.terms})

    def is_forbidden_vector(self, vector: NDArray[np.float64]) -> bool:
        """Return whether a configuration's vector leaves no update.

        A local search asks for thousands of vectors, each of which differs from another in one place: values are kept.
        """
        values = {}
        for term in self.terms:
            place = term.name, float(vector[self.positions[term.name]])
            if place not in self.known:
                self.known[place] = term.to_value(place[1])
            values[term.name] = self.known[place]
        return self.is_forbidden_value(values)

    def is_forbidden_vector_array(self, arr: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return a mask over configurations, given a row per hyperparameter."""
        values = {
            term.name: np.asarray(term.to_value(arr[self.positions[term.name]]), dtype=np.float64)
            for term in self.terms
        }
        return ~np.asarray(self.agent.leaves_update(values))


def build_space(entries: Mapping[str, Mapping[str, Any]], agent: type[Agent], seed: int = 0) -> ConfigurationSpace:
    """Return the ConfigSpace of a search space as config.yaml spells it.

    Args:
        entries: the search space.
        agent: the agent whose hyperparameters they are, which says what leaves no update.
        seed: seed of what is sampled from it.

    """
    space = ConfigurationSpace(seed=seed)
    space.add([_hyperparameter(name, entry) for name, entry in entries.items()])
    terms = [space[name] for name in UPDATE_TERMS if name in space]
    if _forbids(terms, agent):
        space.add(ForbiddenZeroUpdates(agent, terms, terms[:2]))
        if terms[2:]:
            space.add(ForbiddenZeroUpdates(agent, terms, terms[1:]))
    elif agent.on_policy and terms[2:]:
        # It forbids nothing, and stays: with another number of clauses ConfigSpace draws other configurations.
        space.add(ForbiddenZeroUpdates(agent, terms, terms[:2]))
    return space


def _forbids(terms: Sequence[Hyperparameter], agent: type[Agent]) -> bool:
    """Return whether a corner of the terms' values leaves no update."""
    ends = [term.choices if hasattr(term, "choices") else _ends(term) for term in terms]
    return any(
        not agent.leaves_update({term.name: value for term, value in zip(terms, corner, strict=True)})
        for corner in product(*ends)
    )


def _ends(term: Hyperparameter) -> tuple[Any, ...]:
    return (term.value,) if isinstance(term, Constant) else (term.lower, term.upper)


def _hyperparameter(name: str, entry: Mapping[str, Any]) -> Hyperparameter:
    kind, default = entry["type"], entry["default"]
    if kind == "constant":
        return Constant(name, default)
    if kind == "categorical":
        return Categorical(name, entry["choices"], default=default)
    if kind == "int":
        bounds = (int(entry["lower"]), int(entry["upper"]))
        uniform = Integer(name, bounds, default=int(default), log=entry["log"])
    else:
        limits = (float(entry["lower"]), float(entry["upper"]))
        uniform = Float(name, limits, default=float(default), log=entry["log"])
    strength = entry.get("prior_strength")
    return _with_prior(uniform, float(strength)) if strength else uniform


def _with_prior(uniform: Hyperparameter, strength: float) -> Hyperparameter:
    """Return a hyperparameter whose Beta distribution over its range, on its scale, has its mode at the default."""
    mode = float(uniform.to_vector(uniform.default_value))
    make = BetaIntegerHyperparameter if isinstance(uniform, IntegerHyperparameter) else BetaFloatHyperparameter
    return make(
        uniform.name,
        alpha=1 + strength * mode,
        beta=1 + strength * (1 - mode),
        lower=uniform.lower,
        upper=uniform.upper,
        default_value=uniform.default_value,
        log=uniform.log,
    )


def without_integer_prior(hyperparameter: Hyperparameter) -> Hyperparameter:
    """Return an integer hyperparameter's even twin, where a user's belief weighs it; any other as it is."""
    if not isinstance(hyperparameter, BetaIntegerHyperparameter):
        return hyperparameter
    bounds = hyperparameter.lower, hyperparameter.upper
    return Integer(hyperparameter.name, bounds, default=hyperparameter.default_value, log=hyperparameter.log)


def from_unit(hyperparameter: Hyperparameter, number: float) -> Any:
    """Return the value at a quantile in [0, 1] of a hyperparameter's prior, uniform where it has none."""
    if hasattr(hyperparameter, "choices"):
        return hyperparameter.choices[int(number * len(hyperparameter.choices))]
    if has_prior(hyperparameter):
        number = float(beta.ppf(number, hyperparameter.alpha, hyperparameter.beta))
    return hyperparameter.to_value(np.float64(number))


def has_prior(hyperparameter: Hyperparameter) -> bool:
    """Return whether a user's belief says where a hyperparameter's best value is."""
    return isinstance(hyperparameter, BetaFloatHyperparameter | BetaIntegerHyperparameter)


def to_dict(configuration: Configuration) -> dict[str, Any]:
    """Return a configuration as plain Python values, in the order of their names."""
    values = {name: getattr(value, "item", lambda value=value: value)() for name, value in dict(configuration).items()}
    return dict(sorted(values.items()))


def adapted(space: ConfigurationSpace, values: Mapping[str, Any]) -> Configuration:
    """Return a configuration of another space in this one.

    What it lacks or has as another choice takes the default; a number outside the bounds moves to the nearest.
    """
    moved = {}
    for name, entry in space.items():
        value = values.get(name, entry.default_value)
        if hasattr(entry, "lower") and isinstance(value, int | float):
            value = min(max(value, entry.lower), entry.upper)
            value = round(value) if isinstance(entry, IntegerHyperparameter) else float(value)
        moved[name] = value if entry.legal_value(value) else entry.default_value
    return allowed(space, moved)


def allowed(space: ConfigurationSpace, values: Mapping[str, Any]) -> Configuration:
    """Return a configuration, with the default of the terms that would leave no update where they do."""
    chosen = dict(values)
    if is_forbidden(space, chosen):
        default = space.get_default_configuration()
        chosen |= {name: default[name] for name in UPDATE_TERMS if name in default}
    return Configuration(space, values=chosen)


def is_forbidden(space: ConfigurationSpace, values: Mapping[str, Any]) -> bool:
    """Return whether a clause of the space forbids a configuration."""
    return any(clause.is_forbidden_value(values) for clause in space.forbidden_clauses)


def every(space: ConfigurationSpace, kept: Mapping[str, Any] | None = None) -> Iterator[Configuration]:
    """Yield all configurations of a space that has an end, and nothing of one that has none, or more than a million.

    Args:
        space: the search space.
        kept: values that stay as they are.

    """
    kept = kept or {}
    free = {name: entry for name, entry in space.items() if name not in kept}
    if math.prod(entry.size for entry in free.values()) > MOST_POINTS:
        return
    for chosen in product(*map(_all_values, free.values())):
        values = {**dict(zip(free, chosen, strict=True)), **kept}
        if not is_forbidden(space, values):
            yield Configuration(space, values=values)


def _all_values(entry: Hyperparameter) -> Sequence[Any]:
    if isinstance(entry, IntegerHyperparameter):
        return range(entry.lower, entry.upper + 1)
    return tuple(entry.choices) if hasattr(entry, "choices") else _ends(entry)[:1]


def unlike(
    draws: Iterator[Configuration], others: Iterator[Configuration], taken: Collection[Identity]
) -> Configuration:
    """Return the first draw that is not taken.

    Args:
        draws: draws without end.
        others: all configurations there are, to look at after fifty draws in a row that are taken; none where there is
            no end of them.
        taken: what was proposed before.

    Raises:
        ValueError: every configuration is taken.

    """
    for each in islice(draws, REPEATS):
        if identity(to_dict(each)) not in taken:
            return each
    looked_at = 0
    for each in others:
        looked_at += 1
        if identity(to_dict(each)) not in taken:
            return each
    if looked_at:
        raise ValueError(
            f"each of the {looked_at} configurations that there are was proposed before: widen the search space, or "
            "lower rounds or round_size"
        )
    return next(each for each in draws if identity(to_dict(each)) not in taken)


def distinct(
    space: ConfigurationSpace,
    draws: Iterator[Configuration],
    count: int,
    start: Sequence[Configuration],
    taken: Collection[Identity] = (),
) -> list[Configuration]:
    """Return ``start``, filled up to ``count`` with draws from a space that neither it nor ``taken`` holds."""
    chosen, seen = list(start), {*taken, *(identity(to_dict(each)) for each in start)}
    while len(chosen) < count:
        chosen.append(unlike(draws, every(space), seen))
        seen.add(identity(to_dict(chosen[-1])))
    return chosen

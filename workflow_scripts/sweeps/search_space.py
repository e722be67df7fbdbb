"""A search space: config.yaml's entries as a ConfigSpace."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from ConfigSpace import (
    Categorical,
    Configuration,
    ConfigurationSpace,
    Constant,
    Float,
    ForbiddenLessThanRelation,
    Integer,
)
from ConfigSpace.hyperparameters import (
    BetaFloatHyperparameter,
    BetaIntegerHyperparameter,
    Hyperparameter,
    IntegerHyperparameter,
)
from numpy.typing import NDArray
from scipy.stats import beta

UPDATE_TERMS = ("batch_size", "horizon_len", "repeat_times")
REPEATS = 50


class ForbiddenZeroUpdates(ForbiddenLessThanRelation):  # type: ignore[misc]
    """Forbids horizon_len × repeat_times < batch_size: such a run would never update its networks."""

    def __init__(self, left: Hyperparameter, right: Hyperparameter, repeat_times: Hyperparameter):
        super().__init__(left, right)
        self.terms = (left, right, repeat_times)
        self.positions: tuple[int, int, int] | None = None

    def __copy__(self) -> "ForbiddenZeroUpdates":
        return type(self)(*self.terms)

    def __repr__(self) -> str:
        batch, horizon, repeat = (term.name for term in self.terms)
        return f"Forbidden: {horizon} * {repeat} < {batch}"

    def set_vector_idx(self, hyperparameter_to_idx: Mapping[str, int]) -> None:
        """Note where the three terms stand in a configuration's vector."""
        super().set_vector_idx(hyperparameter_to_idx)
        batch, horizon, repeat = (hyperparameter_to_idx[term.name] for term in self.terms)
        self.positions = (batch, horizon, repeat)

    def is_forbidden_value(self, values: dict[str, Any]) -> bool:
        """Return whether the values leave no update."""
        batch, horizon, repeat = (values[term.name] for term in self.terms)
        return bool(horizon * repeat < batch)

    def is_forbidden_vector(self, vector: NDArray[np.float64]) -> bool:
        """Return whether a configuration's vector leaves no update."""
        return bool(self.is_forbidden_vector_array(vector[None, :, None])[0].item())

    def is_forbidden_vector_array(self, arr: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return a mask over configurations, given a row per hyperparameter."""
        rows = arr[0] if arr.ndim == 3 else arr
        assert self.positions is not None, "the space sets the positions when the clause is added"
        batch, horizon, repeat = (
            np.asarray(term.to_value(rows[position]), dtype=np.float64)
            for term, position in zip(self.terms, self.positions, strict=True)
        )
        return np.asarray(horizon * repeat < batch)


def build_space(entries: Mapping[str, Mapping[str, Any]], seed: int = 0, on_policy: bool = True) -> ConfigurationSpace:
    """Return the ConfigSpace of a search space as config.yaml spells it.

    Args:
        entries: the search space.
        seed: seed of what is sampled from it.
        on_policy: whether the agent's updates are horizon_len × repeat_times / batch_size, which may leave none.

    """
    space = ConfigurationSpace(seed=seed)
    space.add([_hyperparameter(name, entry) for name, entry in entries.items()])
    if on_policy and all(name in space for name in UPDATE_TERMS):
        space.add(ForbiddenZeroUpdates(*(space[name] for name in UPDATE_TERMS)))
    return space


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
    if any(clause.is_forbidden_value(chosen) for clause in space.forbidden_clauses):
        default = space.get_default_configuration()
        chosen |= {name: default[name] for name in UPDATE_TERMS}
    return Configuration(space, values=chosen)


def distinct(draws: Iterator[Configuration], count: int, start: Sequence[Configuration] = ()) -> list[Configuration]:
    """Return ``start``, filled up to ``count`` with draws that it does not hold yet.

    After fifty of them in a row that it holds the space has hardly any others, and the next is taken as it comes.
    """
    chosen = list(start)
    while len(chosen) < count:
        fresh = (each for each in islice(draws, REPEATS) if each not in chosen)
        chosen.append(next(fresh, None) or next(draws))
    return chosen

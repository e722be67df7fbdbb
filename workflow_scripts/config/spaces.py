"""Search spaces: files of hyperparameters, each checked against what the agent's training takes, and all together."""

import math
import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from workflow_scripts.config.yaml_files import load_yaml
from workflow_scripts.training.agents.base import UPDATE_TERMS, Agent
from workflow_scripts.workflow.model import SettingError, Settings, unknown_key

SHIPPED = Path(__file__).resolve().parents[2] / "search_spaces"
Number = int | float
Value = int | float | str
OF_A_RANGE = ("lower", "upper", "log", "prior_strength")
READ = {"float": OF_A_RANGE, "int": OF_A_RANGE, "categorical": ("choices",), "constant": ()}
# Two bounds nearer than this share of them are one value: what lies between is rounding.
NARROWEST = 1e-9
# ConfigSpace keeps no more decimals of a number: what is written with more would be no value of the space.
DECIMALS = 13
# How many configurations of the terms of an update are looked at; more are judged by as many draws.
LOOKED_AT = 2000
# Below this share of configurations that leave an update the search for one takes longer than what is done with it.
LEAST_SHARE = 0.01


class Hyperparameter(Settings):
    """An entry of a search space, in ConfigSpace's terms."""

    type: Literal["float", "int", "categorical", "constant"] = Field(
        default="float", description="kind of the hyperparameter"
    )
    lower: Number | None = Field(default=None, description="smallest value (`float`, `int`)")
    upper: Number | None = Field(default=None, description="largest value (`float`, `int`)")
    log: bool = Field(default=False, description="whether the optimizer sees its logarithm (`float`, `int`)")
    choices: tuple[Value, ...] | None = Field(default=None, min_length=1, description="its values (`categorical`)")
    default: Value = Field(description="value of the default configuration; the value (`constant`)")
    prior_strength: float | None = Field(
        default=None,
        gt=0,
        le=10**6,
        description="belief that the best value is near `default` (`float`, `int`): a Beta distribution over the "
        "range, on its scale, with its mode there; 4 is vague, 30 narrow, null is none",
    )

    @field_validator("lower", "upper", "default", mode="after")
    @classmethod
    def _rounded(cls, value: Value | None) -> Value | None:
        return round(value, DECIMALS) if isinstance(value, float) else value

    @field_validator("choices", mode="after")
    @classmethod
    def _of_one_kind(cls, choices: tuple[Value, ...] | None) -> tuple[Value, ...] | None:
        """ConfigSpace makes 1.0 of 1 where another choice is 0.5."""
        if not any(isinstance(choice, float) for choice in choices or ()):
            return choices
        return tuple(float(choice) if isinstance(choice, int) else choice for choice in choices or ())

    @field_validator("default", mode="after")
    @classmethod
    def _as_its_choice(cls, default: Value, info: ValidationInfo) -> Value:
        choices = info.data.get("choices") or ()
        return choices[choices.index(default)] if default in choices else default

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for key in (*OF_A_RANGE, "choices"):
            if key not in READ[self.type] and getattr(self, key) != type(self).model_fields[key].default:
                readers = " or ".join(kind for kind, keys in READ.items() if key in keys)
                raise SettingError((key,), f"type {self.type} does not read it; type {readers} would")
        if self.type == "categorical":
            self._check_choices(self.choices or ())
        elif self.type != "constant":
            self._check_range()
        return self

    def _check_choices(self, choices: tuple[Value, ...]) -> None:
        if self.default not in choices:
            raise SettingError(("default",), f"{self.default!r} is not among the choices {list(choices)}")
        if twice := [choice for choice in choices if choices.count(choice) > 1]:
            raise SettingError(("choices",), f"{twice[0]!r} is named {len(twice)} times")

    def _check_range(self) -> None:
        lower, upper, default = self.lower, self.upper, self.default
        if lower is None or upper is None:
            raise SettingError((), f"type {self.type} needs lower and upper")
        if isinstance(default, str):
            raise SettingError(("default",), f"{default!r} is text, not a number; in YAML write 1.0e-5, not 1e-5")
        if lower >= upper:
            raise SettingError((), f"lower {lower} is not below upper {upper}")
        if not lower <= default <= upper:
            raise SettingError(("default",), f"{default} is outside [{lower}, {upper}]")
        if self.log and lower <= 0:
            raise SettingError((), f"log needs lower > 0, not {lower}")
        if self.type == "int" and not all(float(value).is_integer() for value in (lower, upper, default)):
            raise SettingError((), f"type int needs whole numbers, not {lower}, {upper}, {default}")
        if self.type == "float" and upper - lower < NARROWEST * max(abs(lower), abs(upper)):
            raise SettingError((), f"lower {lower} and upper {upper} are one value but for rounding: type constant")

    @property
    def points(self) -> float:
        """Number of its values; infinity where there is no end of them."""
        if self.lower is None or self.upper is None:
            return len(self.choices or (self.default,))
        return math.inf if self.type == "float" else int(self.upper) - int(self.lower) + 1

    def at(self, quantile: float) -> Any:
        """Return the value at a quantile in [0, 1) of its range, on its scale, or of its choices."""
        if self.lower is None or self.upper is None:
            values = self.choices or (self.default,)
            return values[int(quantile * len(values))]
        half = 0.5 if self.type == "int" else 0.0
        lower, upper = self.lower - half, self.upper + half
        value = lower * (upper / lower) ** quantile if self.log else lower + quantile * (upper - lower)
        return min(max(round(value), int(self.lower)), int(self.upper)) if self.type == "int" else value

    def all_values(self) -> list[Any]:
        """Return its values, of which there is an end."""
        if self.lower is None or self.upper is None:
            return list(self.choices or (self.default,))
        return list(range(int(self.lower), int(self.upper) + 1))

    def taken(self, value: Any) -> Any:
        """Return a value of a configuration that the user wrote down, as the entry has it.

        Raises:
            SettingError: it is not one of the entry's values.

        """
        if self.lower is None or self.upper is None:
            values = self.choices or (self.default,)
            if value in values:
                return values[values.index(value)]
            raise SettingError((), f"{value!r} is not among {list(values)}")
        if not self.lower <= value <= self.upper:
            raise SettingError((), f"{value!r} is outside [{self.lower}, {self.upper}]")
        if self.type == "int" and int(value) != value:
            raise SettingError((), f"{value!r} is not a whole number, and the search space has type int")
        return int(value) if self.type == "int" else float(value)

    def spelled(self) -> dict[str, Any]:
        """Return the entry as a kept round's manifest has it."""
        absent = {"prior_strength"} if self.prior_strength is None else set()
        return self.model_dump(mode="json", exclude=absent)


Space = dict[str, Hyperparameter]


def find_space(name: str) -> Path:
    """Return the file of a search space: a path, or a name in search_spaces/, here or else in the checkout.

    Raises:
        FileNotFoundError: there is none.

    """
    if "/" in name or name.endswith((".yaml", ".yml")):
        candidates = [Path(name)]
    else:
        candidates = [Path("search_spaces") / f"{name}.yaml", SHIPPED / f"{name}.yaml"]
    for path in candidates:
        if path.is_file():
            return path
    shipped = ", ".join(sorted(path.stem for path in SHIPPED.glob("*.yaml")))
    raise FileNotFoundError(f"there is no search space {name}: write {candidates[0]}, or name one of {shipped}")


def read_space(path: Path, agent: type[Agent]) -> Space:
    """Return the search space that a file spells, with every value checked against the agent's hyperparameter.

    Text that is a number, which YAML makes of 1e-5, is taken as one.

    Raises:
        ValueError: the file is no mapping of hyperparameters.
        SettingError: an entry is wrong in itself, or names what the agent's training does not take.

    """
    entries = load_yaml(path)
    if not isinstance(entries, Mapping) or not entries:
        raise ValueError("it names no hyperparameter: write one per line, as in learning_rate: {lower: 1.0e-5, …}")
    space = {str(name): read_entry(str(name), entry, agent) for name, entry in entries.items()}
    check_updates(space, agent)
    return space


def read_entry(name: str, entry: Any, agent: type[Agent]) -> Hyperparameter:
    """Return one entry of a search space.

    Raises:
        SettingError: see ``read_space``.

    """
    if name not in agent.model_fields:
        raise unknown_key((name,), agent.model_fields)
    if not isinstance(entry, Mapping):
        raise SettingError(
            (name,), f"{entry!r} is not a mapping such as {{lower: 1.0e-5, upper: 1.0e-3, default: 3.0e-4}}"
        )
    try:
        read = {key: in_domain(key, value, name, agent) for key, value in entry.items()}
        hyperparameter = Hyperparameter.of(read)
        whole = agent.model_fields[name].annotation is int
        if whole and hyperparameter.type == "float":
            raise SettingError(("type",), "is float, and the agent takes whole numbers: write type: int")
    except SettingError as error:
        raise error.below(name) from None
    return hyperparameter


def in_domain(key: str, value: Any, name: str, agent: type[Agent]) -> Any:
    """Return the value of an entry's key as the agent takes it; keys that name no value of the hyperparameter pass.

    Raises:
        SettingError: the agent's training does not take it.

    """
    if key == "choices" and isinstance(value, list):
        return [in_domain(key, choice, name, agent) for choice in value]
    if key not in ("default", "lower", "upper", "choices") or value is None:
        return value
    try:
        taken = agent.value_of(name, value)
    except SettingError as error:
        raise SettingError((key,), error.reason) from None
    return taken if isinstance(value, str) or agent.model_fields[name].annotation is int else value


@dataclass(frozen=True)
class Extent:
    """How many configurations there are.

    Attributes:
        points: those that differ and leave an update; infinity where a number is free.
        exact: whether they were counted; else a share of draws stands for them.
        hits: of ``LOOKED_AT`` configurations drawn at random, how many leave an update.

    """

    points: float
    exact: bool
    hits: int

    def __str__(self) -> str:
        return f"{'' if self.exact else 'about '}{self.points:.0f}"


def extent(space: Space, agent: type[Agent], fixed: Collection[str] = ()) -> Extent:
    """Return how many configurations a search space has that leave an update.

    Args:
        space: the search space.
        agent: the agent, which says what leaves an update.
        fixed: hyperparameters that do not count, since they keep their value.

    """
    free = {name: entry for name, entry in space.items() if name not in fixed}
    terms = {name: entry for name, entry in space.items() if name in UPDATE_TERMS}
    others = math.prod(entry.points for name, entry in free.items() if name not in terms)
    combinations = math.prod(entry.points for entry in terms.values())
    rng = random.Random(0)
    drawn = ({name: entry.at(rng.random()) for name, entry in terms.items()} for _ in range(LOOKED_AT))
    hits = sum(agent.leaves_update(values) for values in drawn)
    if exact := combinations <= LOOKED_AT:
        every = product(*(entry.all_values() for entry in terms.values()))
        allowed: float = sum(agent.leaves_update(dict(zip(terms, values, strict=True))) for values in every)
    else:
        allowed = max(1.0, combinations * hits / LOOKED_AT)
    return Extent(others * allowed, exact or math.isinf(others), hits)


def check_updates(space: Space, agent: type[Agent]) -> None:
    """Check that the default configuration leaves an update, and that others do; the search forbids those that do not.

    Raises:
        SettingError: the default configuration would never update its networks, or nearly none would.

    """
    agent.of(default_configuration(space))
    if (hits := extent(space, agent).hits) < LEAST_SHARE * LOOKED_AT:
        named = ", ".join(name for name in UPDATE_TERMS if name in space)
        raise SettingError(
            (),
            f"{hits} of {LOOKED_AT} configurations drawn at random leave an update, and {LEAST_SHARE * LOOKED_AT:.0f} "
            f"have to: lower batch_size, or raise horizon_len or repeat_times (the space has {named})",
        )


def default_configuration(space: Space) -> dict[str, Any]:
    """Return the default configuration of a search space, in the order of the names."""
    return {
        name: float(entry.default) if entry.type == "float" else entry.default for name, entry in sorted(space.items())
    }

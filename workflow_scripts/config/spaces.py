"""Search spaces: files of hyperparameters, each checked against what the agent's training takes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from workflow_scripts.config.yaml_files import load_yaml
from workflow_scripts.training.agents.base import Agent
from workflow_scripts.workflow.model import SettingError, Settings, unknown_key

SHIPPED = Path(__file__).resolve().parents[2] / "search_spaces"
Number = int | float
Value = int | float | str


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
        description="belief that the best value is near `default` (`float`, `int`): a Beta distribution over the "
        "range, on its scale, with its mode there; 4 is vague, 30 narrow, null is none",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.type == "categorical":
            if self.choices is None or self.default not in self.choices:
                raise SettingError(
                    ("default",), f"{self.default!r} is not among the choices {list(self.choices or ())}"
                )
        elif self.type != "constant":
            self._check_range()
        return self

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

    def values(self) -> Iterator[tuple[str, Value]]:
        """Yield the values that the entry names, each with its key."""
        yield "default", self.default
        for key in ("lower", "upper"):
            if (value := getattr(self, key)) is not None:
                yield key, value
        for choice in self.choices or ():
            yield "choices", choice

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
        if path.exists():
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
        return [in_domain("default", choice, name, agent) for choice in value]
    if key not in ("default", "lower", "upper") or value is None:
        return value
    try:
        taken = agent.value_of(name, value)
    except SettingError as error:
        raise SettingError((key,), error.reason) from None
    return taken if isinstance(value, str) else value


def check_updates(space: Space, agent: type[Agent]) -> None:
    """Check that configurations leave an update.

    Of an on-policy agent the search itself forbids those that do not; its default has to leave one. Of the others it
    is the smallest numbers.

    Raises:
        SettingError: a configuration that the space is sure to propose would never update its networks.

    """
    smallest = {name: entry.lower for name, entry in space.items() if entry.lower is not None}
    agent.of({**default_configuration(space), **({} if agent.on_policy else smallest)})


def default_configuration(space: Space) -> dict[str, Any]:
    """Return the default configuration of a search space, in the order of the names."""
    return {
        name: float(entry.default) if entry.type == "float" else entry.default for name, entry in sorted(space.items())
    }

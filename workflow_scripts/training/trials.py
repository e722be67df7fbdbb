"""A trial's config.yaml: one configuration at one budget."""

from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts.workflow.files import damaged, first_line

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "trial.schema.yaml"


@dataclass(frozen=True)
class Trial:
    """One configuration at one budget.

    Attributes:
        sweep: the sweep that proposed it.
        agent: the algorithm, a name of the registry or module:Class; only a training looks it up.
        round: the round that proposed it.
        trial: its place in the round.
        budget: vector steps that a run trains for.
        configuration: the hyperparameters.
        parent: place in the round before of the trial whose training this one continues; none starts anew.
        phases: budget and configuration of each phase that the training went through before.

    """

    sweep: str
    agent: str
    round: int
    trial: int
    budget: int
    configuration: dict[str, Any]
    parent: int | None = None
    phases: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return what config.yaml holds; a trial that continues no other says nothing of it."""
        return {key: value for key, value in asdict(self).items() if value not in (None, [])}

    def to_yaml(self) -> str:
        """Return the text of config.yaml; equal trials give equal bytes."""
        return yaml.safe_dump(self.to_dict(), sort_keys=True)


def read_trial(path: Path) -> Trial:
    """Read a trial's config.yaml.

    Raises:
        ValueError: it is truncated, or has a key or value that the schema does not allow.

    """
    from jsonschema import ValidationError

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        _validator().validate(content)
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
        where = ".".join(str(part) for part in getattr(error, "absolute_path", ()))
        reason = f"{where}: {error.message}" if isinstance(error, ValidationError) else first_line(error)
        raise ValueError(damaged(path, reason.removeprefix(": "))) from error
    return Trial(**content)


def same_training(first: Path, second: Path) -> bool:
    """Return whether two trials' config.yaml ask for the same training, whichever place proposed them."""
    one, other = read_trial(first), read_trial(second)
    return (one.agent, one.budget, one.configuration, one.phases) == (
        other.agent,
        other.budget,
        other.configuration,
        other.phases,
    )


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(yaml.safe_load(SCHEMA.read_text(encoding="utf-8")))

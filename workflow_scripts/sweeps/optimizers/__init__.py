"""One module an optimizer; each proposes a round from the scores of the rounds before it."""

from dataclasses import dataclass

from ConfigSpace import Configuration


@dataclass(frozen=True)
class Proposal:
    """A trial to come.

    Attributes:
        configuration: its hyperparameters.
        parent: place of the trial in the round before whose runs it continues; none starts anew.

    """

    configuration: Configuration
    parent: int | None = None

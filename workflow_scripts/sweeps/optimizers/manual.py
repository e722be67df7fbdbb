"""Configurations that the user lists."""

from typing import ClassVar

from pydantic import Field, StrictFloat, StrictInt, StrictStr

from workflow_scripts.sweeps.optimizers.base import EqualRounds, Proposal, Request
from workflow_scripts.workflow.model import SettingError


class Manual(EqualRounds):
    """Judges the user's configurations, in their order."""

    takes_warm_start: ClassVar[bool] = False

    configurations: list[dict[str, StrictInt | StrictFloat | StrictStr]] = Field(
        [],
        description="configurations to judge, in order; a hyperparameter left out keeps its default. The list may "
        "grow later, with `rounds`",
    )

    def check(self, rounds: int, runs: int) -> None:
        """Check that the configurations fill the rounds."""
        if len(self.configurations) != rounds * self.round_size:
            raise SettingError(
                ("configurations",),
                f"{len(self.configurations)} configurations do not fill rounds {rounds} × round_size {self.round_size}",
            )

    def propose(self, request: Request) -> list[Proposal]:
        """Return the next of the configurations."""
        from ConfigSpace import Configuration

        default = dict(request.space.get_default_configuration())
        chosen = self.configurations[request.number * self.round_size :][: self.round_size]
        return [Proposal(Configuration(request.space, values=default | values)) for values in chosen]

"""PBT (Jaderberg et al. 2017): a population whose worst members go on from the best, with changed hyperparameters."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from workflow_scripts.sweeps.optimizers.base import MOST_STEPS, Optimizer, Proposal, Request, Round, RoundSize


class PBT(Optimizer):
    """A round is an interval of one training for every member; clones change by random factors."""

    changes_trainings: ClassVar[bool] = True

    round_size: Annotated[RoundSize, Field(ge=2)] = 4
    interval: int = Field(
        ge=1, le=MOST_STEPS, description="vector steps of a round; the full budget is rounds × interval"
    )
    quantile: float = Field(
        0.25, gt=0, le=0.5, description="share of the members that is replaced after a round, by as many of the best"
    )

    @property
    def continues(self) -> bool:
        """Every member goes on."""
        return True

    def schedule(self, rounds: int, runs: int) -> list[Round]:
        """Return the intervals of one training; a round's budget holds those before it."""
        return [Round(self.round_size, self.interval * (number + 1), runs) for number in range(rounds)]

    def needs(self, rounds: Sequence[Round]) -> int:
        """Return how many configurations have to differ: the members of a round, should one be the parent of all."""
        return self.round_size

    def propose(self, request: Request) -> list[Proposal]:
        """Return the members in the order of their places."""
        from workflow_scripts.sweeps.populations import next_members, perturbed

        return next_members(request, self.quantile, "pbt", lambda parent, _, rng: perturbed(request, parent, rng))

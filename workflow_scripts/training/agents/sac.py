"""Soft actor-critic (Haarnoja et al. 2018) with two independent critics."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from workflow_scripts.training.agents.base import LearningRate
from workflow_scripts.training.agents.kinds.off_policy import OffPolicy

if TYPE_CHECKING:
    from workflow_scripts.training.learners.trading_agent import TradingAgent
    from workflow_scripts.training.networks.shape import Architecture
    from workflow_scripts.training.together.stack import Stack


class SAC(OffPolicy):
    """SAC."""

    fixed = (*OffPolicy.fixed, "alpha")
    critics: ClassVar[int] = 2

    learning_rate: LearningRate = 3e-3
    alpha: float = Field(
        default=0.01,
        gt=0,
        le=1000,
        description="temperature at the start, the weight of the entropy, which is then adjusted by itself, up to "
        "e² (7.4)",
    )
    target_entropy: float = Field(
        default=0.4,
        ge=-20,
        le=0.6931,
        description="entropy that the adjustment aims at, in nats per action dimension, which has ln 2 at most: an "
        "action is within [-1, 1]",
    )

    def learner(self) -> "type[TradingAgent]":
        """Return what learns by these hyperparameters."""
        from workflow_scripts.training.learners.sac import SoftActorCritic

        return SoftActorCritic

    def compiled_learner(self, architecture: "Architecture") -> "type[TradingAgent] | None":
        """Return SAC's own; an agent derived from it may learn something else."""
        if type(self) is not SAC:
            return None
        from workflow_scripts.training.compiled.flat import CompiledFlatSAC
        from workflow_scripts.training.compiled.sac import CompiledSAC

        return CompiledSAC if architecture == "shared" else CompiledFlatSAC

    def stacked_learner(self) -> "type[Stack] | None":
        """Return SAC's own; an agent derived from it may learn something else."""
        if type(self) is not SAC:
            return None
        from workflow_scripts.training.together.sac import StackedSAC

        return StackedSAC

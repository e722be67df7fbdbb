"""elegantrl's modified SAC: the worse the critics, the rarer the actor's updates."""

from typing import TYPE_CHECKING

from pydantic import Field

from workflow_scripts.training.agents.sac import SAC

if TYPE_CHECKING:
    from workflow_scripts.training.learners.trading_agent import TradingAgent
    from workflow_scripts.training.networks.shape import Architecture


class ModSAC(SAC):
    """ModSAC."""

    reliable_tau: float = Field(
        default=0.005,
        gt=0,
        le=1,
        description="how fast the mean critic loss follows, on which the rate of the actor's updates depends",
    )

    def learner(self) -> "type[TradingAgent]":
        """Return what learns by these hyperparameters."""
        from workflow_scripts.training.learners.sac import ModifiedSoftActorCritic

        return ModifiedSoftActorCritic

    def compiled_learner(self, architecture: "Architecture") -> "type[TradingAgent] | None":
        """Return ModSAC's own; an agent derived from it may learn something else."""
        if type(self) is not ModSAC:
            return None
        from workflow_scripts.training.compiled.flat import CompiledFlatModSAC
        from workflow_scripts.training.compiled.sac import CompiledModSAC

        return CompiledModSAC if architecture == "shared" else CompiledFlatModSAC

"""Deep deterministic policy gradient (Lillicrap et al. 2016)."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from workflow_scripts.training.agents.base import LearningRate
from workflow_scripts.training.agents.kinds.off_policy import OffPolicy

if TYPE_CHECKING:
    from workflow_scripts.training.learners.trading_agent import TradingAgent
    from workflow_scripts.training.networks.shape import Architecture


class DDPG(OffPolicy):
    """DDPG."""

    critics: ClassVar[int] = 1

    learning_rate: LearningRate = 2e-3
    explore_noise_std: float = Field(
        default=0.8,
        ge=0,
        le=10,
        description="standard deviation of the noise on actions while collecting, in units of [-1, 1]",
    )

    def learner(self) -> "type[TradingAgent]":
        """Return what learns by these hyperparameters."""
        from workflow_scripts.training.learners.ddpg import DeterministicPolicyGradient

        return DeterministicPolicyGradient

    def compiled_learner(self, architecture: "Architecture") -> "type[TradingAgent] | None":
        """Return that of DDPG and TD3; a user's own agent derived from them may learn something else."""
        if not self.is_shipped():
            return None
        from workflow_scripts.training.compiled.ddpg import CompiledDDPG
        from workflow_scripts.training.compiled.flat import CompiledFlatDDPG

        return CompiledDDPG if architecture == "shared" else CompiledFlatDDPG

    def target_noise_std(self) -> float:
        """Return the standard deviation of the noise that smooths the target policy."""
        return 0.0

    def critic_updates_per_actor_update(self) -> int:
        """Return how many updates of the critics there are for one of the actor."""
        return 1

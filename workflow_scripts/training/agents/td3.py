"""Twin delayed DDPG (Fujimoto et al. 2018): two critics, a smoothed target policy, a slower actor."""

from typing import ClassVar

from pydantic import Field

from workflow_scripts.training.agents.base import LearningRate
from workflow_scripts.training.agents.ddpg import DDPG


class TD3(DDPG):
    """TD3."""

    critics: ClassVar[int] = 2

    learning_rate: LearningRate = 1e-3
    policy_noise_std: float = Field(
        default=0.2,
        ge=0,
        le=10,
        description="standard deviation of the noise that smooths the target policy, clipped at 0.5",
    )
    update_freq: int = Field(default=2, ge=1, le=1000, description="updates of the critics for one of the actor")

    def target_noise_std(self) -> float:
        """Return the standard deviation of the noise that smooths the target policy."""
        return self.policy_noise_std

    def critic_updates_per_actor_update(self) -> int:
        """Return how many updates of the critics there are for one of the actor."""
        return self.update_freq

"""Proximal policy optimisation (Schulman et al. 2017)."""

from typing import TYPE_CHECKING

from pydantic import Field

from workflow_scripts.training.agents.a2c import A2C
from workflow_scripts.training.agents.base import HorizonLen, LearningRate, RepeatTimes

if TYPE_CHECKING:
    from torch import Tensor


class PPO(A2C):
    """PPO; the defaults are those that learn on planted markets: each transition seen once, by large steps."""

    learning_rate: LearningRate = 1e-3
    horizon_len: HorizonLen = 64
    repeat_times: RepeatTimes = 16
    ratio_clip: float = Field(default=0.25, gt=0, le=1, description="clip of the probability ratio around 1")

    def objective(self, logprob: "Tensor", collected: "Tensor", advantage: "Tensor") -> "Tensor":
        """Return PPO's clipped objective of each transition (Schulman et al. 2017, eq. 7)."""
        ratio = (logprob - collected).exp()
        clipped = ratio.clamp(1 - self.ratio_clip, 1 + self.ratio_clip)
        return (advantage * ratio).min(advantage * clipped)

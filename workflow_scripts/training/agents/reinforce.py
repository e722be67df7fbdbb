"""REINFORCE (Williams 1992): the policy gradient of the plain return, without a critic."""

from typing import TYPE_CHECKING

from workflow_scripts.training.agents.base import HorizonLen, LearningRate, RepeatTimes
from workflow_scripts.training.agents.kinds.on_policy import OnPolicy

if TYPE_CHECKING:
    from torch import Tensor


class Reinforce(OnPolicy):
    """REINFORCE: the discounted return up to the rollout's end, less its mean over the same day's portfolios."""

    learning_rate: LearningRate = 2e-3
    horizon_len: HorizonLen = 64
    repeat_times: RepeatTimes = 8

    def objective(self, logprob: "Tensor", collected: "Tensor", advantage: "Tensor") -> "Tensor":
        """Return the policy gradient's objective of each transition."""
        return advantage * logprob

"""Advantage actor-critic (Mnih et al. 2016): the plain policy gradient, without a trust region."""

from typing import TYPE_CHECKING

from pydantic import Field

from workflow_scripts.training.agents.base import HorizonLen, LearningRate, RepeatTimes
from workflow_scripts.training.agents.kinds.on_policy import OnPolicy

if TYPE_CHECKING:
    from torch import Tensor

    from workflow_scripts.training.learners.trading_agent import TradingAgent
    from workflow_scripts.training.networks.shape import Architecture


class A2C(OnPolicy):
    """A2C: an update follows every few days, so that most of a rollout is seen once."""

    learning_rate: LearningRate = 1e-3
    horizon_len: HorizonLen = 16
    repeat_times: RepeatTimes = 32
    lambda_gae_adv: float = Field(
        default=0.95, ge=0, le=1, description="lambda of the generalised advantage estimate (Schulman et al. 2016)"
    )

    def advantage_lambda(self) -> float | None:
        """Return lambda of the generalised advantage estimate."""
        return self.lambda_gae_adv

    def objective(self, logprob: "Tensor", collected: "Tensor", advantage: "Tensor") -> "Tensor":
        """Return the policy gradient's objective of each transition."""
        return advantage * logprob

    def compiled_learner(self, architecture: "Architecture") -> "type[TradingAgent] | None":
        """Return that of A2C and PPO; a user's own agent derived from them may climb something else."""
        if not self.is_shipped():
            return None
        from workflow_scripts.training.compiled.on_policy import CompiledFlatPolicyGradient, CompiledPolicyGradient

        return CompiledPolicyGradient if architecture == "shared" else CompiledFlatPolicyGradient

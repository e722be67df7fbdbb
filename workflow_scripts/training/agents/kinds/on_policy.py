"""What the agents have that learn from what their present policy collected."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from pydantic import Field

from workflow_scripts.training.agents.base import Agent

if TYPE_CHECKING:
    from torch import Tensor

    from workflow_scripts.training.learners.trading_agent import TradingAgent
    from workflow_scripts.training.together.stack import Stack


class OnPolicy(Agent):
    """An on-policy agent; such agents differ in the objective of an update."""

    on_policy = True

    lambda_entropy: float = Field(default=0.01, ge=0, le=1000, description="weight of the entropy bonus")

    @staticmethod
    def update_count(steps: Any, repeat_times: Any, batch_size: Any) -> Any:
        """Return steps × repeat_times / batch_size."""
        return steps * repeat_times / batch_size

    def without_updates(self) -> str:
        """Say why these hyperparameters leave no update."""
        return (
            f"{self.horizon_len} × repeat_times {self.repeat_times:g} / batch_size {self.batch_size} leaves no update: "
            "lower batch_size"
        )

    def learner(self) -> "type[TradingAgent]":
        """Return what learns by these hyperparameters."""
        from workflow_scripts.training.learners.on_policy import PolicyGradient

        return PolicyGradient

    def stacked_learner(self) -> "type[Stack] | None":
        """Return that of the shipped agents; the objective of a user's own may mix the transitions of a batch."""
        if not self.is_shipped():
            return None
        from workflow_scripts.training.together.on_policy import StackedPolicyGradient

        return StackedPolicyGradient

    def advantage_lambda(self) -> float | None:
        """Return lambda of the generalised advantage estimate; none: no critic, an advantage is the plain return."""
        return None

    @abstractmethod
    def objective(self, logprob: "Tensor", collected: "Tensor", advantage: "Tensor") -> "Tensor":
        """Return what an update climbs, (batch,), of transitions.

        Args:
            logprob: log-probabilities of the actions under the present policy.
            collected: the same under the policy that took them.
            advantage: how much better the actions were than the others of the rollout, standardised.

        """

"""What the agents have that learn from a buffer of past transitions."""

from typing import Any, ClassVar

from pydantic import Field

from workflow_scripts.training.agents.base import Agent, BatchSize, Gamma, HorizonLen, LearningRate


class OffPolicy(Agent):
    """An agent with a buffer; the defaults are those that learn on planted markets.

    Attributes:
        critics: independent critics, of which the smallest value counts.

    """

    on_policy = False
    fixed = (*Agent.fixed, "buffer_size")
    critics: ClassVar[int]

    learning_rate: LearningRate = 1e-3
    gamma: Gamma = 0.95
    batch_size: BatchSize = 256
    horizon_len: HorizonLen = 64
    repeat_times: float = Field(default=0.25, gt=0, le=10_000, description="updates per vector step")
    n_step: int = Field(
        default=3,
        ge=1,
        le=100,
        description="vector steps whose rewards a critic's target adds up, discounted, before it takes the target "
        "critics' word for the rest (n-step returns, Sutton 1988, without a correction for the policy's change since)",
    )
    buffer_size: int = Field(default=8192, ge=1, le=2**24, description="vector steps that the buffer remembers")
    soft_update_tau: float = Field(
        default=0.05, ge=0, le=1, description="how far a target network follows its network at every update"
    )

    @staticmethod
    def update_count(steps: Any, repeat_times: Any, batch_size: Any) -> Any:
        """Return steps × repeat_times."""
        return steps * repeat_times

    def without_updates(self) -> str:
        """Say why these hyperparameters leave no update."""
        return f"{self.horizon_len} × repeat_times {self.repeat_times:g} leaves no update: raise repeat_times"

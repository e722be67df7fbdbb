"""What all agents have: their hyperparameters, with bounds and defaults, and what decides how often they update."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from workflow_scripts.workflow.model import SettingError, Settings
from workflow_scripts.workflow.registry import find

if TYPE_CHECKING:
    from torch import Tensor

    from workflow_scripts.training.learners.trading_agent import TradingAgent

PACKAGE = "workflow_scripts.training.agents"
LearningRate = Annotated[float, Field(gt=0, description="step size of AdamW")]
Width = Annotated[int, Field(ge=1, description="width of a hidden layer")]
BatchSize = Annotated[int, Field(ge=1, description="transitions that an update draws")]
HorizonLen = Annotated[int, Field(ge=1, description="vector steps collected between updates")]
RepeatTimes = Annotated[float, Field(gt=0, description="how often updates repeat what was collected")]


class Agent(Settings):
    """An agent: its hyperparameters as fields, and what learns by them.

    Attributes:
        on_policy: whether it learns from what its present policy collected, not from a buffer of past transitions.
        fixed: hyperparameters that cannot change during a training.

    """

    on_policy: ClassVar[bool]
    fixed: ClassVar[tuple[str, ...]] = ("net_dims_0", "net_dims_1")

    learning_rate: LearningRate = 3e-4
    gamma: float = Field(default=0.985, ge=0, le=1, description="discount factor per day")
    net_dims_0: Width = 256
    net_dims_1: Width = 128
    batch_size: BatchSize = 512
    horizon_len: HorizonLen = 512
    repeat_times: RepeatTimes = 16

    @model_validator(mode="after")
    def _refuse_no_updates(self) -> Self:
        if self.updates(self.horizon_len) < 1:
            raise SettingError(("horizon_len",), self.without_updates())
        return self

    @property
    def net_dims(self) -> tuple[int, int]:
        """The widths of the hidden layers."""
        return self.net_dims_0, self.net_dims_1

    def updates(self, steps: int) -> int:
        """Return how many updates follow ``steps`` collected vector steps; the number of envs does not matter."""
        raise NotImplementedError

    def without_updates(self) -> str:
        """Say why these hyperparameters leave no update."""
        raise NotImplementedError

    def learner(self) -> "type[TradingAgent]":
        """Return what learns by these hyperparameters; torch is imported here."""
        raise NotImplementedError


class OnPolicy(Agent):
    """An agent that learns from what its present policy collected; agents differ in the objective of an update."""

    on_policy = True

    lambda_entropy: float = Field(default=0.01, ge=0, description="weight of the entropy bonus")

    def updates(self, steps: int) -> int:
        """Return how many updates follow ``steps`` collected vector steps: steps × repeat_times / batch_size."""
        return int(steps * self.repeat_times / self.batch_size)

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

    def advantage_lambda(self) -> float | None:
        """Return lambda of the generalised advantage estimate; none: no critic, an advantage is the plain return."""
        return None

    def objective(self, logprob: "Tensor", collected: "Tensor", advantage: "Tensor") -> "Tensor":
        """Return what an update climbs, (batch,), of transitions.

        Args:
            logprob: log-probabilities of the actions under the present policy.
            collected: the same under the policy that took them.
            advantage: how much better the actions were than the others of the rollout, standardised.

        """
        raise NotImplementedError


class OffPolicy(Agent):
    """An agent with a buffer; the defaults are elegantrl's, with updates for every fourth vector step.

    Attributes:
        critics: independent critics, of which the smallest value counts.

    """

    on_policy = False
    fixed = (*Agent.fixed, "buffer_size")
    critics: ClassVar[int]

    batch_size: BatchSize = 256
    horizon_len: HorizonLen = 64
    repeat_times: RepeatTimes = 0.5
    buffer_size: int = Field(default=8192, ge=1, description="vector steps that the buffer remembers")
    soft_update_tau: float = Field(
        default=0.005, ge=0, le=1, description="how far a target network follows its network at every update"
    )

    def updates(self, steps: int) -> int:
        """Return how many updates follow ``steps`` collected vector steps: steps × repeat_times."""
        return int(steps * self.repeat_times)

    def without_updates(self) -> str:
        """Say why these hyperparameters leave no update."""
        return f"{self.horizon_len} × repeat_times {self.repeat_times:g} leaves no update: raise repeat_times"


def agent_of(name: str) -> type[Agent]:
    """Return an agent by its name, or the user's own by module:Class.

    Raises:
        ValueError: there is no such agent.

    """
    return find(PACKAGE, name, Agent)

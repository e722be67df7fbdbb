"""What all agents have: their hyperparameters, with bounds and defaults, and what decides how often they update."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from workflow_scripts.workflow.model import SettingError, Settings
from workflow_scripts.workflow.registry import find

if TYPE_CHECKING:
    from workflow_scripts.training.learners.trading_agent import TradingAgent
    from workflow_scripts.training.networks.shape import Architecture
    from workflow_scripts.training.together.stack import Stack

PACKAGE = "workflow_scripts.training.agents"
LearningRate = Annotated[float, Field(gt=0, le=1, description="step size of AdamW")]
Gamma = Annotated[float, Field(ge=0, le=1, description="discount factor per day")]
Width = Annotated[int, Field(ge=1, le=2**14, description="width of a hidden layer")]
BatchSize = Annotated[int, Field(ge=1, le=2**20, description="transitions that an update draws")]
HorizonLen = Annotated[
    int, Field(ge=1, le=2**20, description="vector steps collected between updates, at most as many as the budget")
]
RepeatTimes = Annotated[
    float,
    Field(
        gt=0,
        le=10_000,
        description="transitions drawn per vector step; a transition is drawn repeat_times / num_envs times",
    ),
]
# What decides whether an update follows a collection.
UPDATE_TERMS = ("batch_size", "horizon_len", "repeat_times")


class Agent(Settings, ABC):
    """An agent: its hyperparameters as fields, and what learns by them.

    Attributes:
        on_policy: whether it learns from what its present policy collected, not from a buffer of past transitions.
        fixed: hyperparameters that cannot change during a training.

    """

    on_policy: ClassVar[bool]
    fixed: ClassVar[tuple[str, ...]] = ("net_dims_0", "net_dims_1", "dropout")

    learning_rate: LearningRate = 3e-4
    gamma: Gamma = 0.9
    net_dims_0: Width = 256
    net_dims_1: Width = 128
    batch_size: BatchSize = 512
    horizon_len: HorizonLen = 512
    repeat_times: RepeatTimes = 16
    weight_decay: float = Field(
        default=0.01, ge=0, le=100, description="decay of all weights: learning_rate × this, at each update (AdamW)"
    )
    dropout: float = Field(
        default=0.0, ge=0, le=0.9, description="share of the hidden units that each update leaves out; none trades so"
    )
    feature_noise: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="standard deviation of what is added to the features in training, drawn for each collection; a "
        "feature has 1",
    )

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
        return int(self.update_count(steps, self.repeat_times, self.batch_size))

    @staticmethod
    @abstractmethod
    def update_count(steps: Any, repeat_times: Any, batch_size: Any) -> Any:
        """Return how many updates follow ``steps`` vector steps, before it is rounded down; of numbers or of arrays."""

    @classmethod
    def leaves_update(cls, values: Mapping[str, Any]) -> Any:
        """Return whether a configuration leaves an update; of numbers, or of arrays for each of their places.

        Args:
            values: its ``UPDATE_TERMS``; one that it lacks has its default.

        """
        batch, horizon, repeat = (values.get(term, cls.model_fields[term].default) for term in UPDATE_TERMS)
        return cls.update_count(horizon, repeat, batch) >= 1

    @abstractmethod
    def without_updates(self) -> str:
        """Say why these hyperparameters leave no update."""

    @classmethod
    def is_shipped(cls) -> bool:
        """Return whether the agent is one of this package, and not a user's own that derives from it."""
        return cls.__module__.rpartition(".")[0] == PACKAGE

    @abstractmethod
    def learner(self) -> "type[TradingAgent]":
        """Return what learns by these hyperparameters; torch is imported here."""

    def compiled_learner(self, architecture: "Architecture") -> "type[TradingAgent] | None":
        """Return what learns the same, compiled, with such networks on a CPU; none where there is none."""
        return None

    def stacked_learner(self) -> "type[Stack] | None":
        """Return what learns the same for several runs at once; none where there is none."""
        return None


def agent_of(name: str) -> type[Agent]:
    """Return an agent by its name, or the user's own by module:Class.

    Raises:
        ValueError: there is no such agent.

    """
    return find(PACKAGE, name, Agent)

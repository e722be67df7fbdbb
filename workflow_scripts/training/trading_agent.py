"""What every agent has: networks that look the market up, a loop of its own, and a state that can be saved."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar, Literal, Self

import torch
from elegantrl.agents.AgentBase import AgentBase
from elegantrl.train.config import Config
from torch import Tensor, nn

from workflow_scripts.data.folds import Segment
from workflow_scripts.training.adamw import AdamW, for_elegantrl
from workflow_scripts.training.networks import NetworkShape
from workflow_scripts.training.trading_env import TradingEnv

Architecture = Literal["shared", "flat"]
CLIP_GRAD_NORM = 3.0
FIXED = ("net_dims_0", "net_dims_1", "buffer_size")


class TrainingFailedError(Exception):
    """The training diverged: its message is the reason that sharpe.json states."""


@dataclass(frozen=True)
class Hyperparameters:
    """What all agents have.

    Attributes:
        learning_rate: step size of AdamW.
        gamma: discount factor a day.
        net_dims_0: width of the first hidden layer.
        net_dims_1: width of the second hidden layer.
        batch_size: transitions an update draws.
        horizon_len: vector steps collected between updates.
        repeat_times: how often updates repeat what was collected; each agent says how.

    """

    agent: ClassVar[str]

    learning_rate: float = 3e-4
    gamma: float = 0.985
    net_dims_0: int = 256
    net_dims_1: int = 128
    batch_size: int = 512
    horizon_len: int = 512
    repeat_times: float = 16

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> Self:
        """Return the settings of a configuration; a hyperparameter that it leaves out keeps its default.

        Raises:
            ValueError: the configuration names a hyperparameter that the agent does not have, or leaves no update.

        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(configuration) - known):
            raise ValueError(
                f"{cls.agent} has no hyperparameter {', '.join(unknown)}: it has {', '.join(sorted(known))}"
            )
        settings = cls(**configuration)
        if settings.updates(settings.horizon_len) < 1:
            raise ValueError(settings.without_updates())
        return settings

    def updates(self, steps: int) -> int:
        """Return how many updates follow ``steps`` collected vector steps; the number of envs does not matter."""
        raise NotImplementedError

    def without_updates(self) -> str:
        """Say why these settings leave no update."""
        raise NotImplementedError


class TradingAgent:
    """An elegantrl agent on this project's networks and environment; mixed in before elegantrl's class.

    Attributes:
        networks: names of the networks whose weights a saved state holds.
        optimizers: names of their optimizers.
        upstream: elegantrl's class, as its Config wants to know it.

    """

    networks: ClassVar[tuple[str, ...]] = ("act", "cri")
    optimizers: ClassVar[tuple[str, ...]] = ("act_optimizer", "cri_optimizer")
    upstream: ClassVar[type[AgentBase]]

    act: Any
    cri: Any
    device: torch.device

    def __init__(
        self,
        segment: Segment,
        env: TradingEnv,
        settings: Hyperparameters,
        architecture: Architecture = "shared",
        initial_log_std: float = -0.5,
        seed: int = 0,
        same_day_baseline: bool = True,
    ):
        seed_networks(seed)
        self.settings = settings
        self.same_day_baseline = same_day_baseline
        self.action_mode = env.settings.action_mode
        scale = env.tickers if env.observe == "weights" else 1
        shape = NetworkShape.of(segment, (settings.net_dims_0, settings.net_dims_1), initial_log_std, scale)
        self.act_class = partial(self.make_actor, architecture, shape)
        self.cri_class = partial(self.make_critic, architecture, shape)
        with for_elegantrl():
            super().__init__(  # type: ignore[call-arg]
                net_dims=shape.net_dims,
                state_dim=env.state_dim,
                action_dim=env.action_dim,
                gpu_id=-1 if env.device.type == "cpu" else env.device.index or 0,
                args=self._elegantrl_config(env.num_envs),
            )
        for name in self.networks:
            getattr(self, name).show(segment)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.last_state = env.reset()
        self.snapshots: list[dict[str, Tensor]] = []

    def make_actor(self, architecture: Architecture, shape: NetworkShape, *dims: Any) -> nn.Module:
        """Return the policy network; elegantrl hands over its widths, the state's and the action's."""
        raise NotImplementedError

    def make_critic(self, architecture: Architecture, shape: NetworkShape, *dims: Any) -> nn.Module:
        """Return the value network."""
        raise NotImplementedError

    def to_env(self, action: Tensor) -> Tensor:
        """Return what the environment takes for a network's output."""
        raise NotImplementedError

    def optimizer_update(self, optimizer: AdamW, objective: Tensor) -> None:
        """Make one step down the gradient of an objective."""
        optimizer.minimise(objective, CLIP_GRAD_NORM)

    def learn(self, env: TradingEnv, steps: int) -> dict[str, float]:
        """Collect ``steps`` vector steps, make the updates that follow, and return what they say."""
        raise NotImplementedError

    def train(self, env: TradingEnv, budget: int, done: int = 0) -> Iterator[dict[str, float]]:
        """Train until ``budget`` vector steps are done; yield after every round of updates what it did.

        Raises:
            TrainingFailedError: a loss or a weight is no longer finite.

        """
        while done < budget:
            steps = min(self.settings.horizon_len, budget - done)
            said = self.learn(env, steps)
            done += steps
            if not all(map(math.isfinite, said.values())):
                raise TrainingFailedError(f"the loss is not finite after {done} vector steps")
            yield {"steps": done, **said}

    def take_snapshot(self) -> None:
        """Keep the policy's present weights in memory."""
        self.snapshots.append({name: weight.clone() for name, weight in self.act.state_dict().items()})

    def reconfigure(self, settings: Hyperparameters) -> None:
        """Take other hyperparameters in the middle of a training.

        Raises:
            ValueError: they ask for networks or a buffer of another size.

        """
        for name in FIXED:
            if (asked := getattr(settings, name, None)) != (has := getattr(self.settings, name, None)):
                raise ValueError(f"{name} cannot change during a training: it is {has}, and {asked} is asked for")
        for name in self.optimizers:
            getattr(self, name).lr *= settings.learning_rate / self.settings.learning_rate
        for field in fields(settings):
            if hasattr(self, field.name):
                setattr(self, field.name, getattr(settings, field.name))
        self.settings = settings

    def saved_state(self) -> dict[str, Any]:
        """Return all that the agent's further training depends on, between two rounds of updates."""
        return {
            **{name: getattr(self, name).state_dict() for name in (*self.networks, *self.optimizers)},
            "generator": self.generator.get_state(),
            "last_state": self.last_state,
            "snapshots": self.snapshots,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put the agent back where ``saved_state`` found it."""
        for name in (*self.networks, *self.optimizers):
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state["generator"].cpu())
        self.last_state = state["last_state"]
        self.snapshots = list(state["snapshots"])

    def _elegantrl_config(self, num_envs: int) -> Config:
        config = Config(agent_class=self.upstream)
        config.num_envs = num_envs
        config.clip_grad_norm = CLIP_GRAD_NORM
        for field in fields(self.settings):
            setattr(config, field.name, getattr(self.settings, field.name))
        return config


def seed_networks(seed: int) -> None:
    """Seed torch's global generator: torch.nn's initialisers draw from no other."""
    torch.manual_seed(seed)

"""What every learner has: networks that look the market up, a loop of its own, and a state that can be saved."""

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from types import ModuleType
from typing import Any, ClassVar

import torch
from elegantrl.agents.AgentBase import AgentBase
from torch import Tensor, nn

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.agents.base import Agent
from workflow_scripts.training.environment.trading_env import Trace, TradingEnv
from workflow_scripts.training.learners.adamw import AdamW
from workflow_scripts.training.networks import flat, shared
from workflow_scripts.training.networks.market import DropoutReLU
from workflow_scripts.training.networks.shape import Architecture, NetworkShape

CLIP_GRAD_NORM = 3.0
CURVE_POINTS = 64  # rounds of updates of a training that its learning curves show


class TrainingFailedError(Exception):
    """The training diverged: its message is the reason that sharpe.json states."""


class TradingAgent(AgentBase):  # type: ignore[misc]
    """An elegantrl agent on this project's networks and environment.

    Its parts have the names that elegantrl's methods know them by. elegantrl's constructor is not run: it would make
    networks that own no market, and optimizers of torch.optim.

    Attributes:
        window: on which it trains, and whose table its networks share.
        networks: names of the networks whose weights a saved state holds; a target is a copy of its network.
        optimizers: names of their optimizers.
        faster: how many times as fast as the networks' some of them learn, by name.
        tensors: names of what else a saved state holds.
        kernels: the module of its compiled updates; none where torch makes them.
        curves: what was noted of the training so far, a row per noted round of updates.
        noted: what the present round notes beside its losses; none in a round that the curves leave out.

    """

    networks: ClassVar[tuple[str, ...]] = ("act", "cri")
    optimizers: ClassVar[tuple[str, ...]] = ("act_optimizer", "cri_optimizer")
    faster: ClassVar[Mapping[str, float]] = {}
    tensors: ClassVar[tuple[str, ...]] = ()
    kernels: ClassVar[Any] = None

    act: Any
    cri: Any

    def __init__(
        self,
        segment: Segment,
        env: TradingEnv,
        settings: Agent,
        architecture: Architecture = "shared",
        initial_log_std: float = -0.5,
        seed: int = 0,
        same_day_baseline: bool = True,
    ):
        seed_networks(seed)
        self.settings: Any = settings
        self.same_day_baseline = same_day_baseline
        self.action_mode, self.action_dim, self.device = env.settings.action_mode, env.action_dim, env.device
        scale = env.tickers if env.observe == "weights" else 1
        shape = NetworkShape.of(segment, settings.net_dims, initial_log_std, scale, settings.dropout)
        kinds = shared if architecture == "shared" else flat
        self.act = self.make_actor(kinds, shape).to(self.device)
        self.cri = self.make_critic(kinds, shape).to(self.device)
        self.act_optimizer = AdamW(self.act.parameters(), settings.learning_rate, settings.weight_decay)
        self.cri_optimizer = AdamW(self.cri.parameters(), settings.learning_rate, settings.weight_decay)
        self.criterion = nn.SmoothL1Loss()
        for name in self.networks:
            if not hasattr(self, name):
                setattr(self, name, deepcopy(getattr(self, name.removesuffix("_target"))).requires_grad_(False))
        self.window = segment
        self.show(self.act.tabulate(segment).to(self.device))
        self.generator = torch.Generator(self.device).manual_seed(seed)
        for module in (module for name in self.networks for module in getattr(self, name).modules()):
            if isinstance(module, DropoutReLU):
                module.generator = self.generator
        self.last_state = env.reset()
        self.snapshots: list[dict[str, Tensor]] = []
        self.curves: list[dict[str, float]] = []
        self.noted: dict[str, float] | None = None
        self.prepare(env)

    def make_actor(self, kinds: ModuleType, shape: NetworkShape) -> Any:
        """Return the policy network, one of those of an architecture's module."""
        raise NotImplementedError

    def make_critic(self, kinds: ModuleType, shape: NetworkShape) -> Any:
        """Return the value network."""
        raise NotImplementedError

    def prepare(self, env: TradingEnv) -> None:
        """Make what the agent has beside networks and their optimizers."""

    def to_env(self, action: Tensor) -> Tensor:
        """Return what the environment takes for a network's output."""
        raise NotImplementedError

    def show(self, table: Tensor) -> None:
        """Show all networks a window's table."""
        for name in self.networks:
            getattr(self, name).show(table)

    def with_noise(self, table: Tensor) -> Tensor:
        """Return a table whose features have noise of ``feature_noise``; what a state fills in stays."""
        if not self.settings.feature_noise:
            return table
        noise = torch.empty_like(table).normal_(0, self.settings.feature_noise, generator=self.generator)
        noise[..., table.shape[-1] - self.act.of_portfolio :] = 0
        return table + noise

    @torch.no_grad()
    def trade(self, env: TradingEnv, trace: Trace) -> None:
        """Trade without exploring for as many days as a trace has, within one run of days, and write it."""
        infer, state = self.act.rollout(env.days_ahead(len(trace.values))), env.state()
        for place in range(len(trace.values)):
            action = self.to_env(infer(slice(place, place + 1), state[None])[0, :, :, 0])
            state, *_ = env.step(action)
            env.note(trace, place)

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
            steps = self.begin_round(budget, done)
            done += steps
            yield self.end_round(self.make_round(env, steps), done)

    def make_round(self, env: TradingEnv, steps: int) -> dict[str, float]:
        """Learn from ``steps`` vector steps, on features with noise of their own; return what the updates say."""
        table = self.act.table
        self.show(self.with_noise(table))
        said = self.learn(env, steps)
        self.show(table)
        return said

    def begin_round(self, budget: int, done: int) -> int:
        """Return the vector steps of the next round of a training, which notes what curves are to show."""
        steps = int(min(self.settings.horizon_len, budget - done))
        noted = (done + steps) * CURVE_POINTS // budget > done * CURVE_POINTS // budget
        self.noted = {} if noted else None
        return steps

    def end_round(self, said: dict[str, float], done: int) -> dict[str, float]:
        """Take note of what a round's updates said; return it beside the vector steps done.

        Raises:
            TrainingFailedError: a loss is no longer finite.

        """
        if not all(map(math.isfinite, said.values())):
            raise TrainingFailedError(f"the loss is not finite after {done} vector steps")
        if self.noted is not None:
            also = {name: value for name, value in self.noted.items() if math.isfinite(value)}
            self.curves.append({"vector_steps": done, **said, **also})
        return {"steps": done, **said}

    def take_snapshot(self) -> None:
        """Keep the policy's present weights in memory."""
        self.snapshots.append({name: weight.clone() for name, weight in self.act.state_dict().items()})

    def reconfigure(self, settings: Agent) -> None:
        """Take other hyperparameters in the middle of a training.

        Raises:
            ValueError: they ask for networks or a buffer of another size.

        """
        for name in settings.fixed:
            if (asked := getattr(settings, name)) != (has := getattr(self.settings, name)):
                raise ValueError(f"{name} cannot change during a training: it is {has}, and {asked} is asked for")
        for name in self.optimizers:
            getattr(self, name).lr = settings.learning_rate * self.faster.get(name, 1)
        self.act_optimizer.weight_decay = self.cri_optimizer.weight_decay = settings.weight_decay
        self.settings = settings

    def saved_state(self) -> dict[str, Any]:
        """Return all that the agent's further training depends on, between two rounds of updates."""
        return {
            **{name: getattr(self, name).state_dict() for name in (*self.networks, *self.optimizers)},
            **{name: getattr(self, name).detach().clone() for name in self.tensors},
            "generator": self.generator.get_state(),
            "last_state": self.last_state,
            "snapshots": self.snapshots,
            "curves": self.curves,
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, Any]) -> None:
        """Put the agent back where ``saved_state`` found it."""
        for name in (*self.networks, *self.optimizers):
            getattr(self, name).load_state_dict(state[name])
        for name in self.tensors:
            getattr(self, name).copy_(state[name])
        self.generator.set_state(state["generator"].cpu())
        self.last_state = state["last_state"]
        self.snapshots, self.curves = list(state["snapshots"]), list(state["curves"])


def seed_networks(seed: int) -> None:
    """Seed torch's global generator: torch.nn's initialisers draw from no other."""
    torch.manual_seed(seed)

"""The agents: elegantrl's algorithms, with what they get wrong mended, and our own loop around them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Literal

import torch
from elegantrl.agents import AgentPPO
from elegantrl.train.config import Config
from torch import Tensor, nn

from workflow_scripts.data.folds import Segment
from workflow_scripts.training.networks import (
    FlatActor,
    FlatCritic,
    NetworkShape,
    SharedActor,
    SharedCritic,
)
from workflow_scripts.training.trading_env import EnvironmentSettings, TradingEnv

Architecture = Literal["shared", "flat"]
Actor = SharedActor | FlatActor
CLIP_GRAD_NORM = 3.0


class TrainingFailedError(Exception):
    """The training diverged: its message is the reason that sharpe.json states."""


@dataclass(frozen=True)
class PPOSettings:
    """PPO's hyperparameters; the defaults are the seed plan's.

    Attributes:
        learning_rate: step size of AdamW.
        gamma: discount factor a day.
        net_dims_0: width of the first hidden layer.
        net_dims_1: width of the second hidden layer.
        batch_size: transitions an update draws.
        horizon_len: vector steps collected between updates.
        ratio_clip: PPO's clip of the probability ratio.
        lambda_gae_adv: lambda of the generalised advantage estimate.
        lambda_entropy: weight of the entropy bonus.
        repeat_times: updates are horizon_len × repeat_times / batch_size.

    """

    learning_rate: float = 3e-4
    gamma: float = 0.985
    net_dims_0: int = 256
    net_dims_1: int = 128
    batch_size: int = 512
    horizon_len: int = 512
    ratio_clip: float = 0.25
    lambda_gae_adv: float = 0.95
    lambda_entropy: float = 0.01
    repeat_times: float = 16

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> "PPOSettings":
        """Return the settings of a configuration; a hyperparameter that it leaves out keeps its default.

        Raises:
            ValueError: the configuration names a hyperparameter that PPO does not have, or leaves no update.

        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(configuration) - known):
            raise ValueError(f"ppo has no hyperparameter {', '.join(unknown)}: it has {', '.join(sorted(known))}")
        settings = cls(**configuration)
        if settings.updates(settings.horizon_len) < 1:
            raise ValueError(
                f"horizon_len {settings.horizon_len} × repeat_times {settings.repeat_times} / "
                f"batch_size {settings.batch_size} leaves no update: lower batch_size"
            )
        return settings

    def updates(self, steps: int) -> int:
        """Return how many updates follow ``steps`` collected vector steps; the number of envs does not matter."""
        return int(steps * self.repeat_times / self.batch_size)


@dataclass(frozen=True)
class Rollout:
    """What one collection of transitions gave: tensors of (steps, num_envs, …)."""

    states: Tensor
    actions: Tensor
    logprobs: Tensor
    rewards: Tensor
    undones: Tensor


class PPO(AgentPPO):  # type: ignore[misc]
    """elegantrl's AgentPPO on this project's networks and environment.

    Mended: the end of the data is a truncation, so that the value of the final state is bootstrapped; values are one
    batch; an advantage is taken less its mean over the portfolios of the same day, which removes the day's market move
    that no portfolio can help; exploration draws from the agent's own generator.
    """

    def __init__(
        self,
        segment: Segment,
        env: TradingEnv,
        settings: PPOSettings,
        architecture: Architecture = "shared",
        initial_log_std: float = -0.5,
        seed: int = 0,
        same_day_baseline: bool = True,
    ):
        seed_networks(seed)
        self.settings = settings
        self.same_day_baseline = same_day_baseline
        self.squash = env.settings.action_mode == "shares"
        shape = NetworkShape.of(segment, (settings.net_dims_0, settings.net_dims_1), initial_log_std)
        self.act_class = partial(_actor, architecture, shape)
        self.cri_class = partial(_critic, architecture, shape)
        super().__init__(
            net_dims=shape.net_dims,
            state_dim=env.state_dim,
            action_dim=env.action_dim,
            gpu_id=-1 if env.device.type == "cpu" else env.device.index or 0,
            args=_elegantrl_config(settings, env.num_envs),
        )
        for name in ("act", "cri"):
            parameters = getattr(self, name).parameters()
            setattr(self, f"{name}_optimizer", torch.optim.AdamW(parameters, settings.learning_rate, fused=True))
            getattr(self, name).show(segment)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.last_state = env.reset()

    def train(self, env: TradingEnv, budget: int, done: int = 0) -> Iterator[dict[str, float]]:
        """Train until ``budget`` vector steps are done; yield after every round of updates what it did.

        Raises:
            TrainingFailedError: a loss or a weight is no longer finite.

        """
        while done < budget:
            steps = min(self.settings.horizon_len, budget - done)
            critic_loss, actor_objective, log_std = self.update_net(self.explore(env, steps))
            done += steps
            if not (math.isfinite(critic_loss) and math.isfinite(actor_objective) and math.isfinite(log_std)):
                raise TrainingFailedError(f"the loss is not finite after {done} vector steps")
            yield {"steps": done, "critic_loss": critic_loss, "actor_objective": actor_objective, "log_std": log_std}

    @torch.no_grad()
    def explore(self, env: TradingEnv, steps: int) -> Rollout:
        """Collect ``steps`` vector steps, starting episodes anew where the data end."""
        shape = (steps, env.num_envs)
        states = torch.empty(*shape, env.state_dim, device=self.device)
        actions = torch.empty(*shape, env.action_dim, device=self.device)
        rewards, logprobs = torch.empty(shape, device=self.device), torch.empty(shape, device=self.device)
        undones = torch.ones(shape, device=self.device)
        noise = torch.empty_like(actions).normal_(generator=self.generator)
        deviation = self.act.action_std_log.exp()
        constant = self.act.action_std_log.sum() + 0.5 * env.action_dim * math.log(2 * math.pi)
        state = self.last_state
        for step in range(steps):
            action = self.act(state) + deviation * noise[step]
            states[step], actions[step] = state, action
            state, rewards[step], truncated = env.step(self.to_env(action))
            if truncated:
                rewards[step] += self.gamma * self.cri(state)
                undones[step] = 0
                state = env.reset()
        logprobs = -0.5 * noise.square().sum(dim=2) - constant
        self.last_state = state
        return Rollout(states, actions, logprobs, rewards, undones)

    def to_env(self, action: Tensor) -> Tensor:
        """Return what the environment takes: orders of shares are squashed into [-1, 1]."""
        return action.tanh() if self.squash else action

    def update_net(self, buffer: Rollout) -> tuple[float, float, float]:
        """Make the updates that follow a rollout; return mean critic loss, mean actor objective and mean log std."""
        steps, envs = buffer.rewards.shape
        with torch.no_grad():
            values = self.cri(buffer.states.flatten(0, 1)).view(steps, envs)
            advantages = self.get_advantages(buffer.rewards, buffer.undones, values)
            returns = (advantages + values).flatten()
            if self.same_day_baseline:
                advantages = advantages - advantages.mean(dim=1, keepdim=True)
            advantages = ((advantages - advantages.mean()) / (advantages.std(dim=0) + 1e-4)).flatten()
        states, actions, logprobs = (x.flatten(0, 1) for x in (buffer.states, buffer.actions, buffer.logprobs))
        updates = max(1, self.settings.updates(steps))
        last = max(1, steps - 1)  # elegantrl leaves the last step out, and so do we
        critic_losses, actor_objectives = 0.0, 0.0
        for _ in range(updates):
            drawn = torch.randint(last * envs, (self.batch_size,), generator=self.generator, device=self.device)
            drawn = drawn % last * envs + drawn // last
            batch = states[drawn]
            critic_loss = self.criterion(self.cri(batch), returns[drawn])
            self.optimizer_update(self.cri_optimizer, critic_loss)
            logprob, entropy = self.logprob_entropy(batch, actions[drawn])
            ratio, advantage = (logprob - logprobs[drawn]).exp(), advantages[drawn]
            clipped = ratio.clamp(1 - self.ratio_clip, 1 + self.ratio_clip)
            objective = torch.min(advantage * ratio, advantage * clipped).mean() + entropy * self.lambda_entropy
            self.optimizer_update(self.act_optimizer, -objective)
            critic_losses += critic_loss.detach()
            actor_objectives += objective.detach()
        return (
            float(critic_losses) / updates,
            float(actor_objectives) / updates,
            float(self.act.action_std_log.detach().mean()),
        )

    def logprob_entropy(self, state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probabilities (batch,) of actions, and the entropy of the policy, which no state changes."""
        log_std = self.act.action_std_log
        scaled = (action - self.act(state)) * (-log_std).exp()
        constant = log_std.sum() + 0.5 * self.action_dim * math.log(2 * math.pi)
        return -0.5 * scaled.square().sum(dim=1) - constant, constant + 0.5 * self.action_dim


def _actor(architecture: Architecture, shape: NetworkShape, _dims: Any, _state_dim: int, action_dim: int) -> nn.Module:
    return (SharedActor if architecture == "shared" else FlatActor)(shape, action_dim)


def _critic(architecture: Architecture, shape: NetworkShape, *_: Any) -> nn.Module:
    return (SharedCritic if architecture == "shared" else FlatCritic)(shape)


def _elegantrl_config(settings: PPOSettings, num_envs: int) -> Config:
    config = Config(agent_class=AgentPPO)
    config.num_envs = num_envs
    config.clip_grad_norm = CLIP_GRAD_NORM
    for name in (
        "learning_rate",
        "gamma",
        "batch_size",
        "repeat_times",
        "ratio_clip",
        "lambda_gae_adv",
        "lambda_entropy",
    ):
        setattr(config, name, getattr(settings, name))
    return config


def seed_networks(seed: int) -> None:
    """Seed torch's global generator: torch.nn's initialisers draw from no other."""
    torch.manual_seed(seed)


def make_env(
    segment: Segment,
    environment: EnvironmentSettings,
    architecture: Architecture,
    num_envs: int,
    seed: int = 0,
    device: str | torch.device = "cpu",
    random_start: bool = False,
) -> TradingEnv:
    """Return the environment of a segment, with the states that an architecture reads."""
    return TradingEnv(
        segment.close,
        num_envs,
        environment,
        observe="weights" if architecture == "shared" else "shares",
        seed=seed,
        device=device,
        random_start=random_start,
    )

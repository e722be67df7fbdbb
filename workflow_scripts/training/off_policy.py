"""The agents that learn from a buffer of past transitions: SAC, ModSAC, DDPG and TD3."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from elegantrl.agents import AgentDDPG, AgentModSAC, AgentSAC, AgentTD3
from torch import Tensor, nn
from torch.nn.functional import softplus

from workflow_scripts.training.networks import Ensemble, FlatActor, FlatQ, NetworkShape, Noise, SharedActor, SharedQ
from workflow_scripts.training.trading_agent import Architecture, Hyperparameters, TradingAgent
from workflow_scripts.training.trading_env import TradingEnv

# These agents act within [-1, 1]; times this they reach what each action mode of the environment allows.
ACTION_SCALE = {"tilt": 2.0, "weights": 3.0, "shares": 1.0}
ALPHA_LOG_RANGE = (-16.0, 2.0)
TARGET_NOISE_CLIP = 0.5
SATURATION_PENALTY = 0.03


@dataclass(frozen=True)
class OffPolicySettings(Hyperparameters):
    """What the agents with a buffer have; the defaults are elegantrl's, with updates for every fourth vector step.

    Attributes:
        buffer_size: vector steps that the buffer remembers.
        soft_update_tau: how far a target network follows its network at every update.

    """

    batch_size: int = 256
    horizon_len: int = 64
    repeat_times: float = 0.5
    buffer_size: int = 8192
    soft_update_tau: float = 0.005

    def updates(self, steps: int) -> int:
        """Return how many updates follow ``steps`` collected vector steps: steps × repeat_times."""
        return int(steps * self.repeat_times)

    def without_updates(self) -> str:
        """Say why these settings leave no update."""
        return f"horizon_len {self.horizon_len} × repeat_times {self.repeat_times} leaves no update: raise repeat_times"


@dataclass(frozen=True)
class SACSettings(OffPolicySettings):
    """SAC's hyperparameters.

    Attributes:
        alpha: initial temperature, the weight of the entropy, which is then adjusted by itself.
        target_entropy: entropy that the adjustment aims at, in nats an action dimension.

    """

    agent: ClassVar[str] = "sac"

    alpha: float = 0.01
    target_entropy: float = -1.0


@dataclass(frozen=True)
class ModSACSettings(SACSettings):
    """ModSAC's hyperparameters.

    Attributes:
        reliable_tau: how fast the mean critic loss follows, of which the rate of the actor's updates depends.

    """

    agent: ClassVar[str] = "modsac"

    reliable_tau: float = 0.005


@dataclass(frozen=True)
class DDPGSettings(OffPolicySettings):
    """DDPG's hyperparameters.

    Attributes:
        explore_noise_std: standard deviation of the noise on actions while collecting, in units of [-1, 1].

    """

    agent: ClassVar[str] = "ddpg"

    explore_noise_std: float = 0.3


@dataclass(frozen=True)
class TD3Settings(DDPGSettings):
    """TD3's hyperparameters.

    Attributes:
        policy_noise_std: standard deviation of the noise that smooths the target policy, clipped at 0.5.
        update_freq: updates of the critics for one of the actor.

    """

    agent: ClassVar[str] = "td3"

    policy_noise_std: float = 0.2
    update_freq: int = 2


class Replay:
    """The last ``size`` vector steps.

    A state is kept once: as what follows its predecessor and as where its successor starts. So a vector step knows its
    row among the states, and what followed it lies in the next row, also where the next step starts another episode,
    whose first state has a row of its own. Nothing is read across a write seam or a new episode, as elegantrl's buffer
    does, and the end of the data, a truncation, is a transition like any other. The day is one number a row.
    """

    def __init__(self, size: int, env: TradingEnv):
        # The final state of each episode has no step that starts from it.
        capacity = size + -(-size // env.last_day) + 2
        self.rows = {
            "portfolios": torch.zeros(capacity, env.num_envs, env.state_dim - 1, device=env.device),
            "actions": torch.zeros(size, env.num_envs, env.action_dim, device=env.device),
            "rewards": torch.zeros(size, env.num_envs, device=env.device),
            "days": torch.zeros(capacity, dtype=torch.long, device=env.device),
            "starts": torch.zeros(size, dtype=torch.long, device=env.device),
        }
        self.size, self.num_envs, self.added, self.written = size, env.num_envs, 0, 0
        self.follows = False

    def add(self, state: Tensor, action: Tensor, reward: Tensor, next_state: Tensor, day: int, last: bool) -> None:
        """Add a vector step: states, actions, rewards and next states, each (num_envs, …).

        Args:
            state: where the step starts.
            action: what was done.
            reward: what it brought.
            next_state: where it ends.
            day: the day of ``next_state``.
            last: whether the next step starts another episode.

        """
        if not self.follows:
            self._write(state, day - 1)
        place = self.added % self.size
        self.rows["starts"][place] = (self.written - 1) % len(self.rows["days"])
        self.rows["actions"][place], self.rows["rewards"][place] = action, reward
        self._write(next_state, day)
        self.added += 1
        self.follows = not last

    def _write(self, state: Tensor, day: int) -> None:
        row = self.written % len(self.rows["days"])
        self.rows["portfolios"][row], self.rows["days"][row] = state[:, 1:], day
        self.written += 1

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return states, actions, rewards and next states of ``count`` transitions, drawn with replacement."""
        filled = min(self.added, self.size) * self.num_envs
        drawn = torch.randint(filled, (count,), generator=generator, device=generator.device)
        starts, env = self.rows["starts"][drawn // self.num_envs], drawn % self.num_envs
        actions, rewards = (self.rows[name].flatten(0, 1)[drawn] for name in ("actions", "rewards"))
        return self._states(starts, env), actions, rewards, self._states((starts + 1) % len(self.rows["days"]), env)

    def _states(self, rows: Tensor, env: Tensor) -> Tensor:
        portfolios = self.rows["portfolios"].flatten(0, 1)[rows * self.num_envs + env]
        return torch.cat([self.rows["days"][rows, None].float(), portfolios], dim=1)

    def saved_state(self) -> dict[str, Any]:
        """Return what the buffer holds."""
        counts = {"added": self.added, "written": self.written, "follows": self.follows}
        ends = {name: self.written if name in ("portfolios", "days") else self.added for name in self.rows}
        return {**counts, **{name: rows[: ends[name]].clone() for name, rows in self.rows.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what ``saved_state`` returned."""
        self.added, self.written, self.follows = (state[name] for name in ("added", "written", "follows"))
        for name, rows in self.rows.items():
            rows[: len(state[name])] = state[name]


class OffPolicyAgent(TradingAgent):
    """What these agents share: the buffer, the collection, and a reward less its mean over the same day's portfolios.

    All portfolios are on the same day of the one market, whose next day no action changes. So that mean depends on
    the day alone: taking it off leaves the best policy what it is, and the critic need not learn the market's moves.
    """

    networks: ClassVar[tuple[str, ...]] = ("act", "cri", "cri_target")
    noise: ClassVar[Noise]
    critics: ClassVar[int]
    settings: OffPolicySettings
    cri_target: Any

    def __init__(self, segment: Any, env: TradingEnv, *arguments: Any, **named: Any):
        super().__init__(segment, env, *arguments, **named)
        for name in self.networks:
            getattr(self, name).requires_grad_("target" not in name)
        self.buffer = Replay(self.settings.buffer_size, env)

    def make_actor(self, architecture: Architecture, shape: NetworkShape, *dims: Any) -> nn.Module:
        """Return the policy network."""
        return (SharedActor if architecture == "shared" else FlatActor)(shape, dims[2], self.noise)

    def make_critic(self, architecture: Architecture, shape: NetworkShape, *dims: Any) -> nn.Module:
        """Return the networks of state-action values."""
        network = SharedQ if architecture == "shared" else FlatQ
        return Ensemble([network(shape, dims[2]) for _ in range(self.critics)])

    def to_env(self, action: Tensor) -> Tensor:
        """Return what the environment takes for a network's output."""
        return action.tanh() * ACTION_SCALE[self.action_mode]

    def normal(self, shape: torch.Size) -> Tensor:
        """Return standard normal numbers from the agent's own generator."""
        return torch.empty(shape, device=self.device).normal_(generator=self.generator)

    def explore_action(self, outputs: Tensor) -> Tensor:
        """Return actions within [-1, 1], with the noise of exploration, for a policy network's outputs."""
        raise NotImplementedError

    def update_net(self, updates: int) -> dict[str, float]:
        """Make updates from the buffer, and return what they say."""
        raise NotImplementedError

    def learn(self, env: TradingEnv, steps: int) -> dict[str, float]:
        """Collect ``steps`` vector steps, make the updates that follow, and return what they say."""
        self.explore(env, steps)
        return self.update_net(max(1, self.settings.updates(steps)))

    @torch.no_grad()
    def explore(self, env: TradingEnv, steps: int) -> None:
        """Collect ``steps`` vector steps into the buffer; the first collection of all acts uniformly at random."""
        state, at_random = self.last_state, self.buffer.added == 0
        market, weight = self.act.market_part(env.days_ahead(steps))
        for step in range(steps):
            if at_random:
                action = torch.empty(env.num_envs, env.action_dim, device=self.device)
                action.uniform_(-1, 1, generator=self.generator)
            else:
                action = self.explore_action(self.act.infer(market[step : step + 1], weight, state[None])[0])
            next_state, reward, truncated = env.step(action * ACTION_SCALE[self.action_mode])
            if self.same_day_baseline:
                reward = reward - reward.mean()
            self.buffer.add(state, action, reward, next_state, env.day, truncated)
            state = env.reset() if truncated else next_state
        self.last_state = state

    @staticmethod
    def soft_update(target_net: nn.Module, current_net: nn.Module, tau: float) -> None:
        """Let a target network follow its network."""
        with torch.no_grad():
            torch._foreach_lerp_(list(target_net.parameters()), list(current_net.parameters()), tau)

    def update_critics(self, inputs: Tensor, action: Tensor, target: Tensor) -> Tensor:
        """Move the critics towards a target (batch,) and their targets after them; return the loss."""
        values = self.cri.evaluate(inputs, action)
        loss: Tensor = self.criterion(values, target.expand_as(values)) * len(values)  # type: ignore[attr-defined]
        self.optimizer_update(self.cri_optimizer, loss)  # type: ignore[attr-defined]
        self.soft_update(self.cri_target, self.cri, self.settings.soft_update_tau)
        return loss.detach()

    def saved_state(self) -> dict[str, Any]:
        """Return all that the agent's further training depends on, the buffer included."""
        return {**super().saved_state(), "buffer": self.buffer.saved_state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put the agent back where ``saved_state`` found it."""
        super().restore(state)
        self.buffer.restore(state["buffer"])


class SAC(OffPolicyAgent, AgentSAC):  # type: ignore[misc]
    """Soft actor-critic (Haarnoja et al. 2018) with two independent critics.

    Mended: elegantrl takes the log-probability at the mean instead of the action. Kept from it: the actor climbs the
    target critics.
    """

    upstream = AgentSAC
    optimizers = ("act_optimizer", "cri_optimizer", "alpha_optimizer")
    noise = "state"
    critics = 2
    settings: SACSettings

    def __init__(self, segment: Any, env: TradingEnv, *arguments: Any, **named: Any):
        super().__init__(segment, env, *arguments, **named)
        with torch.no_grad():
            self.alpha_log.fill_(math.log(self.settings.alpha))

    def sample_action(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions within [-1, 1] and their log-probabilities, (batch,) (Haarnoja et al. 2018, appendix C)."""
        mean, log_std = self.act.mean_and_log_std(outputs)
        noise = self.normal(mean.shape)
        drawn = mean + log_std.exp() * noise
        gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
        logprob = gaussian - 2 * (math.log(2) - drawn - softplus(-2 * drawn))
        return drawn.tanh(), logprob.sum(dim=1)

    def explore_action(self, outputs: Tensor) -> Tensor:
        """Return actions within [-1, 1], drawn from the policy."""
        action, _ = self.sample_action(outputs)
        return action

    def update_net(self, updates: int) -> dict[str, float]:
        """Make updates from the buffer, and return what they say."""
        critic_losses, actor_updates = torch.zeros((), device=self.device), 0
        for number in range(1, updates + 1):
            inputs, loss = self._update_critics()
            critic_losses = critic_losses + loss
            self.note_critic_loss(loss)
            if self.actor_is_due(actor_updates, number):
                actor_updates += 1
                self._update_actor(inputs)
        return {
            "critic_loss": float(critic_losses) / updates,
            "alpha": float(self.alpha_log.detach().exp()),
            "actor_updates": actor_updates / updates,
        }

    def note_critic_loss(self, loss: Tensor) -> None:
        """Take note of a critic loss: SAC has no use for it."""

    def actor_is_due(self, actor_updates: int, number: int) -> bool:
        """Return whether the actor is updated at this update: always."""
        return True

    def _update_critics(self) -> tuple[Tensor, Tensor]:
        state, action, reward, next_state = self.buffer.sample(self.settings.batch_size, self.generator)
        with torch.no_grad():
            inputs, next_inputs = self.act.inputs(state), self.act.inputs(next_state)
            next_action, logprob = self.sample_action(self.act.outputs(next_inputs))
            value = self.cri_target.evaluate(next_inputs, next_action).amin(dim=0) - self.alpha_log.exp() * logprob
        return inputs, self.update_critics(inputs, action, reward + self.settings.gamma * value)

    def _update_actor(self, inputs: Tensor) -> None:
        action, logprob = self.sample_action(self.act.outputs(inputs))
        wanted = self.settings.target_entropy * self.action_dim
        temperature_loss = -(self.alpha_log * (logprob + wanted).detach()).mean()
        self.optimizer_update(self.alpha_optimizer, temperature_loss)
        with torch.no_grad():
            self.alpha_log.clamp_(*ALPHA_LOG_RANGE)
        objective = (self.cri_target.judge(inputs, action).amin(dim=0) - self.alpha_log.detach().exp() * logprob).mean()
        self.optimizer_update(self.act_optimizer, -objective)

    def saved_state(self) -> dict[str, Any]:
        """Return all that the agent's further training depends on, the temperature included."""
        return {**super().saved_state(), "alpha_log": self.alpha_log.detach().clone()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put the agent back where ``saved_state`` found it."""
        super().restore(state)
        with torch.no_grad():
            self.alpha_log.copy_(state["alpha_log"])


class ModSAC(SAC):
    """elegantrl's modified SAC: the worse the critics, the rarer the actor's updates.

    Mended: elegantrl never counts the actor's updates, so that its ModSAC is SAC. The rate falls from every update,
    where the mean critic loss is 0, to every second one (two-time-scale update, Heusel et al. 2017).
    """

    upstream = AgentModSAC
    settings: ModSACSettings

    def __init__(self, segment: Any, env: TradingEnv, *arguments: Any, **named: Any):
        super().__init__(segment, env, *arguments, **named)
        self.mean_loss = torch.ones((), device=self.device)

    def note_critic_loss(self, loss: Tensor) -> None:
        """Let the mean critic loss follow."""
        self.mean_loss += self.settings.reliable_tau * (loss - self.mean_loss)

    def actor_is_due(self, actor_updates: int, number: int) -> bool:
        """Return whether the actor has had fewer updates than the critics' reliability allows."""
        reliability = math.exp(-(float(self.mean_loss) ** 2))
        return actor_updates / number < 1 / (2 - reliability)

    def saved_state(self) -> dict[str, Any]:
        """Return all that the agent's further training depends on, the mean critic loss included."""
        return {**super().saved_state(), "mean_loss": self.mean_loss.clone()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put the agent back where ``saved_state`` found it."""
        super().restore(state)
        self.mean_loss.copy_(state["mean_loss"])


class DDPG(OffPolicyAgent, AgentDDPG):  # type: ignore[misc]
    """Deep deterministic policy gradient (Lillicrap et al. 2016).

    Mended: on the noise of its first critics elegantrl's actor runs into the flat ends of tanh, and stays there.
    Squared outputs before tanh are penalised, as Andrychowicz et al. (2017, appendix A) do.
    """

    upstream: ClassVar[Any] = AgentDDPG
    networks: ClassVar[tuple[str, ...]] = ("act", "act_target", "cri", "cri_target")
    noise = "none"
    critics = 1
    settings: DDPGSettings
    policy_noise_std = 0.0
    update_freq = 1

    def explore_action(self, outputs: Tensor) -> Tensor:
        """Return actions within [-1, 1], with the noise of exploration, for a policy network's outputs."""
        action = outputs[:, :, 0].tanh()
        return (action + self.settings.explore_noise_std * self.normal(action.shape)).clamp(-1, 1)

    def update_net(self, updates: int) -> dict[str, float]:
        """Make updates from the buffer, and return what they say."""
        critic_losses = values = torch.zeros((), device=self.device)
        for number in range(updates):
            inputs, loss = self._update_critics()
            critic_losses = critic_losses + loss
            if number % self.update_freq == 0:
                output = self.act.evaluate(inputs)
                objective = self.cri_target.judge(inputs, output.tanh())[0].mean()
                self.optimizer_update(self.act_optimizer, SATURATION_PENALTY * output.square().mean() - objective)
                self.soft_update(self.act_target, self.act, self.settings.soft_update_tau)
                values = values + objective.detach()
        return {
            "critic_loss": float(critic_losses) / updates,
            "actor_objective": float(values) / -(-updates // self.update_freq),
        }

    def _update_critics(self) -> tuple[Tensor, Tensor]:
        state, action, reward, next_state = self.buffer.sample(self.settings.batch_size, self.generator)
        with torch.no_grad():
            inputs, next_inputs = self.act.inputs(state), self.act.inputs(next_state)
            next_action = self.act_target.evaluate(next_inputs).tanh()
            if self.policy_noise_std:
                noise = self.policy_noise_std * self.normal(next_action.shape)
                next_action = (next_action + noise.clamp(-TARGET_NOISE_CLIP, TARGET_NOISE_CLIP)).clamp(-1, 1)
            value = self.cri_target.evaluate(next_inputs, next_action).amin(dim=0)
        return inputs, self.update_critics(inputs, action, reward + self.settings.gamma * value)


class TD3(DDPG, AgentTD3):  # type: ignore[misc]
    """Twin delayed DDPG (Fujimoto et al. 2018): two critics, a smoothed target policy, a slower actor."""

    upstream = AgentTD3
    critics = 2
    settings: TD3Settings

    def __init__(self, segment: Any, env: TradingEnv, *arguments: Any, **named: Any):
        super().__init__(segment, env, *arguments, **named)
        self.policy_noise_std, self.update_freq = self.settings.policy_noise_std, self.settings.update_freq

"""What the learners share that learn from a buffer of past transitions."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from workflow_scripts.training.agents.base import Agent
from workflow_scripts.training.agents.kinds.off_policy import OffPolicy
from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.learners.trading_agent import TradingAgent
from workflow_scripts.training.networks.market import Ensemble
from workflow_scripts.training.networks.shape import NetworkShape, Noise

# These agents act within [-1, 1]; times this they reach what each action mode of the environment allows.
ACTION_SCALE = {"tilt": 2.0, "weights": 3.0, "shares": 1.0, "long_short": 4.0}
LEAST_VALUE = 1e-300  # divides what a closed account trades, which is nothing


class Replay:
    """The last ``size`` vector steps.

    A state is kept once: as what follows its predecessor and as where its successor starts. So a vector step knows its
    row among the states, and what followed it lies in the next row, also where the next step starts another episode,
    whose first state has a row of its own. Nothing is read across a write seam or a new episode, as elegantrl's buffer
    does, and the end of the data, a truncation, is a transition like any other. The day is one number a row.

    What critics learn from is derived: per step the discounted sum of the rewards of ``n_step`` steps, the row after
    these, and the discount of what that row is worth. Fewer steps are summed where an episode ends, or the newest one
    is reached.
    """

    derived = ("returns", "ends", "discounts")

    def __init__(self, size: int, env: TradingEnv, n_step: int, gamma: float):
        # The final state of each episode has no step that starts from it.
        capacity = size + -(-size // len(env.deciding_days)) * len(env.starts) + 2
        self.rows = {
            "portfolios": torch.zeros(capacity, env.num_envs, env.state_dim - 1, device=env.device),
            "actions": torch.zeros(size, env.num_envs, env.action_dim, device=env.device),
            "rewards": torch.zeros(size, env.num_envs, device=env.device),
            "days": torch.zeros(capacity, dtype=torch.long, device=env.device),
            "starts": torch.zeros(size, dtype=torch.long, device=env.device),
            "returns": torch.zeros(size, env.num_envs, device=env.device),
            "ends": torch.zeros(size, dtype=torch.long, device=env.device),
            "discounts": torch.zeros(size, device=env.device),
        }
        self.size, self.num_envs, self.added, self.written = size, env.num_envs, 0, 0
        self.follows = False
        self.look_ahead(n_step, gamma)

    def look_ahead(self, n_step: int, gamma: float) -> None:
        """Take another number of steps, or another discount."""
        self.n_step, self.gamma, self.derived_of = n_step, gamma, 0

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

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return places of ``count`` transitions, drawn with replacement: row × num_envs + portfolio."""
        if self.derived_of < self.added:
            self._derive()
        filled = min(self.added, self.size) * self.num_envs
        return torch.randint(filled, (count,), generator=generator, device=generator.device)

    def _derive(self) -> None:
        """Derive what the steps since the last time change: their own rows, and those that saw no further than they."""
        starts, rewards, capacity = self.rows["starts"], self.rows["rewards"], len(self.rows["days"])
        first = max(self.derived_of + 1 - self.n_step, self.added - self.size, 0)
        steps = torch.arange(first, self.added, device=starts.device)
        own = starts[steps % self.size]
        goes_on, returns = torch.ones_like(steps, dtype=torch.bool), torch.zeros_like(rewards[: len(steps)])
        ends, discounts = own, torch.ones_like(returns[:, 0])
        for ahead in range(self.n_step):
            later = steps + ahead
            follows = starts[later % self.size] == (own + ahead) % capacity
            goes_on = goes_on & follows & (later < self.added)
            returns += goes_on[:, None] * self.gamma**ahead * rewards[later % self.size]
            ends = torch.where(goes_on, (own + ahead + 1) % capacity, ends)
            discounts = torch.where(goes_on, self.gamma ** (ahead + 1), discounts)
        for name, values in zip(self.derived, (returns, ends, discounts), strict=True):
            self.rows[name][steps % self.size] = values
        self.derived_of = self.added

    def sample(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return states, actions, returns, discounts and states after them of ``count`` transitions that it draws."""
        drawn = self.draw(count, generator)
        step, env = drawn // self.num_envs, drawn % self.num_envs
        actions, returns = (self.rows[name].flatten(0, 1)[drawn] for name in ("actions", "returns"))
        state, after = (self._states(self.rows[name][step], env) for name in ("starts", "ends"))
        return state, actions, returns, self.rows["discounts"][step], after

    def _states(self, rows: Tensor, env: Tensor) -> Tensor:
        portfolios = self.rows["portfolios"].flatten(0, 1)[rows * self.num_envs + env]
        return torch.cat([self.rows["days"][rows, None].float(), portfolios], dim=1)

    def saved_state(self) -> dict[str, Any]:
        """Return what the buffer holds."""
        counts = {"added": self.added, "written": self.written, "follows": self.follows}
        ends = {name: self.written if name in ("portfolios", "days") else self.added for name in self.rows}
        kept = {name: rows[: ends[name]].clone() for name, rows in self.rows.items() if name not in self.derived}
        return {**counts, **kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what ``saved_state`` returned."""
        self.added, self.written, self.follows = (state[name] for name in ("added", "written", "follows"))
        for name in self.rows.keys() - set(self.derived):
            self.rows[name][: len(state[name])] = state[name]
        self.derived_of = 0


class BufferedAgent(TradingAgent):
    """What these agents share: the buffer, the collection, and a reward less its mean over the same day's portfolios.

    All portfolios are on the same day of the one market, whose next day no action changes. So that mean depends on
    the day alone: taking it off leaves the best policy what it is, and the critic need not learn the market's moves.
    """

    networks: ClassVar[tuple[str, ...]] = ("act", "cri", "cri_target")
    noise: ClassVar[Noise]
    settings: OffPolicy
    cri_target: Any

    def prepare(self, env: TradingEnv) -> None:
        """Make the buffer."""
        self.buffer = Replay(self.settings.buffer_size, env, self.settings.n_step, self.settings.gamma)

    def reconfigure(self, settings: Agent) -> None:
        """Take other hyperparameters in the middle of a training."""
        super().reconfigure(settings)
        self.buffer.look_ahead(self.settings.n_step, self.settings.gamma)

    def make_actor(self, kinds: ModuleType, shape: NetworkShape) -> Any:
        """Return the policy network."""
        return kinds.Actor(shape, self.action_dim, self.noise)

    def make_critic(self, kinds: ModuleType, shape: NetworkShape) -> Any:
        """Return the networks of state-action values."""
        return Ensemble([kinds.ActionValue(shape, self.action_dim) for _ in range(self.settings.critics)])

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
        infer, days = self.act.rollout(env.days_ahead(steps)), []
        for step in range(steps):
            if at_random:
                action = torch.empty(env.num_envs, env.action_dim, device=self.device)
                action.uniform_(-1, 1, generator=self.generator)
            else:
                action = self.explore_action(infer(slice(step, step + 1), state[None])[0])
            before = env.asset.clone()
            next_state, reward, truncated = env.step(action * ACTION_SCALE[self.action_mode])
            days.append(torch.stack([reward.double(), env.traded / before.clamp(min=LEAST_VALUE)]))
            if self.same_day_baseline:
                reward = reward - reward.mean()
            self.buffer.add(state, action, reward, next_state, env.day, truncated)
            state = env.reset() if truncated else next_state
        self.last_state = state
        if self.noted is not None:
            earned, traded = torch.stack(days).mean(dim=(0, 2)).tolist()
            self.noted |= {"reward": earned, "turnover": traded}

    @staticmethod
    def soft_update(target_net: nn.Module, current_net: nn.Module, tau: float) -> None:
        """Let a target network follow its network."""
        with torch.no_grad():
            torch._foreach_lerp_(list(target_net.parameters()), list(current_net.parameters()), tau)

    def update_critics(self, inputs: Tensor, action: Tensor, target: Tensor) -> Tensor:
        """Move the critics towards a target (batch,) and their targets after them; return the loss."""
        values = self.cri.evaluate(inputs, action)
        loss: Tensor = self.criterion(values, target.expand_as(values)) * len(values)
        self.optimizer_update(self.cri_optimizer, loss)
        self.soft_update(self.cri_target, self.cri, self.settings.soft_update_tau)
        return loss.detach()

    def saved_state(self) -> dict[str, Any]:
        """Return all that the agent's further training depends on, the buffer included."""
        return {**super().saved_state(), "buffer": self.buffer.saved_state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put the agent back where ``saved_state`` found it."""
        super().restore(state)
        self.buffer.restore(state["buffer"])

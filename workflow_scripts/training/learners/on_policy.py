"""The learner of the agents that learn from what their present policy collected."""

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numba
import numpy as np
import torch
from elegantrl.agents import AgentPPO
from numpy.typing import NDArray
from torch import Tensor

from workflow_scripts.training.agents.kinds.on_policy import OnPolicy
from workflow_scripts.training.environment.kernels import LOG_RETURN_SCALE
from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.learners.trading_agent import TradingAgent
from workflow_scripts.training.networks.shape import NetworkShape

STEPS_AT_ONCE = 64  # of a rollout, looked back on
HIDDEN_AT_ONCE = 2**17  # numbers of a hidden layer that stay in a core's second cache
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rollout:
    """What one collection of transitions gave: tensors of (steps, num_envs, …)."""

    states: Tensor
    actions: Tensor
    logprobs: Tensor
    rewards: Tensor
    undones: Tensor


@dataclass(frozen=True)
class Transitions:
    """What updates draw from: tensors of (steps × num_envs, …)."""

    states: Tensor
    actions: Tensor
    logprobs: Tensor
    advantages: Tensor
    returns: Tensor


class PolicyGradient(TradingAgent, AgentPPO):  # type: ignore[misc]
    """elegantrl's AgentPPO on this project's networks and environment; the agent's hyperparameters say what it climbs.

    Mended: the end of the data is a truncation, so that the value of the final state is bootstrapped; values are one
    batch; an advantage is taken less its mean over the portfolios of the same day, which removes the day's market move
    that no portfolio can help; exploration draws from the agent's own generator.
    """

    settings: OnPolicy

    @property
    def gamma(self) -> float:
        """The discount factor, by elegantrl's name."""
        return self.settings.gamma

    @property
    def lambda_gae_adv(self) -> float:
        """Lambda of the advantages, by elegantrl's name; 1 where they are plain returns."""
        decay = self.settings.advantage_lambda()
        return 1.0 if decay is None else decay

    def make_actor(self, kinds: ModuleType, shape: NetworkShape) -> Any:
        """Return the policy network, whose noise no state changes."""
        return kinds.Actor(shape, self.action_dim, noise="free")

    def make_critic(self, kinds: ModuleType, shape: NetworkShape) -> Any:
        """Return the network of state values."""
        return kinds.Critic(shape)

    @torch.no_grad()
    def prepare(self, env: TradingEnv) -> None:
        """Without a critic, value every state at 0: then an advantage is the plain return."""
        if self.settings.advantage_lambda() is None:
            for weight in self.cri.parameters():
                weight.zero_()

    def learn(self, env: TradingEnv, steps: int) -> dict[str, float]:
        """Collect ``steps`` vector steps, make the updates that follow, and return what they say."""
        rollout = self.explore(env, steps)
        critic_loss, actor_objective, log_std = self.update_net(rollout)
        if self.noted is not None:
            self.noted |= traded_and_earned(rollout, env)
        of_critic = {} if self.settings.advantage_lambda() is None else {"critic_loss": critic_loss}
        return of_critic | {"actor_objective": actor_objective, "log_std": log_std}

    @torch.no_grad()
    def explore(self, env: TradingEnv, steps: int) -> Rollout:
        """Collect ``steps`` vector steps, starting episodes anew where the data end."""
        shape = (steps, env.num_envs)
        states = torch.empty(steps + 1, env.num_envs, env.state_dim, device=self.device)
        actions = torch.empty(*shape, env.action_dim, device=self.device)
        rewards, undones = torch.empty(shape, device=self.device), torch.ones(shape, device=self.device)
        noise = torch.empty_like(actions).normal_(generator=self.generator)
        states[0] = self.last_state
        done = 0
        while done < steps:
            part = slice(done, done := min(steps, done + env.steps_left))
            self.walk(env, noise[part], states[part.start : done + 1], actions[part], rewards[part])
            if env.steps_left == 0:
                rewards[done - 1] += self.gamma * self.cri(states[done])
                undones[done - 1] = 0
                states[done] = env.reset()
        logprobs = -0.5 * noise.square_().sum(dim=2) - self.normaliser()
        self.last_state = states[steps].clone()
        return Rollout(states[:steps], actions, logprobs, rewards, undones)

    def walk(self, env: TradingEnv, noise: Tensor, states: Tensor, actions: Tensor, rewards: Tensor) -> None:
        """Act with noise, (steps, num_envs, …), one day after the other within one run of days.

        The first one of the states (steps + 1, num_envs, …) is there; the others, actions and rewards are written.
        """
        infer, deviation = self.act.rollout(env.days_ahead(len(noise))), self.act.action_std_log.exp()
        for step in range(len(noise)):
            now = slice(step, step + 1)
            action = torch.addcmul(infer(now, states[now])[0, :, :, 0], deviation, noise[step], out=actions[step])
            env.step(self.to_env(action), states[step + 1], rewards[step])

    def to_env(self, action: Tensor) -> Tensor:
        """Return what the environment takes: orders of shares are squashed into [-1, 1]."""
        return action.tanh() if self.action_mode == "shares" else action

    def update_net(self, buffer: Rollout) -> tuple[float, float, float]:
        """Make the updates that follow a rollout; return mean critic loss, mean actor objective and mean log std."""
        steps, envs = buffer.rewards.shape
        with torch.no_grad():
            values = self.values(buffer.states)
            advantages = self.advantages(buffer.rewards, buffer.undones, values)
            returns = (advantages + values).flatten()
            if self.same_day_baseline:
                advantages = advantages - advantages.mean(dim=1, keepdim=True)
            deviation = advantages.std(dim=0) if steps > 1 else advantages.std()  # a portfolio's own, of one step none
            advantages = ((advantages - advantages.mean()) / (deviation + 1e-4)).flatten()
        states, actions, logprobs = (x.flatten(0, 1) for x in (buffer.states, buffer.actions, buffer.logprobs))
        seen = Transitions(states, actions, logprobs, advantages, returns)
        updates, learns_values = max(1, self.settings.updates(steps)), self.settings.advantage_lambda() is not None
        last = max(1, steps - 1)  # elegantrl leaves the last step out, and so do we
        critic_losses = actor_objectives = torch.zeros((), device=self.device)
        for _ in range(updates):
            drawn = torch.randint(
                last * envs, (self.settings.batch_size,), generator=self.generator, device=self.device
            )
            drawn = drawn % last * envs + drawn // last
            critic_loss, objective, logprob, entropy = self.update(seen, drawn, learns_values)
            critic_losses = critic_losses + critic_loss
            actor_objectives = actor_objectives + objective
        if self.noted is not None:
            self.noted["entropy"] = float(entropy)
            self.noted["kl"] = 0.5 * float((logprobs[drawn] - logprob).square().mean())
            if learns_values:
                unexplained = (returns - values.flatten()).var() / returns.var()
                self.noted["explained_variance"] = 1 - float(unexplained)
        return (
            float(critic_losses) / updates,
            float(actor_objectives) / updates,
            float(self.act.action_std_log.detach().mean()),
        )

    def update(self, seen: Transitions, drawn: Tensor, learns_values: bool) -> tuple[Any, Any, Tensor, Any]:
        """Make an update from drawn transitions.

        Returns:
            Critic loss, actor objective, log-probabilities (batch,) and entropy, all of before the update.

        """
        inputs, critic_loss = self.cri.inputs(seen.states[drawn]), torch.zeros((), device=self.device)
        if learns_values:
            critic_loss = self.criterion(self.cri.evaluate(inputs), seen.returns[drawn])
            self.optimizer_update(self.cri_optimizer, critic_loss)
        logprob, entropy = self.logprob_entropy(inputs, seen.actions[drawn])
        objective = self.settings.objective(logprob, seen.logprobs[drawn], seen.advantages[drawn]).mean()
        objective = objective + entropy * self.settings.lambda_entropy
        self.optimizer_update(self.act_optimizer, -objective)
        return critic_loss.detach(), objective.detach(), logprob.detach(), entropy.detach()

    def values(self, states: Tensor) -> Tensor:
        """Return the critic's values (steps, num_envs) of states (steps, num_envs, …), some days at a time."""
        infer, widths = self.cri.rollout(states[:, 0, 0].long()), self.cri.widths
        together = max(1, HIDDEN_AT_ONCE // (states.shape[1] * widths.rows * widths.hidden[0]))
        # Written into one array: small results kept between the large ones of each part would leave holes behind them.
        values = torch.empty(states.shape[:2], device=self.device)
        for first in range(0, len(states), together):
            part = slice(first, first + together)
            values[part] = infer(part, states[part])
        return values

    def advantages(self, rewards: Tensor, undones: Tensor, values: Tensor) -> Tensor:
        """Return the generalised advantage estimates (steps, num_envs) (Schulman et al. 2016)."""
        if self.device.type != "cpu":
            estimates: Tensor = self.get_advantages_origin(rewards, undones, values)
            return estimates
        advantages, final = torch.empty_like(values), self.cri(self.last_state)
        arrays = [tensor.numpy() for tensor in (rewards, undones, values, final, advantages)]
        _estimate_advantages(np.float32(self.gamma), np.float32(self.gamma * self.lambda_gae_adv), *arrays)
        return advantages

    def logprob_entropy(self, inputs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probabilities (batch,) of actions, and the entropy of the policy, which no state changes."""
        constant = self.normaliser()
        scaled = (action - self.act.evaluate(inputs)) * (-self.act.action_std_log).exp()
        return -0.5 * scaled.square().sum(dim=1) - constant, constant + 0.5 * self.action_dim

    def normaliser(self) -> Tensor:
        """Return Σ log σ + log 2π / 2 over the actions: what the log-probability of the mean action is below 0."""
        constant: Tensor = self.act.action_std_log.sum() + 0.5 * self.action_dim * math.log(2 * math.pi)
        return constant


@torch.no_grad()
def traded_and_earned(rollout: Rollout, env: TradingEnv) -> dict[str, float]:
    """Return mean reward and mean turnover of a day of a rollout, the days without a next one left out.

    The turnover is a fraction of the portfolio's value the day before. It follows from states that show weights and
    rewards that are log returns; orders of shares have neither. A rollout without such a day has no means.
    """
    steps = rollout.undones[:-1, 0].nonzero()[:, 0]
    if not len(steps):
        return {}
    noted = {"reward": float(rollout.rewards[steps].mean())}
    if env.settings.action_mode != "shares":
        turnover = 0.0
        for some in torch.split(steps, STEPS_AT_ONCE):  # all at once would take as much memory as the rollout again
            before, after = (rollout.states[of][:, :, 2:] for of in (some, some + 1))
            grown = (rollout.rewards[some] / LOG_RETURN_SCALE).exp()
            orders = after * grown[:, :, None] - before * env.growth(rollout.states[some, 0, 0].long())[:, None]
            turnover += float(orders.abs().sum(dim=2).mean(dim=1).sum())
        noted["turnover"] = turnover / len(steps)
    return noted


@numba.njit(cache=True, fastmath=False)  # type: ignore[untyped-decorator]
def _estimate_advantages(
    gamma: np.float32,
    decay: np.float32,
    rewards: Floats,
    undones: Floats,
    values: Floats,
    final: Floats,
    advantages: Floats,
) -> None:
    """Go back through the steps; ``decay`` is gamma × lambda."""
    steps, envs = values.shape
    for env in range(envs):
        following, advantage = final[env], np.float32(0)
        for step in range(steps - 1, -1, -1):
            undone = undones[step, env]
            value = values[step, env]
            advantage = rewards[step, env] + gamma * undone * following - value + decay * undone * advantage
            advantages[step, env] = advantage
            following = value

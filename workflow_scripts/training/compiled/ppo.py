"""PPO with compiled rollouts, values and updates."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.compiled import kernels
from workflow_scripts.training.compiled.arrays import (
    arrays,
    empty,
    gradients,
    market_part,
    optimizer_arrays,
    rates,
    weights_of,
)
from workflow_scripts.training.environment.trading_env import Trace, TradingEnv
from workflow_scripts.training.learners.on_policy import PolicyGradient, Transitions
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM
from workflow_scripts.training.networks.market import first_layer


class CompiledPPO(PolicyGradient):
    """What ``PolicyGradient`` does by PPO's hyperparameters, networks ``shared`` and no action for cash."""

    kernels: ClassVar[Any] = kernels
    settings: PPO

    def prepare(self, env: TradingEnv) -> None:
        """Take the arrays in which weights and gradients lie, and those that kernels work in."""
        super().prepare(env)
        actor = [*weights_of(self.act.scores[::2]), self.act.action_std_log]
        critic = weights_of([self.cri.embedding[0], *self.cri.value[::2]])
        self.actor, self.actor_gradient = arrays(actor), gradients(actor)
        self.critic, self.critic_gradient = arrays(critic), gradients(critic)
        self.actor_step, self.critic_step = map(optimizer_arrays, (self.act_optimizer, self.cri_optimizer))
        tickers, (width, narrow), deep = env.tickers, self.act.widths.hidden, self.cri.value[0].out_features
        inputs, block = self.act.widths.inputs, max(1, kernels.ROWS_AT_ONCE // tickers)
        rows = block * tickers
        of_rows = [(rows, size) for size in (inputs, width, narrow, width, 1)]
        of_states = [(block, size) for size in (width, deep, width, 1)]
        turned = [(inputs, width), (width, narrow), (inputs, width), (width, deep)]
        self.work = empty(*of_rows, *of_states, *turned)

    def walk(self, env: TradingEnv, noise: Tensor, states: Tensor, actions: Tensor, rewards: Tensor) -> None:
        """Act with noise in one kernel; where orders are whole shares, one day after the other."""
        if (environment := env.for_a_kernel()) is None:
            super().walk(env, noise, states, actions, rewards)
            return
        market, own = market_part(first_layer(self.act.scores), self.act.table, env.days_ahead(len(noise)))
        kernels.walk(
            noise.numpy(),
            self.act.action_std_log.exp().numpy(),
            market,
            own,
            self.actor[2:6],
            *self.work[1:3],
            self.work[4],
            self.work[10],
            *environment,
            states.numpy(),
            actions.numpy(),
            rewards.numpy(),
        )
        env.day += len(noise)

    def trade(self, env: TradingEnv, trace: Trace) -> None:
        """Trade in one kernel, to the bit as torch does; where orders are whole shares, one day after the other."""
        if (environment := env.for_a_kernel()) is None:
            super().trade(env, trace)
            return
        market, own = market_part(first_layer(self.act.scores), self.act.table, env.days_ahead(len(trace.values)))
        work = *self.work[1:3], self.work[4], *empty((1, env.tickers), (1,))
        kernels.trade(
            market, own, self.actor[2:6], *work, *environment, env.state().numpy(), *(part.numpy() for part in trace)
        )
        env.day += len(trace.values)

    def values(self, states: Tensor) -> Tensor:
        """Return the critic's values (steps, num_envs) of states (steps, num_envs, …)."""
        market, own = market_part(first_layer(self.cri.embedding), self.cri.table, states[:, 0, 0].long())
        values = torch.empty(states.shape[:2])
        work = [self.work[place] for place in (1, 5, 6, 8, 12)]
        kernels.values_of_states(states.numpy(), market, own, self.critic[2:], values.numpy(), *work)
        return values

    @torch.no_grad()
    def update(self, seen: Transitions, drawn: Tensor, learns_values: bool) -> tuple[Any, Any, Tensor, Any]:
        """Make an update from drawn transitions, both networks in one pass."""
        logprobs, entropy = torch.empty(len(drawn)), self.normaliser() + 0.5 * self.action_dim
        parts = drawn, seen.actions, seen.logprobs, seen.advantages, seen.returns
        loss, objective = kernels.ppo_gradients(
            seen.states.numpy(),
            self.act.table.numpy(),
            *(part.numpy() for part in parts),
            self.settings.ratio_clip,
            self.settings.lambda_entropy,
            self.actor,
            self.actor_gradient,
            self.critic,
            self.critic_gradient,
            self.work,
            logprobs.numpy(),
        )
        kernels.adamw(*self.critic_step, *rates(self.cri_optimizer), CLIP_GRAD_NORM)
        kernels.adamw(*self.actor_step, *rates(self.act_optimizer), CLIP_GRAD_NORM)
        return loss, objective, logprobs, entropy

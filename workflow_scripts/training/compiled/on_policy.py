"""PPO and A2C with compiled rollouts, values and updates."""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from workflow_scripts.training.compiled import kernels
from workflow_scripts.training.compiled.arrays import (
    Arrays,
    arrays,
    empty,
    gradients,
    layers_for,
    market_part,
    optimizer_arrays,
    rates,
    weights_of,
)
from workflow_scripts.training.environment.trading_env import Trace, TradingEnv
from workflow_scripts.training.learners.on_policy import PolicyGradient, Transitions
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM
from workflow_scripts.training.networks.market import first_layer

STATES_AT_ONCE = 64  # of flat networks: their layers stay in a core's second cache


class CompiledOnPolicy(PolicyGradient):
    """What networks of both architectures share: they differ in the rows of a state, and in the update."""

    kernels: ClassVar[Any] = kernels

    def prepare(self, env: TradingEnv) -> None:
        """Take the arrays in which weights and gradients lie, and those that kernels work in."""
        super().prepare(env)
        actor, critic = self.layers()
        actor.append(self.act.action_std_log)
        self.actor, self.actor_gradient = arrays(actor), gradients(actor)
        self.critic, self.critic_gradient = arrays(critic), gradients(critic)
        self.actor_step, self.critic_step = map(optimizer_arrays, (self.act_optimizer, self.cri_optimizer))
        self.allot(env)

    def layers(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return weights and biases of the actor's three layers and of the critic's."""
        raise NotImplementedError

    def allot(self, env: TradingEnv) -> None:
        """Make the arrays that kernels write over.

        ``acting``: both hidden layers and the outputs of a block of rows, a transpose of the second layer's weights and
        the first one's sums over cash. ``valuing``: the first hidden layer, its means, the second one, the outputs, the
        transpose.
        """
        raise NotImplementedError

    def parts(self, network: Any, days: Tensor) -> Arrays:
        """Return a first layer's sums (days, rows of a state, width) over the market's numbers, and its other weights.

        Those are (numbers of a portfolio, width), one after the other in memory.
        """
        raise NotImplementedError

    def write_gradients(self, seen: Transitions, drawn: Tensor, *also: Any) -> tuple[float, float]:
        """Write the gradients of an update; return critic loss and objective. ``also`` is as the kernels have it."""
        raise NotImplementedError

    def walk(self, env: TradingEnv, noise: Tensor, states: Tensor, actions: Tensor, rewards: Tensor) -> None:
        """Act with noise: in one kernel, or a day at a time where orders are whole shares."""
        market, own = self.parts(self.act, env.days_ahead(len(noise)))
        self.acting[3][:] = self.actor[2].T
        fixed = own, self.actor[2:6], *self.acting
        deviation = self.act.action_std_log.exp().numpy()
        if (environment := env.for_a_kernel()) is not None:
            written = states.numpy(), actions.numpy(), rewards.numpy()
            kernels.walk(noise.numpy(), deviation, market, *fixed, *environment, *written)
            env.day += len(noise)
            return
        for step in range(len(noise)):
            day = states[step].numpy(), noise[step].numpy(), deviation, market[step : step + 1]
            kernels.explore(*day, *fixed, actions[step].numpy())
            env.step(self.to_env(actions[step]), states[step + 1], rewards[step])

    def values(self, states: Tensor) -> Tensor:
        """Return the critic's values (steps, num_envs) of states (steps, num_envs, …)."""
        values = torch.empty(states.shape[:2])
        parts = self.parts(self.cri, states[:, 0, 0].long())
        kernels.values_of_states(states.numpy(), *parts, self.critic[2:], values.numpy(), *self.valuing)
        return values

    @torch.no_grad()
    def update(self, seen: Transitions, drawn: Tensor, learns_values: bool) -> tuple[Any, Any, Tensor, Any]:
        """Make an update from drawn transitions, both networks in one pass."""
        logprobs, entropy = torch.empty(len(drawn)), self.normaliser() + 0.5 * self.action_dim
        clip: float | None = getattr(self.settings, "ratio_clip", None)  # PPO's
        objective = clip is not None, clip or 0.0, self.settings.lambda_entropy
        parts = [part.numpy() for part in (seen.actions, seen.logprobs, seen.advantages, seen.returns)]
        loss, climbed = self.write_gradients(seen, drawn, *parts, *objective, logprobs.numpy())
        kernels.adamw(*self.critic_step, *rates(self.cri_optimizer), CLIP_GRAD_NORM)
        kernels.adamw(*self.actor_step, *rates(self.act_optimizer), CLIP_GRAD_NORM)
        return loss, climbed, logprobs, entropy


class CompiledPolicyGradient(CompiledOnPolicy):
    """What ``PolicyGradient`` does by hyperparameters of PPO or A2C, networks ``shared``, no action for cash."""

    def layers(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the scorer's, and those of the critic's embedding and value."""
        return weights_of(self.act.scores[::2]), weights_of([self.cri.embedding[0], *self.cri.value[::2]])

    def allot(self, env: TradingEnv) -> None:
        """Make arrays of rows, of states, and of transposes."""
        tickers, (width, narrow), deep = env.tickers, self.act.widths.hidden, self.cri.value[0].out_features
        inputs, block = self.act.widths.inputs, max(1, kernels.ROWS_AT_ONCE // tickers)
        rows = block * tickers
        of_rows = [(rows, size) for size in (inputs, width, narrow, width, 1)]
        of_states = [(block, size) for size in (width, deep, width, 1)]
        turned = [(inputs, width), (width, narrow), (inputs, width), (width, deep)]
        self.work = empty(*of_rows, *of_states, *turned)
        self.acting = *self.work[1:3], self.work[4], self.work[10], *empty((width,))
        self.valuing = tuple(self.work[place] for place in (1, 5, 6, 8, 12))

    def parts(self, network: Any, days: Tensor) -> Arrays:
        """Return (days, tickers, width) and (2, width) of cash and holding."""
        return market_part(
            first_layer(network.scores if network is self.act else network.embedding), network.table, days
        )

    def write_gradients(self, seen: Transitions, drawn: Tensor, *also: Any) -> tuple[float, float]:
        """Write the gradients of an update."""
        *parts, logprobs = also
        networks = self.actor, self.actor_gradient, self.critic, self.critic_gradient
        of_states = seen.states.numpy(), self.act.table.numpy(), drawn.numpy()
        found: tuple[float, float] = kernels.policy_gradients(*of_states, *parts, *networks, self.work, logprobs)
        return found

    def trade(self, env: TradingEnv, trace: Trace) -> None:
        """Trade in one kernel, to the bit as torch does; where orders are whole shares, one day after the other."""
        if (environment := env.for_a_kernel()) is None:
            super().trade(env, trace)
            return
        market, own = self.parts(self.act, env.days_ahead(len(trace.values)))
        work = *self.acting[:3], *empty((1, env.tickers), (1,))
        kernels.trade(
            market, own, self.actor[2:6], *work, *environment, env.state().numpy(), *(part.numpy() for part in trace)
        )
        env.day += len(trace.values)


class CompiledFlatPolicyGradient(CompiledOnPolicy):
    """What ``PolicyGradient`` does by hyperparameters of PPO or A2C, networks ``flat``; torch evaluates them."""

    def layers(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return those of both networks."""
        return weights_of(self.act.net[::2]), weights_of(self.cri.net[::2])

    def allot(self, env: TradingEnv) -> None:
        """Make arrays of states, and of the transposes."""
        (width, narrow), block = self.act.widths.hidden, STATES_AT_ONCE
        of_states = [(block, size) for size in (width, narrow, self.action_dim, 1)]
        hidden, deep, outputs, value, *turned, of_cash = empty(*of_states, *[(width, narrow)] * 2, (width,))
        self.acting = hidden, deep, outputs, turned[0], of_cash
        self.valuing = hidden, hidden, deep, value, turned[1]
        self.batch = 0

    def parts(self, network: Any, days: Tensor) -> Arrays:
        """Return (days, 1, width) and (2 + tickers, width), where a state's day counts as nothing."""
        entry, portfolio = first_layer(network.net), network.shape.tickers + 1
        with torch.no_grad():
            market = functional.linear(network.table[days], entry.weight[:, portfolio:], entry.bias)
            own = torch.zeros(1 + portfolio, len(entry.bias))
            own[1:] = entry.weight[:, :portfolio].t() * network.shape.portfolio_scale
        return market[:, None].numpy(), own.numpy()

    def write_gradients(self, seen: Transitions, drawn: Tensor, *also: Any) -> tuple[float, float]:
        """Write the gradients of an update."""
        *parts, logprobs = also
        if len(drawn) != self.batch:
            self.batch, widths = len(drawn), self.act.widths
            self.rows, *back = empty(*((self.batch, size) for size in (widths.inputs, *widths.hidden)))
            self.back = tuple(back)
            self.of_actor, self.of_critic = (layers_for(each, self.batch) for each in (self.actor, self.critic))
        of_states = seen.states.numpy(), self.act.table.numpy(), self.act.shape.portfolio_scale, drawn.numpy()
        networks = self.actor, self.actor_gradient, self.of_actor, self.critic, self.critic_gradient, self.of_critic
        found: tuple[float, float] = kernels.flat_policy_gradients(
            *of_states, *parts, *networks, self.rows, self.back, logprobs
        )
        return found

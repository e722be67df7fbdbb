"""PPO on the same law in JAX, as compact as that goes: one jitted function collects, values and makes the updates.

The law is that of the mode ``tilt`` without lots, and of the networks ``shared`` or ``flat``; all is float32 here,
where the environment has money in float64. Episodes start with random weights, and advantages are those of
``on_policy.py``.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.environment.kernels import LARGEST_TILT, LOG_RETURN_SCALE, NEWTON_STEPS
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.learners.trading_agent import CLIP_GRAD_NORM
from workflow_scripts.training.networks.shared import HOLDING_CLIP


def step(weights: Any, action: Any, growth: Any, settings: EnvironmentSettings) -> tuple[Any, Any]:
    """Return weights (envs, 1 + tickers), cash first, and rewards (envs,) after a day of price ratios (tickers,)."""
    tickers = growth.shape[0]
    held = weights[:, 1:] * growth
    value = weights[:, 0] + held.sum(1)
    share = jnp.clip(1 + action, 0, LARGEST_TILT) / tickers
    share = share / jnp.maximum(share.sum(1, keepdims=True), 1)
    now = held / value[:, None]
    wanted = now + settings.rebalance_rate * (share - now)

    def rate(gap: Any) -> Any:
        return jnp.where(gap > 0, settings.cost_pct, -(settings.cost_pct + settings.sell_tax_pct))

    after = value
    for _ in range(NEWTON_STEPS):
        gap = wanted * after[:, None] - held
        excess = after - value + (rate(gap) * gap).sum(1)
        after = after - excess / (1 + (rate(gap) * wanted).sum(1))
    invested = wanted * after[:, None]
    gap = invested - held
    cash = jnp.maximum(value - (rate(gap) * gap).sum(1) - invested.sum(1), 0)
    asset = cash + invested.sum(1)
    return jnp.concatenate([cash[:, None], invested], 1) / asset[:, None], LOG_RETURN_SCALE * jnp.log(asset)


def dense(key: Any, inputs: int, outputs: int) -> dict[str, Any]:
    """Return a layer's weights."""
    bound = 1 / np.sqrt(inputs)
    return {"w": jax.random.uniform(key, (inputs, outputs), minval=-bound, maxval=bound), "b": jnp.zeros(outputs)}


class Shared:
    """The networks ``shared``: a row for every ticker, whose hidden layers are averaged for a value."""

    def __init__(self, segment: Segment):
        tickers = segment.close.shape[1]
        market = np.repeat(segment.market_features[:, None], tickers, axis=1)
        self.table = jnp.asarray(np.concatenate([segment.ticker_features, market], 2), jnp.float32)
        self.of_portfolio, self.outputs = 2, 1

    def hidden(self, layer: dict[str, Any], market: Any, weights: Any) -> Any:
        """Return the first hidden layer (…, tickers, width) from its sums over the market's numbers, and portfolios."""
        tickers = weights.shape[-1] - 1
        own = jnp.clip(weights[..., 1:] * tickers - 1, -HOLDING_CLIP, HOLDING_CLIP)[..., None]
        return jax.nn.relu(market + (weights[..., :1, None] * 2 - 1) * layer["w"][-2] + own * layer["w"][-1])

    def scores(self, actor: Any, first: Any) -> Any:
        """Return the mean actions (…, tickers)."""
        second = jax.nn.relu(first @ actor["second"]["w"] + actor["second"]["b"])
        return (second * actor["last"]["w"][:, 0]).sum(-1) + actor["last"]["b"][0]

    def value_of(self, critic: Any, first: Any) -> Any:
        """Return values (…) of states."""
        return value_of(critic, first.mean(-2))


class Flat:
    """The networks ``flat``: a perceptron over all numbers of a state."""

    def __init__(self, segment: Segment):
        tickers = segment.close.shape[1]
        self.table = jnp.asarray(segment.flat_features, jnp.float32)
        self.of_portfolio, self.outputs = 1 + tickers, tickers

    def hidden(self, layer: dict[str, Any], market: Any, weights: Any) -> Any:
        """Return the first hidden layer (…, width) from its sums over the market's numbers, and portfolios."""
        return jax.nn.relu(market + (weights * self.outputs) @ layer["w"][-self.of_portfolio :])

    def scores(self, actor: Any, first: Any) -> Any:
        """Return the mean actions (…, tickers)."""
        second = jax.nn.relu(first @ actor["second"]["w"] + actor["second"]["b"])
        return second @ actor["last"]["w"] + actor["last"]["b"]

    def value_of(self, critic: Any, first: Any) -> Any:
        """Return values (…) of states."""
        return value_of(critic, first)


def value_of(critic: Any, first: Any) -> Any:
    """Return values (…) by a critic's last two layers."""
    deep = jax.nn.relu(first @ critic["second"]["w"] + critic["second"]["b"])
    return (deep * critic["last"]["w"][:, 0]).sum(-1) + critic["last"]["b"][0]


def drawn_weights(key: Any, envs: int, tickers: int) -> Any:
    """Return weights (envs, 1 + tickers), any as likely as any other."""
    parts = jax.random.exponential(key, (envs, 1 + tickers))
    return parts / parts.sum(1, keepdims=True)


def make_round(
    segment: Segment,
    agent: PPO,
    environment: EnvironmentSettings,
    envs: int,
    kind: Shared | Flat,
    widths: tuple[int, int],
    deep: int,
) -> Callable[[], None]:
    """Return a function that collects ``horizon_len`` vector steps and makes the updates that follow.

    Args:
        segment: the days.
        agent: PPO's hyperparameters.
        environment: how an action becomes trades.
        envs: portfolios side by side.
        kind: of networks.
        widths: of the actor's hidden layers; the critic's first is as wide as the first of them.
        deep: width of the critic's second hidden layer.

    """
    days, tickers = segment.close.shape
    table, hidden, own = kind.table, kind.hidden, kind.of_portfolio
    growth = jnp.asarray(segment.close[1:] / segment.close[:-1], jnp.float32)
    inputs, steps = table.shape[-1] + own, agent.horizon_len
    updates = agent.updates(steps)
    keys = jax.random.split(jax.random.PRNGKey(0), 7)
    actor = {"first": dense(keys[0], inputs, widths[0]), "second": dense(keys[1], *widths)}
    actor |= {"last": dense(keys[2], widths[1], kind.outputs), "log_std": jnp.full(tickers, -0.5, jnp.float32)}
    critic = {"first": dense(keys[3], inputs, widths[0]), "second": dense(keys[4], widths[0], deep)}
    critic |= {"last": dense(keys[5], deep, 1)}

    def sums(layer: dict[str, Any], of: Any) -> Any:
        return of @ layer["w"][:-own] + layer["b"]

    def act(actor: Any, carry: Any, given: Any) -> tuple[Any, Any]:
        weights, day = carry
        part, noise, anew = given
        action = kind.scores(actor, hidden(actor["first"], part, weights)) + jnp.exp(actor["log_std"]) * noise
        traded, reward = step(weights, action, growth[day], environment)
        last = day == days - 2
        following = jnp.where(last, 0, day + 1)
        return (jnp.where(last, anew, traded), following), (weights, action, reward, traded, last)

    def look_back(carry: Any, given: Any) -> tuple[Any, Any]:
        following, advantage = carry
        reward, value, undone = given
        advantage = reward + agent.gamma * undone * following - value
        advantage = advantage + agent.gamma * agent.lambda_gae_adv * undone * carry[1]
        return (value, advantage), advantage

    def minimise(loss: Any, network: Any, state: Any) -> tuple[Any, Any]:
        gradient = jax.grad(loss)(network)
        norm = jnp.sqrt(sum(jnp.sum(part**2) for part in jax.tree.leaves(gradient)))
        scale, (first, second, count) = jnp.minimum(1, CLIP_GRAD_NORM / (norm + 1e-6)), state
        gradient, count = jax.tree.map(lambda part: part * scale, gradient), count + 1
        first = jax.tree.map(lambda mean, part: 0.9 * mean + 0.1 * part, first, gradient)
        second = jax.tree.map(lambda mean, part: 0.999 * mean + 0.001 * part**2, second, gradient)
        rate, slow = agent.learning_rate / (1 - 0.9**count), 1 - 0.999**count
        network = jax.tree.map(
            lambda weight, mean, square: (
                (1 - 0.01 * agent.learning_rate) * weight - rate * mean / (jnp.sqrt(square / slow) + 1e-8)
            ),
            network,
            first,
            second,
        )
        return network, (first, second, count)

    @jax.jit
    def learn(actor: Any, critic: Any, moments: Any, carry: Any, key: Any) -> Any:
        key, of_noise, of_start, of_rows = jax.random.split(key, 4)
        seen = (carry[1] + jnp.arange(steps)) % (days - 1)
        noise = jax.random.normal(of_noise, (steps, envs, tickers))
        anew = drawn_weights(of_start, envs, tickers)
        parts = sums(actor["first"], table)[seen][:, None], noise, jnp.broadcast_to(anew, (steps, *anew.shape))
        carry, (states, actions, rewards, ends, last) = lax.scan(lambda c, g: act(actor, c, g), carry, parts)
        of_critic = sums(critic["first"], table)
        values = kind.value_of(critic, hidden(critic["first"], of_critic[seen][:, None], states))
        final = kind.value_of(critic, hidden(critic["first"], of_critic[carry[1]][None], carry[0]))
        at_end = kind.value_of(critic, hidden(critic["first"], of_critic[-1][None], ends[days - 2 - seen[0]]))
        rewards, undone = rewards + agent.gamma * last[:, None] * at_end, 1.0 - last
        undone = jnp.broadcast_to(undone[:, None], rewards.shape)
        _, advantages = lax.scan(look_back, (final, jnp.zeros(envs)), (rewards, values, undone), reverse=True)
        returns = (advantages + values).ravel()
        advantages = advantages - advantages.mean(1, keepdims=True)
        advantages = ((advantages - advantages.mean()) / (advantages.std(0, ddof=1) + 1e-4)).ravel()
        logprobs = (-0.5 * (noise**2).sum(2) - actor["log_std"].sum()).ravel()
        rows = jax.random.randint(of_rows, (updates, agent.batch_size), 0, (steps - 1) * envs)
        states, actions = states.reshape(-1, tickers + 1), actions.reshape(-1, tickers)

        def update(networks: Any, drawn: Any) -> tuple[Any, None]:
            actor, critic, (of_actor, of_critic) = networks
            market, mine = table[seen[drawn // envs]], states[drawn]

            def critic_loss(critic: Any) -> Any:
                error = (
                    kind.value_of(critic, hidden(critic["first"], sums(critic["first"], market), mine)) - returns[drawn]
                )
                return jnp.where(jnp.abs(error) < 1, 0.5 * error**2, jnp.abs(error) - 0.5).mean()

            def actor_loss(actor: Any) -> Any:
                mean = kind.scores(actor, hidden(actor["first"], sums(actor["first"], market), mine))
                scaled = (actions[drawn] - mean) * jnp.exp(-actor["log_std"])
                ratio = jnp.exp(-0.5 * (scaled**2).sum(1) - actor["log_std"].sum() - logprobs[drawn])
                clipped = jnp.clip(ratio, 1 - agent.ratio_clip, 1 + agent.ratio_clip)
                gain = jnp.minimum(advantages[drawn] * ratio, advantages[drawn] * clipped).mean()
                return -(gain + agent.lambda_entropy * actor["log_std"].sum())

            critic, of_critic = minimise(critic_loss, critic, of_critic)
            actor, of_actor = minimise(actor_loss, actor, of_actor)
            return (actor, critic, (of_actor, of_critic)), None

        (actor, critic, moments), _ = lax.scan(update, (actor, critic, moments), rows)
        return actor, critic, moments, carry, key

    def empty(network: Any) -> tuple[Any, Any, Any]:
        return jax.tree.map(jnp.zeros_like, network), jax.tree.map(jnp.zeros_like, network), jnp.zeros(())

    start = drawn_weights(keys[6], envs, tickers)
    held = [(actor, critic, (empty(actor), empty(critic)), (start, jnp.zeros((), jnp.int32)), keys[6])]

    def run() -> None:
        held[0] = jax.block_until_ready(learn(*held[0]))

    return run

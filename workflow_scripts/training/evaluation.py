"""The judgement of a policy: one deterministic episode from cash, and the baselines beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from workflow_scripts.data.folds import Segment
from workflow_scripts.training.agents import make_env
from workflow_scripts.training.sharpe import Episode
from workflow_scripts.training.trading_agent import Architecture, TradingAgent
from workflow_scripts.training.trading_env import EnvironmentSettings, TradingEnv

BASELINES = ("equal_weight", "buy_and_hold")


def evaluate_policy(
    agent: TradingAgent, segment: Segment, environment: EnvironmentSettings, architecture: Architecture, train: Segment
) -> Episode:
    """Return the agent's deterministic episode on a segment; afterwards it sees its training window again."""
    env = make_env(segment, environment, architecture, num_envs=1, device=agent.device)
    agent.act.show(segment)
    try:
        with torch.no_grad():
            market, weight = agent.act.market_part(env.days_ahead(env.last_day))

        def policy(state: Tensor) -> Tensor:
            outputs = agent.act.infer(market[env.day : env.day + 1], weight, state[None])
            return agent.to_env(outputs[0, :, :, 0])

        return run_episode(env, segment, policy)
    finally:
        agent.act.show(train)


def evaluate_snapshots(
    agent: TradingAgent,
    snapshots: Sequence[Mapping[str, Tensor]],
    segment: Segment,
    environment: EnvironmentSettings,
    architecture: Architecture,
) -> list[Episode]:
    """Return the deterministic episodes of several policies on the window that the agent sees, in one pass.

    Args:
        agent: whose policy network takes the weights in turn.
        snapshots: weights of the policy network; each one drives a portfolio of its own.
        segment: the window.
        environment: how an action becomes trades.
        architecture: what a state shows.

    """
    env = make_env(segment, environment, architecture, num_envs=len(snapshots), device=agent.device)
    stacked = {name: torch.stack([snapshot[name] for snapshot in snapshots]) for name in snapshots[0]}

    def act(weights: dict[str, Tensor], state: Tensor) -> Tensor:
        action: Tensor = functional_call(agent.act, weights, (state[None],))
        return action[0]

    each = torch.vmap(act)
    return run_episodes(env, segment, lambda state: agent.to_env(each(stacked, state)))


def run_episode(env: TradingEnv, segment: Segment, policy: Callable[[Tensor], Tensor]) -> Episode:
    """Return one episode of the environment's first portfolio, from its present state to the last day."""
    return run_episodes(env, segment, policy)[0]


@torch.no_grad()
def run_episodes(env: TradingEnv, segment: Segment, policy: Callable[[Tensor], Tensor]) -> list[Episode]:
    """Return an episode a portfolio, from the environment's present state to the last day."""
    state, last = env.state(), False
    values, traded = [env.asset.clone()], []
    while not last:
        state, _, last = env.step(policy(state))
        values.append(env.asset.clone())
        traded.append(env.traded.clone())
    path, volume = torch.stack(values).cpu().numpy(), torch.stack(traded).cpu().numpy()
    returns, turnover = path[1:] / path[:-1] - 1, volume / path[:-1]
    return [Episode(segment.dates[1:], returns[:, place], turnover[:, place]) for place in range(env.num_envs)]


def run_baseline(name: str, segment: Segment, environment: EnvironmentSettings) -> Episode:
    """Return the episode of a baseline under the same costs and the same one-day delay.

    ``equal_weight`` trades back to equal weights every day; ``buy_and_hold`` buys equal weights once.

    Raises:
        ValueError: no such baseline, or it can buy nothing.

    """
    if name not in BASELINES:
        raise ValueError(f"no baseline {name!r}: there are {', '.join(BASELINES)}")
    daily = replace(environment, action_mode="tilt", rebalance_rate=1.0)
    env = make_env(segment, daily, "shared", num_envs=1)
    equal = torch.zeros(1, env.action_dim)
    if name == "equal_weight":
        episode = run_episode(env, segment, lambda _: equal)
    else:
        env.step(equal)
        values = segment.close[1:] @ env.holdings[0].numpy() + float(env.cash[0])
        turnover = np.zeros(len(values))
        turnover[0] = float(env.traded[0]) / daily.initial_cash
        returns = values / np.concatenate([[daily.initial_cash], values[:-1]]) - 1
        episode = Episode(segment.dates[1:], returns, turnover)
    if not episode.turnover.any():
        raise ValueError(
            f"{name} cannot buy a single lot: of {daily.lot} shares the cheapest costs "
            f"{daily.lot * segment.close.min():,.0f} and {daily.min_fee:,.0f} of fee at least, and initial_cash is "
            f"{daily.initial_cash:,.0f} for {env.tickers} tickers: lower the market's lot_size or min_fee, "
            f"or raise its initial_cash"
        )
    return episode

"""The judgement of a policy: one deterministic episode from cash, and the baselines beside it."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

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
        return run_episode(env, segment, lambda state: agent.to_env(agent.act(state)))
    finally:
        agent.act.show(train)


@torch.no_grad()
def run_episode(env: TradingEnv, segment: Segment, policy: Callable[[Tensor], Tensor]) -> Episode:
    """Return one episode of the environment's first portfolio, from its present state to the last day."""
    state, last = env.state(), False
    values, turnover = [float(env.asset[0])], []
    while not last:
        before = float(env.asset[0])
        state, _, last = env.step(policy(state))
        values.append(float(env.asset[0]))
        turnover.append(float(env.traded[0]) / before)
    path = np.asarray(values)
    return Episode(segment.dates[1:], path[1:] / path[:-1] - 1, np.asarray(turnover))


def run_baseline(name: str, segment: Segment, environment: EnvironmentSettings) -> Episode:
    """Return the episode of a baseline under the same costs and the same one-day delay.

    ``equal_weight`` trades back to equal weights every day; ``buy_and_hold`` buys equal weights once.

    Raises:
        ValueError: no such baseline.

    """
    if name not in BASELINES:
        raise ValueError(f"no baseline {name!r}: there are {', '.join(BASELINES)}")
    daily = EnvironmentSettings(
        action_mode="tilt",
        rebalance_rate=1.0,
        cost_pct=environment.cost_pct,
        initial_cash=environment.initial_cash,
    )
    env = make_env(segment, daily, "shared", num_envs=1)
    equal = torch.zeros(1, env.action_dim)
    if name == "equal_weight":
        return run_episode(env, segment, lambda _: equal)
    env.step(equal)
    bought = segment.close[1:] @ env.holdings[0].numpy() + float(env.cash[0])
    turnover = np.zeros(len(bought))
    turnover[0] = float(env.traded[0]) / environment.initial_cash
    return Episode(segment.dates[1:], bought / np.concatenate([[environment.initial_cash], bought[:-1]]) - 1, turnover)

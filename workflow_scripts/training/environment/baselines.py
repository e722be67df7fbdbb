"""Episodes of a policy, and of the baselines that need no training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.environment.settings import BASELINES, EnvironmentSettings
from workflow_scripts.training.environment.trading_env import Trace, TradingEnv, make_env
from workflow_scripts.training.sharpe import Episode
from workflow_scripts.workflow.files import whole_file

NO_CASH = -1e9  # the softmax of it is 0


def run_episode(
    env: TradingEnv, segment: Segment, policy: Callable[[Tensor], Tensor], with_weights: bool = True
) -> Episode:
    """Return one episode of the environment's first portfolio, from its present state to the last day."""
    return run_episodes(env, segment, policy, with_weights)[0]


def run_episodes(
    env: TradingEnv, segment: Segment, policy: Callable[[Tensor], Tensor], with_weights: bool = True
) -> list[Episode]:
    """Return an episode per portfolio, from the environment's present state to the last day.

    After a run of contiguous days the next one starts anew: no return spans two runs.

    Args:
        env: the portfolios.
        segment: the days.
        policy: returns actions for states.
        with_weights: whether an episode notes what is held and traded, not only what it earns.

    """

    def trade(trace: Trace) -> None:
        state = env.state()
        for place in range(len(trace.values)):
            state, *_ = env.step(policy(state))
            env.note(trace, place)

    return trade_episodes(env, segment, trade, with_weights)


@torch.no_grad()
def trade_episodes(
    env: TradingEnv, segment: Segment, trade: Callable[[Trace], None], with_weights: bool = True
) -> list[Episode]:
    """Return what ``run_episodes`` does, where ``trade`` goes through a run of days and writes its trace."""
    runs = [_trade_run(env, segment, trade, with_weights)]
    while env.day < env.last_day:
        env.reset()
        runs.append(_trade_run(env, segment, trade, with_weights))
    return [_joined(episodes) for episodes in zip(*runs, strict=True)]


def _trade_run(env: TradingEnv, segment: Segment, trade: Callable[[Trace], None], with_weights: bool) -> list[Episode]:
    first, trace = env.day, env.trace(env.steps_left + 1, with_weights)
    env.note(trace, 0)
    trade(trace.part(slice(1, None)))
    values, volume = trace.values.cpu().numpy(), trace.traded[1:].cpu().numpy()
    worth = np.where(values > 0, values, 1.0)  # of a closed account all that follows is 0
    returns, turnover = np.where(values[:-1] > 0, values[1:] / worth[:-1] - 1, 0.0), volume / worth[:-1]
    earned = slice(first + 1, env.day + 1)
    dates, days_a_year = segment.dates[earned], segment.periods_per_year
    risk_free = env.settings.risk_free
    episodes = [
        Episode(dates, returns[:, each], turnover[:, each], days_a_year, risk_free=risk_free)
        for each in range(env.num_envs)
    ]
    if not with_weights:
        return episodes
    shares, close = trace.holdings.mT.contiguous().cpu().numpy(), segment.close[earned, None]
    weights, orders = shares[1:] * close / worth[1:, :, None], np.diff(shares, axis=0) * close / worth[:-1, :, None]
    start = shares[0] * segment.close[first] / worth[0][:, None]
    return [
        replace(episode, weights=weights[:, each], traded=orders[:, each], start=start[each])
        for each, episode in enumerate(episodes)
    ]


def _joined(runs: Sequence[Episode]) -> Episode:
    """Return the episodes of runs of days one after the other; each has all its arrays, and the first one's start."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(run, name) for run in runs])
        for name, value in vars(runs[0]).items()
        if isinstance(value, np.ndarray) and name != "start"
    }
    return replace(runs[0], **arrays)


def run_baseline(name: str, segment: Segment, environment: EnvironmentSettings) -> Episode:
    """Return the episode of a baseline under the same costs and the same one-day delay.

    ``benchmark`` is the neutral action by the agents' own mechanism (``run_benchmark``); ``equal_weight`` trades back
    to equal weights every day; ``buy_and_hold`` buys equal weights once, or keeps those that it starts with.

    Raises:
        ValueError: no such baseline, or it can buy nothing.

    """
    if name not in BASELINES:
        raise ValueError(f"no baseline {name!r}: there are {', '.join(BASELINES)}")
    if name == "benchmark":
        return run_benchmark(segment, environment)
    daily = environment.model_copy(update={"action_mode": "tilt", "rebalance_rate": 1.0, "lot_size": environment.lot})
    tickers = segment.close.shape[1]
    equal = torch.zeros(1, tickers)
    if name == "equal_weight":
        episode = run_episode(make_env(segment, daily, "shared", num_envs=1), segment, lambda _: equal)
    else:
        episode = _joined([_buy_and_hold(run, daily, equal) for run in segment.runs()])
    if episode.weights is not None and not episode.weights.any():
        raise ValueError(
            f"{name} cannot buy a single lot: of {daily.lot} shares the cheapest costs "
            f"{daily.lot * segment.close.min():,.0f} and {daily.min_fee:,.0f} of fee at least, and initial_cash is "
            f"{daily.initial_cash:,.0f} for {tickers} tickers: lower the market's lot_size or min_fee, "
            f"or raise its initial_cash"
        )
    return episode


def _buy_and_hold(segment: Segment, environment: EnvironmentSettings, equal: Tensor) -> Episode:
    env = make_env(segment, environment, "shared", num_envs=1)
    began, held = float(env.asset[0]), env.holdings[0].numpy().copy()
    if environment.start == "cash":
        env.step(equal)
    shares = env.holdings[0].numpy()
    worth = segment.close[1:] * shares
    nights = np.arange(len(worth)) + (environment.start != "cash")  # whose interest the cash has still to earn
    values = worth.sum(axis=1) + float(env.cash[0]) * (1 + env.interest[0]) ** nights
    turnover, traded = np.zeros(len(values)), np.zeros_like(worth)
    turnover[0] = float(env.traded[0]) / began
    traded[0] = (shares - held) * segment.close[1] / began
    returns, start = values / np.concatenate([[began], values[:-1]]) - 1, held * segment.close[0] / began
    made = returns, turnover, segment.periods_per_year, worth / values[:, None], traded, start
    return Episode(segment.dates[1:], *made, environment.risk_free)


def run_benchmark(segment: Segment, environment: EnvironmentSettings) -> Episode:
    """Return the episode of the neutral action, by the agents' own mechanism: rate, costs, lots and start.

    ``tilt`` and ``long_short``: no tilt; ``weights``: equal weights and no cash; ``shares``: the orders towards equal
    weight.
    """
    env = make_env(segment, environment, "shared", num_envs=1)
    neutral = torch.zeros(1, env.action_dim)
    if environment.action_mode == "weights":
        neutral[:, 0] = NO_CASH

    def policy(_state: Tensor) -> Tensor:
        if environment.action_mode != "shares":
            return neutral
        even = env.asset[:, None] / env.tickers / torch.as_tensor(segment.close[env.day])
        whole: Tensor = (even - env.holdings).trunc()
        # Half a share more, which the environment cuts off: no order is rounded down below what it asks for.
        most = environment.max_stock * environment.action_scale
        return ((whole + 0.5 * whole.sign()) / most).clamp(-1, 1).float()

    return run_episode(env, segment, policy)


def write_baselines(episodes: Mapping[str, Episode], path: Path) -> None:
    """Write daily returns: date, then a column per baseline; the table's attributes are those of a run's returns."""
    import pandas as pd

    one = next(iter(episodes.values()))
    columns = {name: episode.daily_returns for name, episode in episodes.items()}
    table = pd.DataFrame({"date": pd.to_datetime(one.dates), **columns})
    table.attrs |= one.attributes
    with whole_file(path) as beside:
        table.to_parquet(beside, index=False)

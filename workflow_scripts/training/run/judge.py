"""The second step of a run: judge the trained policy by one deterministic episode on unseen days."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.environment.baselines import run_episodes, trade_episodes
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import Trace, make_env
from workflow_scripts.training.learners.trading_agent import TradingAgent, TrainingFailedError
from workflow_scripts.training.networks.shape import Architecture
from workflow_scripts.training.run.runs import Run, out_of_memory_is_a_failure
from workflow_scripts.training.run.train import Trained
from workflow_scripts.training.sharpe import Episode, RunResult, failed_run, judge_episode, sharpe_ratio

# Days whose market part a policy adds up at once: of a long window with many tickers all take much memory.
DAYS_AT_ONCE = 256


@dataclass(frozen=True)
class Judged:
    """The judgement of a run.

    Attributes:
        result: what sharpe.json says.
        episode: the episode on the unseen days; none unless the result is ok.

    """

    result: RunResult
    episode: Episode | None = None


def judge(run: Run, trained: Trained, log: logging.Logger, last_attempt: bool = True) -> Judged:
    """Judge a trained policy; where the result is to be the best snapshot, the agent takes its weights.

    Raises:
        MemoryError: out of memory, and another attempt is left.

    """
    agent, data, where = trained.agent, run.data, (run.environment, run.training.architecture)
    try:
        if trained.reason is not None:
            raise TrainingFailedError(trained.reason)
        with out_of_memory_is_a_failure(last_attempt):
            if agent.snapshots:
                choose_snapshot(agent, run.holdout or data.train, *where, log)
            episode = evaluate_policy(agent, data.validation, *where)
            result = judge_episode(episode, evaluate_policy(agent, data.train, *where, with_weights=False))
    except TrainingFailedError as error:
        return Judged(failed_run(str(error)))
    return Judged(result, episode if result.status == "ok" else None)


def choose_snapshot(
    agent: TradingAgent,
    window: Segment,
    environment: EnvironmentSettings,
    architecture: Architecture,
    log: logging.Logger,
) -> None:
    """Give the policy the weights of the snapshot with the highest Sharpe ratio on a window before the validation days.

    That is the training window, or what was held out at its end. The validation days have no say: they judge the
    result. A snapshot that never trades loses to all that do; among equals the last one wins.
    """
    of_training = agent.act.table
    agent.act.show(agent.act.tabulate(window).to(agent.device))
    episodes = evaluate_snapshots(agent, agent.snapshots, window, environment, architecture)
    agent.act.show(of_training)
    sharpes = [
        sharpe_ratio(episode.excess, episode.periods_per_year) if episode.turnover.any() else -math.inf
        for episode in episodes
    ]
    best = max(range(len(sharpes)), key=lambda place: (sharpes[place], place))
    which = "training" if window is agent.window else "holdout"
    log.info(f"{which}_sharpe of the snapshots: " + " ".join(f"{sharpe:.2f}" for sharpe in sharpes) + f"; took {best}")
    agent.act.load_state_dict(agent.snapshots[best])


def evaluate_policy(
    agent: TradingAgent,
    segment: Segment,
    environment: EnvironmentSettings,
    architecture: Architecture,
    with_weights: bool = True,
) -> Episode:
    """Return the agent's deterministic episode on a segment; afterwards it sees its training window again."""
    env, of_training = make_env(segment, environment, architecture, num_envs=1, device=agent.device), agent.act.table
    if segment is not agent.window:
        agent.act.show(agent.act.tabulate(segment).to(agent.device))

    def trade(trace: Trace) -> None:
        for first in range(0, len(trace.values), DAYS_AT_ONCE):
            agent.trade(env, trace.part(slice(first, first + DAYS_AT_ONCE)))

    try:
        return trade_episodes(env, segment, trade, with_weights)[0]
    finally:
        agent.act.show(of_training)


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
    return run_episodes(env, segment, lambda state: agent.to_env(each(stacked, state)), with_weights=False)

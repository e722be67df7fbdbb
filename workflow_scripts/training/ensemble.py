"""An ensemble of trained policies: its action, and what the environment makes of it on one day or on all."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.accounts import Account
from workflow_scripts.training.environment.baselines import run_episode
from workflow_scripts.training.environment.trading_env import TradingEnv, make_env
from workflow_scripts.training.learners.trading_agent import TradingAgent
from workflow_scripts.training.networks.market import Rollout
from workflow_scripts.training.run.judge import DAYS_AT_ONCE
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.write import load_policy
from workflow_scripts.training.sharpe import Episode


@torch.no_grad()
def trade(run: Run, policies: Mapping[int, Path], day: int, before: Account) -> Account:
    """Return what an account holds after the orders of an ensemble, whose action is the mean of its policies' actions.

    As in an episode, the policies see the account at the close of the day, and the orders fill at the next close.

    Args:
        run: the run of one of the policies; the others differ by their seed alone.
        policies: policy.pt of each seed.
        day: position among the validation days, but the last one.
        before: what the account holds.

    Raises:
        ValueError: a policy is damaged or another trial's, or its action is not finite.

    """
    segment = run.data.validation
    act, env = mean_action(run, policies), untrained(run)[1]
    env.day = day
    env.cash.fill_(before.cash)
    env.holdings.copy_(torch.as_tensor(before.shares))
    env.asset.fill_(before.value(segment.close[day]))
    env.step(act(env))
    return Account(float(env.cash[0]), env.holdings[0].numpy().copy())


def episode_of(run: Run, policies: Mapping[int, Path]) -> Episode:
    """Return the episode of an ensemble on the validation days: one account, which all its policies see.

    Raises:
        ValueError: a policy is damaged or another trial's, or its action is not finite.

    """
    act, env = mean_action(run, policies), untrained(run)[1]
    return run_episode(env, run.data.validation, lambda _: act(env))


def mean_action(run: Run, policies: Mapping[int, Path]) -> Callable[[TradingEnv], Tensor]:
    """Return what an ensemble does: the mean of its policies' actions (1, action_dim) in an environment's state.

    By the same products of matrices as in an episode of each, to the last bit.

    Raises:
        ValueError: a policy is damaged or another trial's, or later: its action is not finite.

    """
    agents = {seed: untrained(run)[0] for seed in policies}
    for seed, path in policies.items():
        load_policy(agents[seed], path)
        if torch.load(path, weights_only=True)["trial"] != run.trial.to_dict():
            raise ValueError(f"{path} is of another configuration than was judged: run Snakemake first")

    @cache
    def rollout(seed: int, first: int, stop: int) -> Rollout:
        return cast(Rollout, agents[seed].act.rollout(torch.arange(first, stop)))

    def act(env: TradingEnv) -> Tensor:
        first = env.day - env.day % DAYS_AT_ONCE
        place, stop = env.day - first, min(first + DAYS_AT_ONCE, env.last_day)
        actions = []
        for seed, agent in agents.items():
            output = rollout(seed, first, stop)(slice(place, place + 1), env.state()[None])
            actions.append(agent.to_env(output[0, :, :, 0]))
            if not torch.isfinite(actions[-1]).all():
                date = run.data.validation.dates[env.day]
                raise ValueError(f"the action of seed {seed} on {date} is not finite: {policies[seed]} cannot trade")
        return torch.stack(actions).mean(dim=0)

    return act


def untrained(run: Run) -> tuple[TradingAgent, TradingEnv]:
    """Return an agent that takes policies of a run, on the validation days, and an environment of one portfolio."""
    segment, training, settings = run.data.validation, run.training, run.phases[-1].agent
    env = make_env(segment, run.environment, training.architecture, num_envs=1)
    return settings.learner()(segment, env, settings, training.architecture, training.initial_log_std), env


def with_a_day_to_fill(segment: Segment) -> Segment:
    """Return a segment whose last day stands twice, so that what is decided on it fills at its own close."""
    rows = np.append(np.arange(len(segment.dates)), len(segment.dates) - 1)
    return replace(segment, **{name: array[rows] for name, array in segment.arrays().items()})

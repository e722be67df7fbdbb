"""An ensemble of trained policies on one day: its action, and what the environment makes of it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.accounts import Account
from workflow_scripts.training.environment.trading_env import TradingEnv, make_env
from workflow_scripts.training.learners.trading_agent import TradingAgent
from workflow_scripts.training.run.judge import DAYS_AT_ONCE
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.write import load_policy


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
    agent, env = untrained(run)
    env.day = day
    env.cash.fill_(before.cash)
    env.holdings.copy_(torch.as_tensor(before.shares))
    env.asset.fill_(before.value(segment.close[day]))
    actions = []
    for seed, path in policies.items():
        load_policy(agent, path)
        if torch.load(path, weights_only=True)["trial"] != run.trial.to_dict():
            raise ValueError(f"{path} is of another configuration than was judged: run Snakemake first")
        actions.append(_action(agent, env))
        if not torch.isfinite(actions[-1]).all():
            raise ValueError(f"the action of seed {seed} on {segment.dates[day]} is not finite: {path} cannot trade")
    env.step(torch.stack(actions).mean(dim=0))
    return Account(float(env.cash[0]), env.holdings[0].numpy().copy())


def untrained(run: Run) -> tuple[TradingAgent, TradingEnv]:
    """Return an agent that takes policies of a run, on the validation days, and an environment of one portfolio."""
    segment, training, settings = run.data.validation, run.training, run.phases[-1].agent
    env = make_env(segment, run.environment, training.architecture, num_envs=1)
    return settings.learner()(segment, env, settings, training.architecture, training.initial_log_std), env


def _action(agent: TradingAgent, env: TradingEnv) -> Tensor:
    """Return an action (1, action_dim), by the same products of matrices as in an episode, to the last bit."""
    first = env.day - env.day % DAYS_AT_ONCE
    rollout = agent.act.rollout(torch.arange(first, min(first + DAYS_AT_ONCE, env.last_day)))
    place = env.day - first
    return agent.to_env(rollout(slice(place, place + 1), env.state()[None])[0, :, :, 0])


def with_a_day_to_fill(segment: Segment) -> Segment:
    """Return a segment whose last day stands twice, so that what is decided on it fills at its own close."""
    rows = np.append(np.arange(len(segment.dates)), len(segment.dates) - 1)
    return replace(segment, **{name: array[rows] for name, array in segment.arrays().items()})

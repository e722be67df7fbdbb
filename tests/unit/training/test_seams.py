"""Days of several runs: an episode is one run, and nothing is earned, held or learned across the seam between two."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from workflow_scripts.training.agents.base import agent_of
from workflow_scripts.training.environment.baselines import run_baseline
from workflow_scripts.training.environment.settings import BASELINES, EnvironmentSettings
from workflow_scripts.training.environment.trading_env import TradingEnv, make_env
from workflow_scripts.training.run.judge import evaluate_policy, evaluate_snapshots

STARTS, DAYS = (0, 30, 33), 80
ENDS = (29, 32, 79)
CONFIGURATION = {"net_dims_0": 16, "net_dims_1": 16, "horizon_len": 32, "batch_size": 32}


@pytest.fixture
def window(fold):
    """80 days in three runs; at each seam prices rise tenfold, which nobody may earn."""
    close = fold.train.close * (10.0 ** np.searchsorted(STARTS, np.arange(DAYS), side="right"))[:, None]
    return replace(fold.train, close=close, starts=STARTS)


def learner(window, name, **more):
    settings = agent_of(name).of(CONFIGURATION | more)
    env = make_env(window, EnvironmentSettings(), "shared", num_envs=4, random_start=True)
    return env, settings.learner()(window, env, settings)


def test_an_episode_is_one_run_and_after_the_last_run_comes_the_first(window):
    env = make_env(window, EnvironmentSettings(), "shared", num_envs=2, random_start=True)
    foretold, days = env.days_ahead(200).tolist(), []
    for _ in range(200):
        days.append(env.day)
        _, _, last = env.step(torch.zeros(2, 3))
        assert last == (env.day in ENDS)
        if last:
            env.reset()
    assert days == foretold
    decided = [day for day in range(DAYS) if day not in ENDS]
    assert days[:80] == [*decided, *decided[: 80 - len(decided)]]


def test_a_reset_within_a_run_starts_that_run_anew(window):
    env = make_env(window, EnvironmentSettings(), "shared", num_envs=2)
    for day in (0, 0, 0):
        env.step(torch.zeros(2, 3))
        env.reset()
        assert env.day == day
    env.day = 29
    env.reset()
    env.step(torch.zeros(2, 3))
    env.reset()
    assert env.day == 30


@pytest.mark.parametrize("mode", ["tilt", "weights", "shares"])
def test_no_reward_crosses_a_seam_and_no_position_does(window, mode):
    env = make_env(window, EnvironmentSettings(action_mode=mode, start="cash"), "shared", num_envs=2)
    for _ in range(200):
        before = env.asset.clone()
        _, _, last = env.step(torch.ones(2, env.action_dim))
        assert ((env.asset / before - 1).abs() < 0.2).all()
        if last:
            env.reset()
            assert (env.holdings == 0).all()
            assert (env.cash == env.settings.initial_cash).all()


@pytest.mark.parametrize("mode", ["tilt", "weights", "shares"])
def test_each_run_starts_with_equal_weights_at_its_own_prices(window, mode):
    env = make_env(window, EnvironmentSettings(action_mode=mode), "shared", num_envs=2)
    for first in STARTS:
        assert env.day == first
        price = torch.as_tensor(window.close[first])
        missing = 1e6 / 3 - env.holdings * price
        assert (missing.abs() < (price if mode == "shares" else 1e-6)).all()  # less than a share
        env.day = min(end for end in ENDS if end >= env.day)
        env.reset()


def test_a_random_start_is_worth_the_initial_cash_at_the_prices_of_its_own_run(window):
    env = make_env(window, EnvironmentSettings(lot_size=1), "shared", num_envs=4, random_start=True)
    for _ in range(len(STARTS)):
        worth = env.cash + env.holdings @ torch.as_tensor(window.close[env.day])
        torch.testing.assert_close(worth, torch.full_like(worth, env.settings.initial_cash))
        env.day = min(end for end in ENDS if end >= env.day)
        env.reset()


@torch.no_grad()
def test_a_rollout_ends_an_episode_at_each_seam_and_its_advantages_stop_there(window):
    env, agent = learner(window, "ppo")
    steps = DAYS - len(STARTS)
    rollout = agent.explore(env, steps)
    days = rollout.states[:, 0, 0].long().tolist()
    ended = (rollout.undones == 0).all(dim=1).nonzero().flatten().tolist()
    assert [days[place] for place in ended] == [end - 1 for end in ENDS]
    values = torch.zeros_like(rollout.rewards)
    before = agent.advantages(rollout.rewards, rollout.undones, values)
    later = rollout.rewards.clone()
    later[ended[0] + 1 :] += 100  # what the runs after the first one bring
    after = agent.advantages(later, rollout.undones, values)
    assert torch.equal(after[: ended[0] + 1], before[: ended[0] + 1])
    assert (after[ended[0] + 1] > before[ended[0] + 1]).all()


@pytest.mark.parametrize("n_step", [1, 3])
@pytest.mark.parametrize("size", [5, 64, 300])
def test_a_buffer_joins_no_two_runs(window, size, n_step):
    env, agent = learner(window, "sac", buffer_size=size, n_step=n_step)
    agent.explore(env, 400)
    state, _, returns, _, following = agent.buffer.sample(5000, agent.generator)
    ahead = (following[:, 0] - state[:, 0]).long()
    run_of = torch.bucketize(torch.stack([state[:, 0], following[:, 0]]).long(), torch.tensor(STARTS), right=True)
    assert set(ahead.tolist()) == set(range(1, n_step + 1))
    assert torch.equal(*run_of)
    assert not set(state[:, 0].long().tolist()) & set(ENDS)
    assert returns.abs().max() < 20 * n_step  # a tenfold price would be log(10) × 100 = 230
    assert len(set(state[:, 0].long().tolist())) == min(size, DAYS - len(STARTS))


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_trades_each_run_as_if_there_were_no_other(window, name):
    together = run_baseline(name, window, EnvironmentSettings())
    alone = [run_baseline(name, run, EnvironmentSettings()) for run in window.runs()]
    assert list(together.dates) == [date for day, date in enumerate(window.dates) if day not in STARTS]
    np.testing.assert_array_equal(together.daily_returns, np.concatenate([each.daily_returns for each in alone]))
    np.testing.assert_array_equal(together.turnover, np.concatenate([each.turnover for each in alone]))


@pytest.mark.parametrize("name", ["ppo", "sac"])
@pytest.mark.parametrize("architecture", ["shared", "flat"])
def test_a_policy_trades_each_run_from_cash_as_if_there_were_no_other(window, name, architecture):
    _, agent = learner(window, name)
    env = make_env(window, EnvironmentSettings(), architecture, num_envs=4)
    agent = agent.settings.learner()(window, env, agent.settings, architecture)
    where = (EnvironmentSettings(), architecture)
    together = evaluate_policy(agent, window, *where)
    alone = [evaluate_policy(agent, run, *where).daily_returns for run in window.runs()]
    np.testing.assert_allclose(together.daily_returns, np.concatenate(alone), rtol=1e-4, atol=1e-7)
    agent.take_snapshot()
    (again,) = evaluate_snapshots(agent, agent.snapshots, window, *where)
    np.testing.assert_allclose(again.daily_returns, together.daily_returns, rtol=1e-4, atol=1e-6)


def test_a_run_of_one_day_is_refused():
    with pytest.raises(ValueError, match=r"two days or more .* begin on \[0, 1\]"):
        TradingEnv(np.ones((5, 2)), 1, EnvironmentSettings(), starts=(0, 1))

import math

import numpy as np
import pytest
import torch

from workflow_scripts.training.agents.base import agent_of
from workflow_scripts.training.curves import read_curves, write_curves
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.learners.on_policy import traded_and_earned
from workflow_scripts.training.learners.trading_agent import CURVE_POINTS

NETWORK = {"net_dims_0": 16, "net_dims_1": 16, "batch_size": 32, "horizon_len": 16}
ON_POLICY = {"actor_objective", "log_std", "entropy", "kl", "reward", "turnover"}
COLUMNS = {
    "ppo": ON_POLICY | {"critic_loss", "explained_variance"},
    "a2c": ON_POLICY | {"critic_loss", "explained_variance"},
    "reinforce": ON_POLICY,
    "sac": {"critic_loss", "alpha", "actor_updates", "entropy", "reward", "turnover"},
    "modsac": {"critic_loss", "alpha", "actor_updates", "entropy", "reward", "turnover"},
    "ddpg": {"critic_loss", "actor_objective", "reward", "turnover"},
    "td3": {"critic_loss", "actor_objective", "reward", "turnover"},
}


def learner(fold, name, environment=EnvironmentSettings(), **more):
    settings = agent_of(name).of({**NETWORK, "repeat_times": 4, **more})
    env = make_env(fold.train, environment, "shared", num_envs=4, seed=0, random_start=True)
    return settings.learner()(fold.train, env, settings, seed=0), env


@pytest.mark.parametrize("name", COLUMNS)
def test_a_training_notes_what_its_agent_has(fold, tmp_path, name):
    agent, env = learner(fold, name)
    for _ in agent.train(env, 64):
        pass
    write_curves(agent.curves, tmp_path / "curves.parquet")
    curves = read_curves(tmp_path / "curves.parquet")
    assert set(curves) == {"vector_steps", *COLUMNS[name]}
    assert curves["vector_steps"].tolist() == [16, 32, 48, 64]
    assert all(np.isfinite(values).all() for values in curves.values())
    assert (curves["turnover"] > 0).all()


def test_a_long_training_notes_no_more_rounds_than_a_curve_shows(fold):
    agent, env = learner(fold, "a2c", repeat_times=2)
    for _ in agent.train(env, 16 * 200):
        pass
    steps = [row["vector_steps"] for row in agent.curves]
    assert len(steps) == CURVE_POINTS
    assert steps[-1] == 3200
    assert max(np.diff(steps)) <= 64


@pytest.mark.parametrize("mode", ["tilt", "weights", "long_short"])
def test_reward_and_turnover_of_a_rollout_are_what_the_environment_says(fold, mode):
    agent, env = learner(fold, "ppo", EnvironmentSettings(action_mode=mode))
    step, said = env.step, []

    def watched(*arguments):
        before = env.asset.clone()
        result = step(*arguments)
        said.append(((env.asset / before).log() * 100, env.traded / before))
        return result

    env.step = watched
    rollout = agent.explore(env, 100)  # over the end of the data at day 79
    # The last day of the data and of the rollout have no next state, so they are left out.
    kept = [number for number in range(99) if number != 78]
    rewards, turnovers = (torch.stack([said[day][place] for day in kept]) for place in (0, 1))
    noted = traded_and_earned(rollout, env)
    assert noted["reward"] == pytest.approx(float(rewards.mean()), rel=1e-5)
    assert noted["turnover"] == pytest.approx(float(turnovers.mean()), rel=1e-4)


def test_orders_of_shares_have_no_turnover(fold):
    agent, env = learner(fold, "ppo", EnvironmentSettings(action_mode="shares"))
    assert set(traded_and_earned(agent.explore(env, 20), env)) == {"reward"}


def test_a_number_that_a_round_lacks_is_none(tmp_path):
    write_curves([{"vector_steps": 1, "kl": 0.5}, {"vector_steps": 2}], tmp_path / "curves.parquet")
    curves = read_curves(tmp_path / "curves.parquet")
    assert curves["kl"][0] == 0.5
    assert math.isnan(curves["kl"][1])


def test_an_untrained_policy_has_curves_without_a_row(tmp_path):
    write_curves([], tmp_path / "curves.parquet")
    assert {name: len(values) for name, values in read_curves(tmp_path / "curves.parquet").items()} == {
        "vector_steps": 0
    }


def test_damaged_curves_are_named(tmp_path):
    (tmp_path / "curves.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"curves\.parquet is damaged"):
        read_curves(tmp_path / "curves.parquet")

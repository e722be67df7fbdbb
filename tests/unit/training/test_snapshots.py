import logging

import numpy as np
import pytest
import torch

from tests.unit.training.test_every_agent import make, small, train
from tests.unit.training.whole_run import whole_run
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.checkpoints import restore_training, training_state
from workflow_scripts.training.run.judge import evaluate_policy, evaluate_snapshots
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.sharpe import read_result
from workflow_scripts.training.trials import Trial

ENVIRONMENT = EnvironmentSettings()
LAST = TrainingSettings(num_envs=4, device="cpu")
BEST = LAST.model_copy(update={"snapshot": "best_in_training"})


def run(folder, fold, training, budget=320, state=None):
    trial = Trial("toy", "ppo", 0, 0, budget, {**small("ppo"), "learning_rate": 0.2})
    return read_result(whole_run(folder, trial, fold, training, seed=3, state=state) / "sharpe.json")


@pytest.mark.parametrize("architecture", ["shared", "flat"])
@pytest.mark.parametrize("name", ["ppo", "sac"])
def test_snapshots_together_trade_as_each_would_alone(fold, name, architecture):
    env, agent = make(fold, name, architecture=architecture)
    alone = []
    for budget in (64, 128, 192):
        train(agent, env, budget, budget - 64)
        agent.take_snapshot()
        alone.append(evaluate_policy(agent, fold.train, ENVIRONMENT, architecture).daily_returns)
    together = evaluate_snapshots(agent, agent.snapshots, fold.train, ENVIRONMENT, architecture)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.daily_returns, other, atol=1e-7)
    assert np.abs(alone[0] - alone[2]).max() > 1e-5


def test_the_best_in_training_is_no_worse_there_than_the_last(tmp_path, fold):
    last, best = run(tmp_path / "last", fold, LAST), run(tmp_path / "best", fold, BEST)
    assert best.training_sharpe > last.training_sharpe
    policies = [torch.load(tmp_path / name / "policy.pt", weights_only=True)["actor"] for name in ("last", "best")]
    assert any(not torch.equal(policies[0][name], policies[1][name]) for name in policies[0])


def test_at_most_eight_snapshots_are_taken(tmp_path, fold, caplog):
    with caplog.at_level(logging.INFO):
        run(tmp_path / "run", fold, BEST, budget=32 * 20)
    line = next(message for message in caplog.messages if message.startswith("training_sharpe of the snapshots"))
    assert len(line.split(": ")[1].split(";")[0].split()) == 8


def test_the_state_that_another_run_continues_is_the_last_whatever_the_result(tmp_path, fold):
    for name, training in (("last", LAST), ("best", BEST)):
        run(tmp_path / name, fold, training, state=tmp_path / f"{name}.pt")
    states = [torch.load(tmp_path / f"{name}.pt", weights_only=True)["agent"]["act"] for name in ("last", "best")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_checkpoint_keeps_the_snapshots(fold):
    env, agent = make(fold, "ppo")
    train(agent, env, 64)
    agent.take_snapshot()
    state = training_state(agent, env, 64)
    _, other = make(fold, "ppo", seed=9)
    restore_training(other, env, state)
    assert len(other.snapshots) == 1
    assert all(torch.equal(other.snapshots[0][name], weight) for name, weight in agent.snapshots[0].items())

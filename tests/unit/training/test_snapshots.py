import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.unit.training.test_every_agent import make, small, train
from tests.unit.training.whole_run import whole_run
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.checkpoints import restore_training, training_state
from workflow_scripts.training.run.judge import choose_snapshot, evaluate_policy, evaluate_snapshots
from workflow_scripts.training.run.runs import hold_out
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.sharpe import read_result
from workflow_scripts.training.trials import Trial

ENVIRONMENT = EnvironmentSettings()
LAST = TrainingSettings(num_envs=4, device="cpu")
BEST = LAST.model_copy(update={"snapshot": "best_in_training"})
HELD_OUT = LAST.model_copy(update={"snapshot": "best_in_holdout", "holdout_share": 0.25})


def run(folder, fold, training, budget=320, state=None, learning_rate=0.2):
    trial = Trial("toy", "ppo", 0, 0, budget, {**small("ppo"), "learning_rate": learning_rate})
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


def turned(window, days):
    """Return a window on some of whose days prices that rose fall, and whose features there are others."""
    changed = {name: array.copy() for name, array in window.arrays().items() if name != "dates"}
    for name, array in changed.items():
        array[days] = 1 / array[days] if name == "close" else -array[days]
    return replace(window, **changed)


def test_a_quarter_of_80_days_is_held_out_after_5_that_nobody_uses(fold):
    train, held = hold_out(fold.train, 0.25, 5)
    assert train.dates.tolist() == fold.train.dates[:55].tolist()
    assert held.dates.tolist() == fold.train.dates[60:].tolist()
    assert held.close.tobytes() == fold.train.close[60:].tobytes()


def test_seams_stay_where_they_are_and_bars_of_a_day_stay_together(fold):
    seamed = replace(fold.train, starts=(0, 30, 70))
    train, held = hold_out(seamed, 0.25, 5)
    assert (train.starts, held.starts) == ((0, 30), (0, 10))
    bars = replace(fold.train, dates=np.repeat(fold.train.dates[:20], 4))  # 20 days of 4 bars
    train, held = hold_out(bars, 0.25, 2)
    assert (len(train.dates), len(held.dates)) == (13 * 4, 5 * 4)


@pytest.mark.parametrize(
    ("share", "purge_days", "left"), [(0.01, 5, "74 .* and 1 "), (0.025, 5, "73 .* and 2 "), (0.9, 8, "0 .* and 72 ")]
)
def test_a_window_that_is_too_short_to_hold_days_out_is_refused(fold, share, purge_days, left):
    with pytest.raises(ValueError, match=f"leave {left}held out"):
        hold_out(fold.train, share, purge_days)


@pytest.mark.parametrize("architecture", ["shared", "flat"])
def test_the_snapshot_is_the_best_on_the_days_held_out(fold, architecture):
    train_days, held = hold_out(fold.train, 0.25, 5)
    _, agent = make(replace(fold, train=train_days), "ppo", architecture=architecture)
    windows = [held, turned(held, slice(None))]
    sharpes = []
    for seed in range(5):
        torch.manual_seed(seed)
        with torch.no_grad():
            for weight in agent.act.parameters():
                weight.normal_(std=0.3)
        agent.take_snapshot()
        sharpes.append([evaluate_policy(agent, window, ENVIRONMENT, architecture).sharpe for window in windows])
    best = np.argmax(sharpes, axis=0)
    assert best[0] != best[1]
    for window, place in zip(windows, best, strict=True):
        choose_snapshot(agent, window, ENVIRONMENT, architecture, logging.getLogger())
        assert all(torch.equal(agent.snapshots[place][name], weight) for name, weight in agent.act.state_dict().items())
    assert len(evaluate_policy(agent, train_days, ENVIRONMENT, architecture).daily_returns) == 54  # it sees them again


def test_days_held_out_choose_and_train_nothing_and_days_of_the_validation_do_not_even_choose(tmp_path, fold):
    folds = {
        "as_is": fold,
        "other_validation": replace(fold, validation=turned(fold.validation, slice(None))),
        "other_purge": replace(fold, train=turned(fold.train, slice(55, 60))),
        "other_holdout": replace(fold, train=turned(fold.train, slice(60, None))),
    }
    policies, states = {}, {}
    for name, data in folds.items():
        run(tmp_path / name, data, HELD_OUT, state=tmp_path / f"{name}.pt", learning_rate=0.05)
        policies[name] = torch.load(tmp_path / name / "policy.pt", weights_only=True)["actor"]
        states[name] = torch.load(tmp_path / f"{name}.pt", weights_only=True)["agent"]["act"]

    def same(kept, name):
        return all(torch.equal(kept["as_is"][key], weight) for key, weight in kept[name].items())

    assert [same(states, name) for name in folds] == [True] * 4
    assert [same(policies, name) for name in folds] == [True, True, True, False]

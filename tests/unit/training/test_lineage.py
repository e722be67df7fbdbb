"""Runs that continue others: PBT and PB2."""

from dataclasses import replace

import pytest
import torch

from tests.unit.training.test_every_agent import small
from tests.unit.training.whole_run import whole_run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.sharpe import read_result
from workflow_scripts.training.trials import Trial, read_trial

TRAINING = TrainingSettings(num_envs=4, device="cpu")


def run(folder, fold, trial, **lineage):
    return whole_run(folder, trial, fold, TRAINING, seed=3, **lineage)


def trials(agent):
    first = Trial("toy", agent, 0, 0, 64, {**small(agent), "learning_rate": 1e-3})
    phases = [{"budget": 64, "configuration": first.configuration}]
    second = Trial("toy", agent, 1, 0, 128, {**small(agent), "learning_rate": 1e-4}, 0, phases)
    return first, second


@pytest.mark.parametrize("agent", ["ppo", "modsac", "td3"])
def test_a_chain_of_continued_runs_is_the_training_that_goes_through_its_phases(tmp_path, fold, agent):
    first, second = trials(agent)
    run(tmp_path / "first", fold, first, state=tmp_path / "first.pt")
    chained = run(tmp_path / "second", fold, second, parent=tmp_path / "first.pt")
    at_once = run(tmp_path / "at_once", fold, second)
    for name in ("sharpe.json", "returns.parquet", "policy.pt"):
        assert (chained / name).read_bytes() == (at_once / name).read_bytes()
    other = run(tmp_path / "other", fold, Trial("toy", agent, 1, 0, 128, second.configuration))
    weights = [torch.load(folder / "policy.pt", weights_only=True)["actor"] for folder in (at_once, other)]
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.parametrize("agent", ["ppo", "sac"])
def test_the_third_of_a_chain_learns_by_its_own_rate_as_if_it_had_gone_through_all_phases_itself(tmp_path, fold, agent):
    first, second = trials(agent)
    phases = [*second.phases, {"budget": 128, "configuration": second.configuration}]
    third = Trial("toy", agent, 2, 0, 192, {**second.configuration, "learning_rate": 3e-4}, 0, phases)
    run(tmp_path / "first", fold, first, state=tmp_path / "first.pt")
    run(tmp_path / "second", fold, second, parent=tmp_path / "first.pt", state=tmp_path / "second.pt")
    chained = run(tmp_path / "third", fold, third, parent=tmp_path / "second.pt")
    at_once = run(tmp_path / "at_once", fold, third)
    assert (chained / "policy.pt").read_bytes() == (at_once / "policy.pt").read_bytes()


def test_a_rung_that_continues_its_lower_rung_ends_where_a_training_from_the_start_does(tmp_path, fold):
    """Both budgets are multiples of horizon_len, so that no collection is cut short where the lower rung ends."""
    configuration = small("ppo")
    low, high = (Trial("toy", "ppo", number, 0, budget, configuration) for number, budget in ((0, 64), (1, 192)))
    run(tmp_path / "low", fold, low, state=tmp_path / "low.pt")
    promoted = replace(high, parent=0, phases=[{"budget": 64, "configuration": configuration}])
    continued = run(tmp_path / "continued", fold, promoted, parent=tmp_path / "low.pt")
    anew = run(tmp_path / "anew", fold, high)
    assert (continued / "sharpe.json").read_bytes() == (anew / "sharpe.json").read_bytes()
    weights = [torch.load(folder / "policy.pt", weights_only=True)["actor"] for folder in (continued, anew)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_run_whose_parent_had_the_full_budget_is_the_parents(tmp_path, fold):
    trial = Trial("toy", "ppo", 0, 0, 64, small("ppo"))
    first = run(tmp_path / "first", fold, trial, state=tmp_path / "state.pt")
    again = run(tmp_path / "again", fold, replace(trial, round=1, parent=0), parent=tmp_path / "state.pt")
    for name in ("sharpe.json", "returns.parquet"):
        assert (again / name).read_bytes() == (first / name).read_bytes()


def test_what_continues_a_run_that_ran_out_of_time_goes_on_from_where_that_ended(tmp_path, fold):
    trial = Trial("toy", "ppo", 0, 0, 32_000, small("ppo"))
    hurried = TRAINING.model_copy(update={"limit_minutes": 0.005})
    failed = whole_run(tmp_path / "failed", trial, fold, hurried, state=tmp_path / "state.pt")
    assert "out of time" in read_result(failed / "sharpe.json").reason
    done = torch.load(tmp_path / "state.pt", weights_only=True)["done"]
    assert 0 <= done < 32_000
    assert done % trial.configuration["horizon_len"] == 0


def test_a_run_whose_parent_had_the_full_budget_chooses_among_the_parents_policies(tmp_path, fold):
    trial = Trial("toy", "ppo", 0, 0, 320, {**small("ppo"), "learning_rate": 0.2})
    best = TRAINING.model_copy(update={"snapshot": "best_in_training"})
    first = whole_run(tmp_path / "first", trial, fold, best, state=tmp_path / "state.pt")
    again = whole_run(tmp_path / "again", replace(trial, round=1, parent=0), fold, best, parent=tmp_path / "state.pt")
    assert (again / "sharpe.json").read_bytes() == (first / "sharpe.json").read_bytes()
    last = whole_run(tmp_path / "last", trial, fold, TRAINING)
    assert (last / "sharpe.json").read_bytes() != (first / "sharpe.json").read_bytes()


def test_a_damaged_state_is_named(tmp_path, fold):
    (tmp_path / "state.pt").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"state\.pt"):
        run(tmp_path / "second", fold, trials("ppo")[1], parent=tmp_path / "state.pt")


def test_config_yaml_holds_parent_and_phases_where_there_are_some(tmp_path):
    for trial in trials("ppo"):
        (tmp_path / "config.yaml").write_text(trial.to_yaml())
        assert read_trial(tmp_path / "config.yaml") == trial
    assert "parent" not in trials("ppo")[0].to_yaml()

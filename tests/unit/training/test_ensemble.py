"""An ensemble trades one account, by the mean of its members' actions."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.unit.training.test_every_agent import small
from tests.unit.training.whole_run import whole_run
from workflow_scripts.data.fold_files import write_fold
from workflow_scripts.training.ensemble import episode_of, mean_action, untrained
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.sharpe import failed_run, read_result, read_returns, write_result
from workflow_scripts.training.trade_ensemble import trade_ensemble
from workflow_scripts.training.trials import Trial
from workflow_scripts.training.weights import read_weights, returns_of

SEEDS = (3, 4, 5)
TRIAL = Trial("toy", "ppo", 0, 0, 64, {**small("ppo"), "learning_rate": 0.02})
TRAINING = TrainingSettings(num_envs=4, device="cpu")


@pytest.fixture(scope="module")
def policies(fold, tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    return {seed: whole_run(folder / f"seed_{seed}", TRIAL, fold, TRAINING, seed) / "policy.pt" for seed in SEEDS}


@pytest.fixture
def run(fold):
    return Run.of(TRIAL, fold, 0, EnvironmentSettings(), TRAINING)


def test_its_action_is_the_mean_of_its_members(run, policies):
    _, env = untrained(run)
    for _ in range(3):
        with torch.no_grad():
            actions = [mean_action(run, {seed: path})(env) for seed, path in policies.items()]
            together = mean_action(run, policies)(env)
        assert torch.equal(together, (actions[0] + actions[1] + actions[2]) / 3)
        assert not torch.allclose(actions[0], actions[1], atol=1e-3)
        env.step(together)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_one_member_it_earns_to_the_bit_what_that_one_did(run, policies, seed):
    kept = read_returns(policies[seed].with_name("returns.parquet")).to_numpy()
    assert episode_of(run, {seed: policies[seed]}).daily_returns.tobytes() == kept.tobytes()


def test_its_files_are_those_of_one_account(fold, tmp_path, policies):
    write_fold(fold, {}, tmp_path / "sealed.npz")
    (tmp_path / "config.yaml").write_text(TRIAL.to_yaml())
    files = {name: tmp_path / name for name in ("sharpe.json", "returns.parquet", "weights.parquet")}
    verb = tmp_path / "config.yaml", tmp_path / "sealed.npz", tuple(policies.values()), *files.values()
    trade_ensemble(*verb, training=TRAINING)
    daily = read_returns(files["returns.parquet"]).to_numpy()
    held = read_weights(files["weights.parquet"])
    assert np.abs(returns_of(held, fold.validation.close, EnvironmentSettings()) - daily).max() < 1e-12
    mean = np.mean([read_returns(path.with_name("returns.parquet")) for path in policies.values()], axis=0)
    assert np.abs(daily - mean).max() > 1e-9  # no mean of three accounts
    assert read_result(files["sharpe.json"]).status == "ok"


def test_a_member_whose_training_failed_fails_it(fold, tmp_path, policies):
    write_fold(fold, {}, tmp_path / "sealed.npz")
    (tmp_path / "config.yaml").write_text(TRIAL.to_yaml())
    failed = tmp_path / "seed_9" / "policy.pt"
    failed.parent.mkdir()
    failed.write_bytes(policies[3].read_bytes())
    write_result(failed_run("the loss is not finite"), failed.with_name("sharpe.json"))
    files = [tmp_path / name for name in ("sharpe.json", "returns.parquet", "weights.parquet")]
    members = (policies[3], failed)
    trade_ensemble(tmp_path / "config.yaml", tmp_path / "sealed.npz", members, *files, training=TRAINING)
    result = read_result(files[0])
    assert (result.status, result.reason) == ("failed", "the trainings of seed_9 of 2 members failed")
    assert len(read_returns(files[1])) == 0


def test_a_member_of_another_configuration_is_refused(run, policies):
    other = replace(run, trial=replace(TRIAL, budget=128))
    with pytest.raises(ValueError, match=r"policy\.pt is of another configuration"):
        mean_action(other, policies)

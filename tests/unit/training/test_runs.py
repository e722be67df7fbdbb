import json
import logging
import subprocess
import sys

import pytest
import torch
import yaml

from workflow_scripts.training import runs
from workflow_scripts.training.agents import make_env
from workflow_scripts.training.devices import Device
from workflow_scripts.training.on_policy import PPO, PPOSettings
from workflow_scripts.training.runs import Outputs, TrainingSettings, load_policy, train_and_judge
from workflow_scripts.training.trading_env import EnvironmentSettings
from workflow_scripts.training.trials import Trial, read_trial

CONFIGURATION = {"net_dims_0": 16, "net_dims_1": 16, "batch_size": 32, "horizon_len": 32, "repeat_times": 2}
TRIAL = Trial("toy", "ppo", 0, 0, 64, CONFIGURATION)


def train(folder, fold_file, trial=TRIAL, seed=0):
    folder.mkdir()
    (folder / "config.yaml").write_text(trial.to_yaml())
    files = [f"--{name}={folder / file}" for name, file in OUTPUTS.items()]
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "workflow_scripts.training.train_agent",
            f"--config={folder / 'config.yaml'}",
            f"--fold={fold_file}",
            f"--seed={seed}",
            "--training.num-envs=4",
            "--training.device=cpu",
            *files,
        ],
        capture_output=True,
        text=True,
        check=False,
    )


OUTPUTS = {"policy": "policy.pt", "sharpe": "sharpe.json", "returns": "returns.parquet"}


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory, fold_file):
    folders = [tmp_path_factory.mktemp("runs") / name for name in ("a", "b")]
    for folder in folders:
        done = train(folder, fold_file)
        assert done.returncode == 0, done.stderr
    return folders


def test_two_runs_of_the_same_inputs_are_byte_identical(two_runs):
    first, second = two_runs
    for name in OUTPUTS.values():
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_a_run_does_not_import_torchs_compiler(tmp_path, fold_file):
    (tmp_path / "config.yaml").write_text(TRIAL.to_yaml())
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from workflow_scripts.training.runs import Outputs, TrainingSettings\n"
        "from workflow_scripts.training.train_agent import train_agent\n"
        f"folder, fold = Path({str(tmp_path)!r}), Path({str(fold_file)!r})\n"
        "outputs = Outputs(folder / 'policy.pt', folder / 'sharpe.json', folder / 'returns.parquet')\n"
        "training = TrainingSettings(num_envs=4, device='cpu')\n"
        "train_agent(folder / 'config.yaml', fold, 0, outputs, training=training)\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sharpe.json").exists()


def test_a_run_states_its_result(two_runs):
    result = json.loads((two_runs[0] / "sharpe.json").read_text())
    assert result["status"] == "ok"
    assert result["days"] == 29


def test_a_policy_reads_back(two_runs, fold):
    env = make_env(fold.train, EnvironmentSettings(), "shared", num_envs=4)
    agent = PPO(fold.train, env, PPOSettings.of(CONFIGURATION), seed=9)
    load_policy(agent, two_runs[0] / "policy.pt")
    saved = torch.load(two_runs[0] / "policy.pt", weights_only=True)
    assert all(torch.equal(weight, agent.act.state_dict()[name]) for name, weight in saved["actor"].items())


def test_a_truncated_policy_is_named(two_runs, fold, tmp_path):
    (tmp_path / "policy.pt").write_bytes((two_runs[0] / "policy.pt").read_bytes()[:1000])
    env = make_env(fold.train, EnvironmentSettings(), "shared", num_envs=4)
    agent = PPO(fold.train, env, PPOSettings.of(CONFIGURATION))
    with pytest.raises(ValueError, match=r"policy\.pt is damaged"):
        load_policy(agent, tmp_path / "policy.pt")


def test_an_untrained_policy_has_a_result_too(tmp_path, fold_file):
    done = train(tmp_path / "run", fold_file, Trial("toy", "ppo", 0, 0, 0, CONFIGURATION))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run/sharpe.json").read_text())["status"] == "ok"


def test_a_training_that_diverges_is_a_failed_run_and_no_error(tmp_path, fold_file):
    wild = Trial("toy", "ppo", 0, 0, 64, CONFIGURATION | {"learning_rate": 1e30})
    done = train(tmp_path / "run", fold_file, wild)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "run/sharpe.json").read_text())
    assert (result["status"], result["sharpe"]) == ("failed", None)
    assert "not finite after 32 vector steps" in result["reason"]


def test_a_bad_configuration_ends_in_one_line_and_no_files(tmp_path, fold_file):
    done = train(tmp_path / "run", fold_file, Trial("toy", "ppo", 0, 0, 64, {"gama": 0.9}))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("ValueError: ppo has no hyperparameter gama: it has")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.yaml"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sweep: toy\nagent: ppo\n", "'round' is a required property"),
        (TRIAL.to_yaml().replace("budget: 64", "budget: many"), "budget: 'many' is not of type 'integer'"),
        (TRIAL.to_yaml()[:-40] + "\n  : [", "config.yaml is damaged"),
    ],
)
def test_a_damaged_trial_is_named(tmp_path, text, reason):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_trial(tmp_path / "config.yaml")


def test_a_trial_reads_back(tmp_path):
    (tmp_path / "config.yaml").write_text(TRIAL.to_yaml())
    assert read_trial(tmp_path / "config.yaml") == TRIAL
    assert yaml.safe_load(TRIAL.to_yaml())["budget"] == 64


def test_a_training_that_cannot_fit_is_a_failed_run_before_it_starts(fold, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "take_device", lambda *_: Device("cpu", memory=300 << 20))
    outputs = Outputs(*(tmp_path / name for name in OUTPUTS.values()))
    settings = TrainingSettings(num_envs=4)
    log = logging.getLogger("test")
    train_and_judge(TRIAL, fold, 0, EnvironmentSettings(), settings, outputs, log, last_attempt=False)
    result = json.loads(outputs.sharpe.read_text())
    assert (result["status"], result["sharpe"]) == ("failed", None)
    assert "take about 0.4 GiB, and this run may take 0.3 GiB" in result["reason"]
    assert outputs.policy.exists()

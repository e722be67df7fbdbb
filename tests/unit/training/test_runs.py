import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.unit.training.whole_run import FILES, whole_run
from workflow_scripts.data.fold_files import write_fold
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.learners.on_policy import PolicyGradient
from workflow_scripts.training.run import train as training_step
from workflow_scripts.training.run.devices import Device
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.write import load_policy
from workflow_scripts.training.trials import Trial, read_trial

ROOT = Path(__file__).parents[3]
CONFIGURATION = {"net_dims_0": 16, "net_dims_1": 16, "batch_size": 32, "horizon_len": 32, "repeat_times": 2}
TRIAL = Trial("toy", "ppo", 0, 0, 64, CONFIGURATION)


def train(folder, fold_file, trial=TRIAL, seed=0):
    folder.mkdir()
    (folder / "config.yaml").write_text(trial.to_yaml())
    files = [f"--{name}={folder / file}" for name, file in FILES.items()]
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


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory, fold_file):
    folders = [tmp_path_factory.mktemp("runs") / name for name in ("a", "b")]
    for folder in folders:
        done = train(folder, fold_file)
        assert done.returncode == 0, done.stderr
    return folders


def test_two_runs_of_the_same_inputs_are_byte_identical(two_runs):
    first, second = two_runs
    for name in FILES.values():
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_a_run_does_not_import_torchs_compiler(tmp_path, fold_file):
    (tmp_path / "config.yaml").write_text(TRIAL.to_yaml())
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from workflow_scripts.training.run.runs import Outputs\n"
        "from workflow_scripts.training.run.settings import TrainingSettings\n"
        "from workflow_scripts.training.train_agent import train_agent\n"
        f"folder, fold = Path({str(tmp_path)!r}), Path({str(fold_file)!r})\n"
        f"outputs = Outputs(*(folder / name for name in {list(FILES.values())}))\n"
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
    agent = PolicyGradient(fold.train, env, PPO.of(CONFIGURATION), seed=9)
    load_policy(agent, two_runs[0] / "policy.pt")
    saved = torch.load(two_runs[0] / "policy.pt", weights_only=True)
    assert all(torch.equal(weight, agent.act.state_dict()[name]) for name, weight in saved["actor"].items())


def test_a_truncated_policy_is_named(two_runs, fold, tmp_path):
    (tmp_path / "policy.pt").write_bytes((two_runs[0] / "policy.pt").read_bytes()[:1000])
    env = make_env(fold.train, EnvironmentSettings(), "shared", num_envs=4)
    agent = PolicyGradient(fold.train, env, PPO.of(CONFIGURATION))
    with pytest.raises(ValueError, match=r"policy\.pt is damaged"):
        load_policy(agent, tmp_path / "policy.pt")


def test_an_untrained_policy_has_a_result_too(tmp_path, fold_file):
    done = train(tmp_path / "run", fold_file, Trial("toy", "ppo", 0, 0, 0, CONFIGURATION))
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run/sharpe.json").read_text())["status"] == "ok"


def test_a_training_that_diverges_is_a_failed_run_and_no_error(tmp_path, fold):
    wild = replace(fold.train, ticker_features=np.full_like(fold.train.ticker_features, np.inf))
    write_fold(replace(fold, train=wild), {}, tmp_path / "fold_0.npz")
    done = train(tmp_path / "run", tmp_path / "fold_0.npz", Trial("toy", "ppo", 0, 0, 64, CONFIGURATION))
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "run/sharpe.json").read_text())
    assert (result["status"], result["sharpe"]) == ("failed", None)
    assert "not finite after 32 vector steps" in result["reason"]


def test_a_bad_configuration_ends_in_one_line_and_no_files(tmp_path, fold_file):
    done = train(tmp_path / "run", fold_file, Trial("toy", "ppo", 0, 0, 64, {"gama": 0.9}))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == "SettingError: ppo.gama: unknown key; did you mean gamma?"
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


@pytest.mark.parametrize(("device", "wanted"), [("auto", "cpu"), ("cuda", "cuda")])
def test_a_run_of_few_portfolios_asks_for_a_gpu_only_where_the_settings_do(fold, tmp_path, monkeypatch, device, wanted):
    seen = []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(training_step, "take_device", lambda asked, *_: seen.append(asked) or Device("cpu"))
    whole_run(tmp_path, TRIAL, fold, TrainingSettings(num_envs=4, device=device))
    assert seen == [wanted]


def test_a_training_that_cannot_fit_is_a_failed_run_before_it_starts(fold, tmp_path, monkeypatch):
    monkeypatch.setattr(training_step, "take_device", lambda *_: Device("cpu", memory=300 << 20))
    whole_run(tmp_path, TRIAL, fold, TrainingSettings(num_envs=4), last_attempt=False)
    result = json.loads((tmp_path / "sharpe.json").read_text())
    assert (result["status"], result["sharpe"]) == ("failed", None)
    assert "take about 0.9 GiB, and this run may take 0.3 GiB" in result["reason"]
    assert (tmp_path / "policy.pt").exists()


def test_an_agent_that_there_is_not_is_named_with_the_nearest(tmp_path, fold):
    with pytest.raises(ValueError, match="'pp0' is no agent; did you mean ppo"):
        whole_run(tmp_path, Trial("toy", "pp0", 0, 0, 64, {}), fold, TrainingSettings())


OWN_AGENT = """
from workflow_scripts.training.agents.a2c import A2C

class Doubled(A2C):
    doubled: float = 2.0

    def objective(self, logprob, collected, advantage):
        return self.doubled * advantage * logprob
"""


@pytest.mark.parametrize("start", [["-m"], ["-I", "-S", str(ROOT / "workflow_scripts/workflow/run_warm.py")]])
def test_an_agent_of_the_users_trains_from_the_folder_in_which_it_lies(tmp_path, fold_file, start):
    (tmp_path / "my_agent.py").write_text(OWN_AGENT)
    configuration = {**CONFIGURATION, "doubled": 3.0}
    (tmp_path / "config.yaml").write_text(Trial("toy", "my_agent:Doubled", 0, 0, 64, configuration).to_yaml())
    command = [sys.executable, *start, "workflow_scripts.training.train_agent", "--config=config.yaml", "--seed=0"]
    command += [f"--fold={fold_file}", "--training.device=cpu", *(f"--{name}={file}" for name, file in FILES.items())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "FOLDSWEEP_PARENT": str(os.getpid())}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no warm worker" not in done.stderr
    assert json.loads((tmp_path / "sharpe.json").read_text())["status"] == "ok"

import json
import logging
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.unit.training.test_runs import CONFIGURATION
from tests.unit.training.whole_run import FILES, whole_run
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run import train as training_step
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.sharpe import read_result
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow import code_digest

LONG = Trial("toy", "ppo", 0, 0, 6000, CONFIGURATION)
TRAINING = TrainingSettings(num_envs=4, device="cpu", checkpoint_minutes=0)


def start(folder, fold_file):
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(LONG.to_yaml())
    files = [f"--{name}={folder / file}" for name, file in FILES.items()]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "workflow_scripts.training.train_agent", f"--config={folder / 'config.yaml'}"),
            *(f"--fold={fold_file}", "--seed=0", "--training.num-envs=4", "--training.device=cpu"),
            *("--training.checkpoint-minutes=0", *files),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def undisturbed(fold_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    _, _said = start(folder, fold_file).communicate()
    assert not (folder / "checkpoint.pt").exists()
    return {name: (folder / name).read_bytes() for name in FILES.values()}


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=["SIGKILL", "SIGTERM", "Ctrl-C"])
def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path, fold_file, undisturbed, kill):
    process = start(tmp_path, fold_file)
    while not (tmp_path / "checkpoint.pt").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(kill)
    _, said = process.communicate()
    assert process.returncode == (-kill if kill == signal.SIGKILL else 128 + kill)
    assert not (tmp_path / "sharpe.json").exists()
    again = start(tmp_path, fold_file)
    _, said = again.communicate()
    assert again.returncode == 0, said
    assert "resumed after" in said
    assert {name: (tmp_path / name).read_bytes() for name in FILES.values()} == undisturbed
    assert not (tmp_path / "checkpoint.pt").exists()


OWN_AGENT = """
from workflow_scripts.training.agents.ppo import PPO

def worth():
    return {worth}

class Mine(PPO):
    def objective(self, logprob, collected, advantage):
        return worth() * logprob * advantage
"""


def test_a_checkpoint_of_ones_own_agent_belongs_to_all_of_its_module(tmp_path, fold, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    keys = []
    for worth in (1, 1, 2):
        Path("own_agents.py").write_text(OWN_AGENT.format(worth=worth), encoding="utf-8")
        own = replace(LONG, agent="own_agents:Mine")
        code_digest._parsed.cache_clear()
        sys.modules.pop("own_agents", None)
        run = Run.of(own, fold, 0, EnvironmentSettings(), TRAINING)
        keys.append(training_step._key_of(run)())
    assert keys[0] == keys[1] != keys[2]


def test_a_run_that_is_neither_resumed_nor_saved_digests_no_data(tmp_path, fold, monkeypatch):
    digested = []
    monkeypatch.setattr(training_step, "_digest", lambda data: digested.append(data) or "")
    short = Trial("toy", "ppo", 0, 0, 64, CONFIGURATION)
    whole_run(tmp_path, short, fold, TrainingSettings(num_envs=4, device="cpu"))
    assert digested == []
    whole_run(tmp_path, short, fold, TRAINING)  # which saves after every update
    assert digested == [fold]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_a_damaged_checkpoint_is_said_and_not_used(tmp_path, fold, undisturbed, content, caplog):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        whole_run(tmp_path, LONG, fold, TRAINING)
    assert "checkpoint.pt cannot be read" in caplog.text
    assert (tmp_path / "returns.parquet").read_bytes() == undisturbed["returns.parquet"]


def test_a_training_past_its_time_is_a_failed_run(tmp_path, fold):
    settings = TrainingSettings(num_envs=4, device="cpu", limit_minutes=0.001)
    whole_run(tmp_path, Trial("toy", "ppo", 0, 0, 10**9, CONFIGURATION), fold, settings)
    result = json.loads((tmp_path / "sharpe.json").read_text())
    assert result["status"] == "failed"
    assert result["reason"] == "out of time: the training took longer than limit_minutes 0.001"


def test_a_time_limit_that_strikes_inside_no_grad_leaves_gradients_on(tmp_path, fold, monkeypatch):
    def hang(*_args):
        torch.set_grad_enabled(False)
        time.sleep(60)

    monkeypatch.setattr(training_step, "_update", hang)
    settings = TrainingSettings(num_envs=4, device="cpu", limit_minutes=0.001)
    whole_run(tmp_path, LONG, fold, settings)
    assert torch.is_grad_enabled()


def test_out_of_memory_is_an_error_while_attempts_are_left_and_then_a_result(tmp_path, fold, monkeypatch):
    def exhausted(*_args):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")

    monkeypatch.setattr(training_step, "_update", exhausted)
    with pytest.raises(MemoryError, match="to be tried again"):
        whole_run(tmp_path, LONG, fold, TRAINING, last_attempt=False)
    assert list(tmp_path.iterdir()) == []
    whole_run(tmp_path, LONG, fold, TRAINING, last_attempt=True)
    assert read_result(tmp_path / "sharpe.json").status == "failed"

import pytest

from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run import timing
from workflow_scripts.training.run.settings import TrainingSettings

CONFIGURATION = {"net_dims_0": 16, "net_dims_1": 16, "horizon_len": 128, "batch_size": 64, "repeat_times": 1}
START, COMPILATION, A_STEP = 7.0, 100.0, 0.25


@pytest.mark.parametrize(("device", "clock"), [("cpu", "process_time"), ("cuda", "perf_counter")])
def test_what_a_run_pays_once_is_no_part_of_a_step(fold, monkeypatch, device, clock):
    """On a clock that a training moves on: the first one compiles, and each one starts."""
    now, trained = 0.0, []

    def train(run, _checkpoint, _log):
        nonlocal now
        steps = run.trial.budget
        now += START + A_STEP * steps + (0 if trained else COMPILATION)
        trained.append(steps)

    monkeypatch.setattr(timing, "train", train)
    monkeypatch.setattr(timing, "uses_cuda", lambda device: device == "cuda")
    monkeypatch.setattr(timing.time, clock, lambda: now)
    settings = TrainingSettings(num_envs=2, device=device)
    assert timing.seconds_per_step("ppo", CONFIGURATION, fold, EnvironmentSettings(), settings) == A_STEP
    assert all(steps % CONFIGURATION["horizon_len"] == 0 for steps in trained)


def test_a_step_takes_time(fold):
    """One of many updates, so that a difference of two trainings is far above what disturbs them."""
    busy, training = CONFIGURATION | {"repeat_times": 256}, TrainingSettings(num_envs=2, device="cpu")
    assert timing.seconds_per_step("ppo", busy, fold, EnvironmentSettings(), training) > 0

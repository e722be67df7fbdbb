from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.timing import seconds_per_step


def test_more_updates_per_step_take_longer(fold):
    """Four times the updates of the same steps: nearly four times the seconds, since little else is done."""
    small = {"net_dims_0": 16, "net_dims_1": 16, "horizon_len": 128, "batch_size": 64}
    training = TrainingSettings(num_envs=2, device="cpu")
    few, many = (
        seconds_per_step("ppo", {**small, "repeat_times": times}, fold, EnvironmentSettings(), training)
        for times in (8, 32)
    )
    assert 0 < 1.5 * few < many < 0.05

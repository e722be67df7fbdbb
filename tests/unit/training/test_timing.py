from workflow_scripts.training.runs import TrainingSettings
from workflow_scripts.training.timing import seconds_a_step
from workflow_scripts.training.trading_env import EnvironmentSettings


def test_more_updates_a_step_take_longer(fold):
    """Four times the updates of the same steps: nearly four times the seconds, since little else is done."""
    small = {"net_dims_0": 16, "net_dims_1": 16, "horizon_len": 128, "batch_size": 64}
    training = TrainingSettings(num_envs=2, device="cpu")
    few, many = (
        seconds_a_step("ppo", {**small, "repeat_times": times}, fold, EnvironmentSettings(), training)
        for times in (8, 32)
    )
    assert 0 < 1.5 * few < many < 0.05

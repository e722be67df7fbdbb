import json
import subprocess
import sys

import pytest

from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.agents.sac import SAC
from workflow_scripts.training.networks.shape import NetworkShape
from workflow_scripts.training.run.memory import GIB, memory_shortage, training_bytes

# A market of 28 tickers, 8 indicators and a close each, 2 numbers of the market: 254 beside cash and shares.
SHAPE = NetworkShape(28, 12, 2, 254, (256, 128), -0.5)


def test_a_replay_buffer_counts_twice_since_a_checkpoint_copies_it():
    """8192 × 512 transitions of 29 numbers of a portfolio, 28 actions and a reward, 4 bytes each, are 0.97 GB."""
    buffer = 8192 * 512 * (29 + 28 + 1) * 4
    taken = training_bytes(SAC(), SHAPE, "flat", num_envs=512, budget=100_000)
    assert 2 * buffer < taken < 2.01 * buffer


def test_a_rollout_counts_with_its_noise_and_advantages():
    """2048 × 512 states of 30 numbers, 28 actions, 28 of noise and 12 more, 4 bytes each, are 0.41 GB."""
    rollout = 2048 * 512 * (30 + 28 + 28 + 12) * 4
    taken = training_bytes(PPO(horizon_len=2048), SHAPE, "flat", num_envs=512, budget=100_000)
    assert rollout < taken < 1.03 * rollout


def test_a_rollout_ends_with_the_budget():
    sizes = [training_bytes(PPO(horizon_len=512), SHAPE, "flat", 4096, budget) for budget in (128, 256, 512, 1024)]
    assert sizes[1] > 1.9 * sizes[0]
    assert sizes[3] == sizes[2]


def test_what_does_not_fit_an_8_gb_card_is_refused_in_numbers():
    long = SAC(buffer_size=32768)
    assert memory_shortage(long, SHAPE, "flat", 256, 100_000, 8 * GIB) is None
    shortage = memory_shortage(long, SHAPE, "flat", 1024, 100_000, 8 * GIB)
    assert shortage == (
        "out of memory before the start: num_envs 1024 × buffer_size 32768 × 28 tickers with net_dims 256, 128 take "
        "about 15.4 GiB, and this run may take 8.0 GiB (the GPU's, over runs_per_gpu): lower training.num_envs, "
        "buffer_size or training.runs_per_gpu"
    )
    assert memory_shortage(long, SHAPE, "flat", 1024, 100_000, None) is None


MEASURE = """
import json, sys
from pathlib import Path
import torch
from workflow_scripts.data.folds import cut_fold, walk_forward
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.agents.base import agent_of
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.agents.sac import SAC
from workflow_scripts.training.run.memory import training_bytes
from workflow_scripts.training.networks.shape import NetworkShape
from workflow_scripts.training.environment.settings import EnvironmentSettings

torch.set_num_threads(1)
name, architecture, num_envs, configuration = json.loads(sys.argv[1])
features = compute_features(synthetic_bars(20, 180, 0.002, 10, 0.01, seed=2), turbulence_days=60)
data = cut_fold(features, walk_forward(119, 1, 80, 30, 5)[0])[0].train
settings = agent_of(name).of(configuration)

def train(num_envs):
    env = make_env(data, EnvironmentSettings(), architecture, num_envs, random_start=True)
    agent = settings.learner()(data, env, settings, architecture)
    list(agent.train(env, 2 * settings.horizon_len))
    agent.saved_state()
    # Not getrusage's ru_maxrss, which begins with that of the process that started this one.
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024

before = train(2)
shape = NetworkShape.of(data, settings.net_dims, -0.5)
estimate = training_bytes(settings, shape, architecture, num_envs, 2 * settings.horizon_len)
print((train(num_envs) - before) / estimate)
"""


@pytest.mark.parametrize(
    ("agent", "architecture", "num_envs", "configuration"),
    [
        ("ppo", "shared", 1024, {"horizon_len": 256, "batch_size": 128, "repeat_times": 1}),
        ("td3", "flat", 256, {"horizon_len": 1024, "buffer_size": 1024, "batch_size": 64, "repeat_times": 0.002}),
    ],
)
def test_the_estimate_is_what_a_training_takes(agent, architecture, num_envs, configuration):
    """90 MB each on a CPU, whose arrays are as large as a GPU's."""
    case = json.dumps([agent, architecture, num_envs, configuration])
    done = subprocess.run([sys.executable, "-c", MEASURE, case], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 0.6 < float(done.stdout) < 1.4

"""What needs an NVIDIA GPU: `make test-gpu`, some minutes. Elsewhere all of it is skipped."""

import gc
import json
import logging
import re
import statistics

import pytest
import torch

from benchmarks import learning
from tests.unit.training.test_every_agent import small
from tests.unit.training.whole_run import FILES, whole_run
from tests.workflow.toy import Toy
from workflow_scripts.data.folds import Fold, cut_fold
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.agents.base import agent_of
from workflow_scripts.training.environment.oracle import oracle_episode
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.run.devices import CPU, set_arithmetic
from workflow_scripts.training.run.judge import evaluate_policy
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.train import build
from workflow_scripts.training.sharpe import sharpe_ratio
from workflow_scripts.training.together import graphs
from workflow_scripts.training.trials import Trial

DEVICE = "cuda"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no NVIDIA GPU on this machine"),
]
STACKED = ["a2c", "ppo", "reinforce", "sac"]
BUDGET = 160
# Vector steps after which two ways to add up the same are as near as rounding leaves them. SAC's updates drive them
# apart: weights that differ by a millionth at the start differ by a hundredth after 160.
ALIKE = {"a2c": BUDGET, "ppo": BUDGET, "reinforce": BUDGET, "sac": 32}


@pytest.fixture(autouse=True)
def arithmetic():
    """Products in float32, as the settings' default is."""
    set_arithmetic(DEVICE, "float32", deterministic=False)
    yield
    set_arithmetic("cpu", "float32", deterministic=True)


def make(window, name, seed, architecture="shared", mode="tilt", num_envs=4, **changes):
    environment = EnvironmentSettings(action_mode=mode)
    env = make_env(window, environment, architecture, num_envs, seed, DEVICE, random_start=True)
    settings = agent_of(name).of({**small(name), **changes})
    return env, settings.learner()(window, env, settings, architecture, seed=seed)


def stack_of(made, bfloat16=False):
    envs, agents = zip(*made, strict=True)
    return agents[0].settings.stacked_learner()(agents, envs, bfloat16)


def train_together(made, budget=BUDGET, bfloat16=False):
    """Train runs side by side; return the weights of each, and what trained them."""
    stack, done = stack_of(made, bfloat16), 0
    while done < budget:
        steps = min(agent.begin_round(budget, done) for agent in stack.agents)
        done += steps
        for agent, said in zip(stack.agents, stack.make_round(steps), strict=True):
            agent.end_round(said, done)
    weights = [
        torch.cat([weight.detach().flatten() for weight in (*agent.act.parameters(), *agent.cri.parameters())])
        for agent in stack.agents
    ]
    return weights, stack


def assert_alike(found, expected):
    for one, other in zip(found, expected, strict=True):
        apart = (one - other).abs()
        assert (apart < 1e-4).float().mean() > 0.99
        assert apart.max() < 1e-2


@pytest.mark.parametrize("mode", ["tilt", "weights", "shares"])
@pytest.mark.parametrize("rules", [{}, {"sell_tax_pct": 0.002}, {"min_fee": 7.5, "lot_size": 3}])
def test_the_environment_on_the_gpu_makes_the_trades_of_the_cpus_kernel(fold, mode, rules):
    settings = EnvironmentSettings(action_mode=mode, **rules)
    envs = [make_env(fold.train, settings, "shared", 64, 0, device, random_start=True) for device in ("cpu", DEVICE)]
    generator = torch.Generator().manual_seed(0)
    for _ in range(70):
        action = torch.rand(64, envs[0].action_dim, generator=generator) * 2 - 1
        states, rewards, _ = zip(*(env.step(action.to(env.device)) for env in envs), strict=True)
        torch.testing.assert_close(states[1].cpu(), states[0])
        torch.testing.assert_close(rewards[1].cpu(), rewards[0], rtol=1e-5, atol=1e-5)
    for name in ("cash", "holdings", "asset", "traded"):
        on_cpu, on_gpu = (getattr(env, name).cpu() for env in envs)
        torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("architecture", ["shared", "flat"])
@pytest.mark.parametrize("name", STACKED)
def test_a_run_beside_others_trains_as_it_does_alone(fold, name, architecture):
    seeds = range(6)
    together, _ = train_together([make(fold.train, name, seed, architecture) for seed in seeds], ALIKE[name])
    alone = [train_together([make(fold.train, name, seed, architecture)], ALIKE[name])[0][0] for seed in seeds]
    assert_alike(together, alone)


@pytest.mark.parametrize("name", STACKED)
def test_steps_are_recorded_and_replayed_to_what_they_are_call_by_call(fold, name, monkeypatch):
    recorded, stack = train_together([make(fold.train, name, seed) for seed in range(2)], ALIKE[name])
    assert stack.step.graph is not None
    assert stack.update.graph is not None
    monkeypatch.setattr(graphs, "WARM_UPS", 10**9)
    call_by_call, stack = train_together([make(fold.train, name, seed) for seed in range(2)], ALIKE[name])
    assert stack.step.graph is None
    assert_alike(recorded, call_by_call)


def test_groups_that_come_one_after_the_other_leave_no_memory_behind(fold):
    left = []
    torch._C._cuda_clearCublasWorkspaces()
    for _ in range(4):
        train_together([make(fold.train, "ppo", seed) for seed in range(2)])
        gc.collect()
        left.append(torch.cuda.memory_allocated())
    assert left[-1] <= left[0]


def trial_of(name, budget, **configuration):
    return Trial("sweep", name, 0, 0, budget, {**small(name), **configuration})


@pytest.mark.parametrize("name", ["ppo", "sac"])
def test_a_run_that_has_to_repeat_itself_does_so_to_the_bit(fold, tmp_path, name):
    training = TrainingSettings(num_envs=4, device=DEVICE, deterministic=True)
    folders = [whole_run(tmp_path / each, trial_of(name, BUDGET), fold, training) for each in ("one", "other")]
    for file in FILES.values():
        assert (folders[0] / file).read_bytes() == (folders[1] / file).read_bytes()


@pytest.mark.parametrize("together", [1, None])
def test_a_run_without_enough_memory_is_a_result_that_says_so(fold, tmp_path, together):
    training = TrainingSettings(num_envs=2**16, device=DEVICE, together=together)
    trial = trial_of("sac", 64, buffer_size=2**20, horizon_len=64)
    folder = whole_run(tmp_path / "run", trial, fold, training)
    result = json.loads((folder / "sharpe.json").read_text())
    assert result["status"] == "failed"
    assert result["reason"].startswith(
        "out of memory before the start: num_envs 65536 × buffer_size 1048576 × 3 tickers"
    )


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_ppo_learns_the_planted_market_however_it_multiplies(precision):
    train_days, days, warm_up = learning.FOLDS["train_days"], 1000, 61
    start = train_days + learning.FOLDS["purge_days"]
    bars = synthetic_bars(15, warm_up + start + days, learning.MARKETS["strong"], 10, 0.01, 0)
    features = compute_features(bars, turbulence_days=60)
    data, _ = cut_fold(features, Fold(range(train_days), range(start, start + days)))
    environment, budget, training = EnvironmentSettings(), learning.BUDGET, TrainingSettings(device="cpu")
    oracle, _ = oracle_episode(data.validation, features.indicators[start : start + days, :, -1], environment)
    set_arithmetic(DEVICE, precision, deterministic=False)
    shipped = agent_of("ppo")().model_dump()
    made = [make(data.train, "ppo", seed, num_envs=training.num_envs, **shipped) for seed in range(3)]
    train_together(made, budget, precision == "bfloat16")
    set_arithmetic("cpu", "float32", deterministic=True)
    sharpes = []
    for _, agent in made:
        run = Run.of(Trial("sweep", "ppo", 0, 0, budget, shipped), data, 0, environment, training)
        judged, _ = build(run, CPU, 1, logging.getLogger(), compiled=False)
        judged.act.load_state_dict({name: weight.cpu() for name, weight in agent.act.state_dict().items()})
        episode = evaluate_policy(judged, data.validation, environment, "shared")
        sharpes.append(sharpe_ratio(episode.daily_returns))
    assert statistics.mean(sharpes) >= 0.8 * sharpe_ratio(oracle.daily_returns), sharpes


def test_a_whole_sweep_trains_its_runs_together(tmp_path):
    toy = Toy(tmp_path / "toy")
    toy.config["training"] = {"num_envs": 4, "device": DEVICE}
    toy.config["sweeps"]["ppo_smac"]["budget"] = 256
    toy.write_config()
    done = toy.snakemake("--cores", "8", "--resources", "gpu=8")
    assert done.returncode == 0, done.stdout[-3000:]
    logs = [path.read_text() for path in (toy.folder / "results" / "sweeps").rglob("train_agent.log")]
    beside = [int(number) for log in logs for number in re.findall(r"beside=(\d+)", log)]
    assert len(beside) == len(logs) == 16
    assert max(beside) >= 1
    results = [json.loads(path.read_text()) for path in (toy.folder / "results" / "sweeps").rglob("sharpe.json")]
    assert {result["status"] for result in results} <= {"ok", "flat"}

"""Compiled learners beside the plain ones: the same weights but for rounding, the same bytes each time."""

import io
import logging
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.training.test_every_agent import CHANGES, small, train
from workflow_scripts.training.agents.base import PACKAGE, agent_of
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.agents.td3 import TD3
from workflow_scripts.training.compiled import kernels
from workflow_scripts.training.compiled.choice import choose_learner, compile_once
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.run import judge
from workflow_scripts.training.run.checkpoints import restore_training, training_state
from workflow_scripts.training.run.judge import evaluate_policy
from workflow_scripts.workflow.registry import names

ROOT = Path(__file__).parents[3]
COMPILED = ["a2c", "ddpg", "modsac", "ppo", "sac", "td3"]
TOLERANCE = 3e-5  # of weights after three rounds of updates
ENVIRONMENT = EnvironmentSettings()
PAIRS = [(name, architecture) for architecture in ("shared", "flat") for name in COMPILED]
CHANGED = [(name, {key: CHANGES[key]}) for name in COMPILED for key in agent_of(name).model_fields if key != "dropout"]
# Beside a change of each hyperparameter: batches of one, of a full block of rows, of one more, of two and a bit.
BATCHES = (1, 213, 214, 500)
# The second hidden layer is the wider one: arrays that are too short for it would be written over their end.
CHANGED += [(name, {"net_dims_0": 32, "net_dims_1": 160}) for name in COMPILED]
CASES = [*CHANGED, *((name, {"batch_size": size, "horizon_len": 256}) for name in ("a2c", "ppo") for size in BATCHES)]
CASES += [(name, {"batch_size": size, "buffer_size": 1000}) for name in ("sac", "td3") for size in BATCHES]


def learner(
    fold,
    name,
    compiled,
    environment=ENVIRONMENT,
    num_envs=4,
    seed=1,
    window=None,
    architecture="shared",
    **changes,
):
    window = window or fold.train
    env = make_env(window, environment, architecture, num_envs, seed=seed, random_start=True)
    settings = agent_of(name).of({**small(name), **changes})
    kind = settings.compiled_learner(architecture) if compiled else settings.learner()
    return env, kind(window, env, settings, architecture, seed=seed)


def both(fold, name, budget=96, **more):
    """Return weights of the compiled and the plain training, and the agents."""
    pairs = [learner(fold, name, compiled, **more) for compiled in (True, False)]
    budget = max(budget, 2 * pairs[0][1].settings.horizon_len)
    return [train(agent, env, budget) for env, agent in pairs], [agent for _, agent in pairs]


def assert_same(one, other):
    assert (one - other).abs().max() < TOLERANCE


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_compiled_training_has_the_weights_of_the_plain_one(fold, name, changes):
    compare(fold, name, "shared", changes)


@pytest.mark.parametrize(("name", "changes"), CHANGED)
def test_compiled_training_of_flat_networks_has_the_weights_of_the_plain_one(fold, name, changes):
    compare(fold, name, "flat", changes)


def compare(fold, name, architecture, changes):
    weights, agents = both(fold, name, architecture=architecture, **changes)
    assert_same(*weights)
    _, untrained = learner(fold, name, compiled=True, architecture=architecture, **changes)
    start = torch.cat([weight.detach().flatten() for weight in untrained.act.parameters()])
    assert (weights[0][: len(start)] - start).abs().max() > 10 * TOLERANCE
    sharpes = [evaluate_policy(agent, fold.validation, ENVIRONMENT, architecture).sharpe for agent in agents]
    assert sharpes[0] == pytest.approx(sharpes[1], abs=5e-4)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize(
    "environment",
    [
        {"rebalance_rate": 1.0, "cost_pct": 0.002},
        {"action_mode": "shares", "max_stock": 1000, "action_scale": 3.0},
        {"lot_size": 10, "min_fee": 5.0},
        {"action_mode": "long_short", "leverage": 2.0, "borrow_cost": 0.05, "risk_free": 0.02},
    ],
    ids=["at full rate", "shares", "lots", "long and short"],
)
def test_compiled_training_trades_as_the_plain_one(fold, name, environment):
    weights, _ = both(fold, name, environment=EnvironmentSettings(**environment))
    assert_same(*weights)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("action_mode", ["weights", "shares", "long_short"])
def test_compiled_training_of_flat_networks_trades_as_the_plain_one(fold, name, action_mode):
    environment = EnvironmentSettings(action_mode=action_mode)
    weights, _ = both(fold, name, environment=environment, architecture="flat", num_envs=5, batch_size=1)
    assert_same(*weights)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("num_envs", [2, 300])
def test_portfolios_of_any_number(fold, name, num_envs):
    weights, _ = both(fold, name, num_envs=num_envs, budget=160)  # over the data's end at day 79
    assert_same(*weights)


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_training_ends_an_episode_at_each_seam(fold, name):
    starts = (0, 30, 33)
    close = fold.train.close * (10.0 ** np.searchsorted(starts, np.arange(80), side="right"))[:, None]
    weights, agents = both(fold, name, window=replace(fold.train, close=close, starts=starts), budget=160)
    assert_same(*weights)
    assert abs(agents[0].curves[-1]["reward"]) < 1  # a tenfold price would be log(10) × 100 = 230


@pytest.mark.parametrize(("name", "architecture"), PAIRS)
def test_compiled_training_notes_what_the_plain_one_does(fold, name, architecture):
    _, (compiled, plain) = both(fold, name, architecture=architecture, budget=160)
    assert len(compiled.curves) == len(plain.curves) > 2
    for one, other in zip(compiled.curves, plain.curves, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("with_weights", [True, False])
@pytest.mark.parametrize("widths", [{}, {"net_dims_0": 200, "net_dims_1": 72}])
@pytest.mark.parametrize("mode", ["tilt", "long_short"])
def test_a_kernel_trades_a_policy_to_the_bit_as_torch_does(fold, monkeypatch, mode, widths, with_weights):
    """Over a seam, and over two blocks of days."""
    monkeypatch.setattr(judge, "DAYS_AT_ONCE", 32)
    environment, window = EnvironmentSettings(action_mode=mode), replace(fold.train, starts=(0, 30))
    (env, compiled), (_, plain) = (
        learner(fold, "ppo", kind, environment, learning_rate=0.01, **widths) for kind in (True, False)
    )
    train(compiled, env, 96)
    plain.act.load_state_dict(compiled.act.state_dict())
    episodes = [evaluate_policy(each, window, environment, "shared", with_weights) for each in (compiled, plain)]
    assert len(episodes[0].daily_returns) == 78
    assert episodes[0].turnover.any()
    for name, array in vars(episodes[0]).items():
        assert np.array_equal(array, getattr(episodes[1], name)), name


@pytest.mark.parametrize(("name", "architecture"), PAIRS)
def test_the_same_seed_trains_the_same_bytes_and_goes_on_from_a_saved_state(fold, name, architecture):
    env, agent = learner(fold, name, compiled=True, architecture=architecture)
    train(agent, env, 64)
    file = io.BytesIO()
    torch.save(training_state(agent, env, 64), file)
    file.seek(0)
    env_2, agent_2 = learner(fold, name, compiled=True, architecture=architecture, seed=9)
    done = restore_training(agent_2, env_2, torch.load(file, weights_only=True))
    ended = train(agent, env, 160, 64)
    assert torch.equal(train(agent_2, env_2, 160, done), ended)
    env_3, agent_3 = learner(fold, name, compiled=True, architecture=architecture)
    assert torch.equal(train(agent_3, env_3, 160), ended)


@pytest.mark.parametrize(("name", "architecture"), PAIRS)
def test_a_change_of_hyperparameters_holds_for_the_updates_after_it(fold, name, architecture):
    agents = [learner(fold, name, compiled, architecture=architecture) for compiled in (True, False)]
    kind, weights = agent_of(name), []
    changes = {key: CHANGES[key] for key in set(kind.model_fields) - set(kind.fixed)}
    for env, agent in agents:
        train(agent, env, 32)
        agent.reconfigure(kind.of({**small(name), **changes}))
        weights.append(train(agent, env, 128, 32))
    assert_same(*weights)


def test_a_kernel_is_compiled_for_one_set_of_types(fold):
    """Another one, as a read-only table would make, were compiled in the middle of somebody's run."""
    read_only = replace(fold.train, close=fold.train.close.copy(), ticker_features=fold.train.ticker_features.copy())
    read_only.close.setflags(write=False)
    read_only.ticker_features.setflags(write=False)
    for window in (fold.train, read_only):
        env, agent = learner(fold, "ppo", compiled=True, window=window)
        train(agent, env, 64)
        evaluate_policy(agent, window, ENVIRONMENT, "shared")
        evaluate_policy(agent, window, ENVIRONMENT, "shared", with_weights=False)
        in_shares, also = learner(
            fold, "ppo", compiled=True, window=window, environment=EnvironmentSettings(action_mode="shares")
        )
        train(also, in_shares, 64)
    for kernel in (kernels.walk, kernels.explore, kernels.values_of_states, kernels.policy_gradients, kernels.trade):
        assert len(kernel.signatures) == 1


@pytest.mark.parametrize("architecture", ["shared", "flat"])
def test_agents_whose_updates_are_compiled(architecture):
    chosen = {name: choose_learner(agent_of(name)(), ENVIRONMENT, architecture, "cpu") for name in names(PACKAGE)}
    assert [name for name, kind in chosen.items() if kind.__name__.startswith("Compiled")] == COMPILED


def test_who_takes_the_plain_path():

    class Derived(PPO):
        """Which may climb something else."""

    class Delayed(TD3):
        """Which may learn something else."""

    plain = [
        (Derived(), ENVIRONMENT, "shared", "cpu"),
        (PPO(dropout=0.1), ENVIRONMENT, "shared", "cpu"),
        (PPO(dropout=0.1), ENVIRONMENT, "flat", "cpu"),
        (PPO(), ENVIRONMENT, "shared", "cuda"),
        (PPO(), EnvironmentSettings(action_mode="weights"), "shared", "cpu"),
    ]
    assert {choose_learner(*case).__name__ for case in plain} == {"PolicyGradient"}
    plain = [
        (Delayed(), ENVIRONMENT, "flat", "cpu"),
        (TD3(dropout=0.1), ENVIRONMENT, "flat", "cpu"),
        (TD3(), EnvironmentSettings(action_mode="weights"), "shared", "cpu"),
        (TD3(), ENVIRONMENT, "flat", "cuda"),
    ]
    assert {choose_learner(*case).__name__ for case in plain} == {"DeterministicPolicyGradient"}


DIGESTS = """
import hashlib, sys, pickle
from pathlib import Path
from tests.unit.training.test_compiled import learner, train
fold = pickle.loads(Path(sys.argv[1]).read_bytes())
found = {}
for name in sys.argv[2:]:
    env, agent = learner(fold, name.removeprefix("plain_"), compiled=not name.startswith("plain_"))
    found[name] = hashlib.sha256(train(agent, env, 96).numpy().tobytes()).hexdigest()
print(found["ppo"], found["sac"])
"""


def apart(cache):
    return {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
def test_bytes_do_not_depend_on_who_compiled_what_first(fold, tmp_path):
    """Flags of a caller would be taken over by what it compiles along; a cache would keep them."""
    (tmp_path / "fold").write_bytes(pickle.dumps(fold))
    said = []
    for cache, order in (
        ("one", ["ppo", "sac"]),
        ("one", ["sac", "ppo"]),
        ("other", ["plain_ppo", "plain_sac", "sac", "modsac", "ppo"]),
    ):
        command = [sys.executable, "-c", DIGESTS, str(tmp_path / "fold"), *order]
        done = subprocess.run(
            command, cwd=ROOT, env=apart(tmp_path / cache), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert said[0] == said[1] == said[2]


AT_ONCE = """
import logging, pickle, sys
from pathlib import Path
from tests.unit.training.test_compiled import PPO, compile_once, learner, train
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
compile_once(PPO(), PPO().compiled_learner("shared"), "shared", logging.getLogger())
env, agent = learner(pickle.loads(Path(sys.argv[1]).read_bytes()), "ppo", compiled=True)
print(train(agent, env, 96).sum().item())
"""


@pytest.mark.slow
def test_of_two_that_start_at_once_one_compiles(fold, tmp_path):
    (tmp_path / "fold").write_bytes(pickle.dumps(fold))
    command = [sys.executable, "-c", AT_ONCE, str(tmp_path / "fold")]
    begun = [
        subprocess.Popen(command, cwd=ROOT, env=apart(tmp_path / "cache"), stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = sorted((process.communicate()[0].splitlines() for process in begun), key=len)
    assert [len(lines) for lines in said] == [1, 2]
    assert said[1][0].startswith("compiled CompiledPolicyGradient in ")
    assert said[0] == said[1][1:]


WITHIN_BOUNDS = """
import pickle, sys
from pathlib import Path
from tests.unit.training.test_compiled import ENVIRONMENT, PAIRS, evaluate_policy, learner, train
fold = pickle.loads(Path(sys.argv[1]).read_bytes())
for name, architecture in PAIRS:
    for first, second in ((32, 160), (160, 32)):
        widths = {"net_dims_0": first, "net_dims_1": second}
        env, agent = learner(fold, name, compiled=True, architecture=architecture, **widths)
        train(agent, env, 64)
        evaluate_policy(agent, fold.validation, ENVIRONMENT, architecture)
print("all within")
"""


@pytest.mark.slow
def test_no_kernel_reads_or_writes_beyond_an_array(fold, tmp_path):
    """A kernel does not look by itself: it writes over what lies there."""
    (tmp_path / "fold").write_bytes(pickle.dumps(fold))
    command = [sys.executable, "-c", WITHIN_BOUNDS, str(tmp_path / "fold")]
    environment = apart(tmp_path) | {"NUMBA_BOUNDSCHECK": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "all within\n"


WITH_SCIPY = """
import pickle, sys
from pathlib import Path
from types import SimpleNamespace
from workflow_scripts.training.compiled import blas
blas.ctypes = SimpleNamespace(CDLL=lambda _path: SimpleNamespace())
from tests.unit.training.test_compiled import assert_same, both
fold = pickle.loads(Path(sys.argv[1]).read_bytes())
assert_same(*both(fold, "ppo")[0])
print("scipy.linalg.cython_blas" in sys.modules)
"""


@pytest.mark.slow
def test_where_torch_hides_its_blas_scipys_is_taken(fold, tmp_path):
    (tmp_path / "fold").write_bytes(pickle.dumps(fold))
    command = [sys.executable, "-c", WITH_SCIPY, str(tmp_path / "fold")]
    done = subprocess.run(command, cwd=ROOT, env=apart(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True\n"


@pytest.mark.parametrize(("name", "architecture"), PAIRS)
def test_kernels_are_compiled_once_and_that_is_said(name, architecture, caplog, tmp_path, monkeypatch):
    settings = agent_of(name)()
    kind = settings.compiled_learner(architecture)
    monkeypatch.setattr(kernels, "CACHE", tmp_path / "cache")
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            compile_once(settings, kind, architecture, logging.getLogger())
        compile_once(settings, settings.learner(), architecture, logging.getLogger())
    (line,) = caplog.messages
    assert line.startswith(f"compiled {kind.__name__} in ")


def test_an_agent_with_another_number_of_critics_compiles_for_itself(caplog, tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "CACHE", tmp_path / "cache")
    with caplog.at_level(logging.INFO):
        for name in ("td3", "ddpg", "td3"):
            settings = agent_of(name)()
            compile_once(settings, settings.compiled_learner("shared"), "shared", logging.getLogger())
    assert len(caplog.messages) == 2

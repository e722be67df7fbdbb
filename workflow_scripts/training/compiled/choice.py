"""Which runs take compiled updates, decided here alone; and their compilation, once on a machine."""

import fcntl
import hashlib
import logging
import time
from contextlib import suppress
from pathlib import Path

import numba
import numpy as np
from llvmlite import binding

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.agents.base import Agent
from workflow_scripts.training.environment import kernels as environment_kernels
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.learners.trading_agent import TradingAgent
from workflow_scripts.training.networks.shape import Architecture


def choose_learner(
    settings: Agent, environment: EnvironmentSettings, architecture: Architecture, device: str
) -> type[TradingAgent]:
    """Return what learns by hyperparameters: compiled where the agent has such a learner and the run allows it."""
    plain = settings.dropout > 0 or (architecture == "shared" and environment.action_mode == "weights")
    if device == "cpu" and not plain:
        return settings.compiled_learner(architecture) or settings.learner()
    return settings.learner()


def compile_once(settings: Agent, learner: type[TradingAgent], architecture: Architecture, log: logging.Logger) -> None:
    """Compile what a learner calls, unless a run before did: other runs wait for it, and read it from numba's cache.

    That lies beside the kernels' code, or in the user's own where nobody may write there. A file there says what was
    compiled, for which processor and by which numba.
    """
    if learner.kernels is None:
        return
    folder, digest, kernels = learner.kernels.CACHE, hashlib.sha256(), learner.kernels
    for module in (kernels, environment_kernels):
        digest.update(Path(str(module.__file__)).read_bytes())
    digest.update(f"{numba.__version__} {binding.get_host_cpu_name()}".encode())
    # Two agents of one learner may have another number of critics, which is another type to a kernel.
    compiled = folder / f"{type(settings).__name__}-{learner.__name__}-{digest.hexdigest()[:16]}.compiled"
    if compiled.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "compiling.lock").open("w", encoding="utf-8") as lock:
        with suppress(OSError):  # a file system without locks: then each compiles for itself
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not compiled.exists():
            began = time.process_time()
            _train_a_moment(settings, learner, architecture)
            compiled.touch()
            log.info(f"compiled {learner.__name__} in {time.process_time() - began:.0f} CPU seconds, once for {folder}")


def _train_a_moment(settings: Agent, learner: type[TradingAgent], architecture: Architecture) -> None:
    """Train on a market of two tickers until every kernel was called."""
    rng = np.random.default_rng(0)

    def numbers(*shape: int) -> np.ndarray:
        return rng.normal(size=(8, *shape)).astype(np.float32)

    window = Segment(np.arange(8).astype(str), np.exp(rng.normal(size=(8, 2))), numbers(2, 3), numbers(2), numbers(4))
    small = {"batch_size": 8, "horizon_len": 8, "net_dims_0": 32, "net_dims_1": 32, "repeat_times": 1}
    agent = type(settings).of(small)
    env, alone = (make_env(window, EnvironmentSettings(), architecture, num_envs=count) for count in (2, 1))
    trained = learner(window, env, agent, architecture)
    for _ in trained.train(env, 16):
        pass
    trained.trade(alone, alone.trace(alone.steps_left))

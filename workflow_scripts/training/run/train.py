"""The first step of a run: train a trial with a seed on the training window."""

import hashlib
import logging
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import FrameType

import torch

from workflow_scripts.data.fold_files import FoldData
from workflow_scripts.training.agents.base import Agent
from workflow_scripts.training.compiled.choice import choose_learner, compile_once
from workflow_scripts.training.environment.trading_env import TradingEnv, make_env
from workflow_scripts.training.learners.trading_agent import TradingAgent, TrainingFailedError
from workflow_scripts.training.networks.shape import NetworkShape
from workflow_scripts.training.run.allocator import keep_freed_memory
from workflow_scripts.training.run.checkpoints import Checkpoint, checkpoint_key, read_state
from workflow_scripts.training.run.devices import CPU, Device, compute_in_bfloat16, set_arithmetic, take_device
from workflow_scripts.training.run.memory import memory_shortage
from workflow_scripts.training.run.runs import Run, out_of_memory_is_a_failure
from workflow_scripts.training.run.threads import pin_threads
from workflow_scripts.workflow.code_digest import code_digest

PROGRESS_LINES = 10
SNAPSHOTS = 8


@dataclass(frozen=True)
class Trained:
    """What a training left.

    Attributes:
        agent: the agent; untrained where there was no memory to train it.
        env: its environment.
        device: where it computes, leased as long as this object lives.
        done: vector steps that it has been trained for.
        reason: why the training failed; none where it did not.

    """

    agent: TradingAgent
    env: TradingEnv
    device: Device
    done: int
    reason: str | None = None


def train(
    run: Run,
    checkpoint: Path,
    log: logging.Logger,
    last_attempt: bool = True,
    parent: Path | None = None,
    keeps_state: bool = False,
) -> Trained:
    """Train, from a checkpoint or from where another run ended.

    A training that diverges or runs out of time is a result; so is one that runs out of memory at the last attempt.

    Args:
        run: the run.
        checkpoint: file from which a killed training goes on.
        log: where it says how far it is.
        last_attempt: whether running out of memory is now a result.
        parent: state file of the run that this one continues.
        keeps_state: whether another run is to continue this one.

    Raises:
        MemoryError: out of memory, and another attempt is left.

    """
    from workflow_scripts.training.together.client import find_company

    company = None if keeps_state or parent is not None else find_company(run, log)
    device = (
        take_device(run.training.wanted_device(os.environ), run.training.runs_per_gpu, log) if company is None else CPU
    )
    pin_threads()
    keep_freed_memory()
    set_arithmetic(device.name, run.training.precision, run.training.deterministic)
    saved = Checkpoint(checkpoint, _key_of(run), run.training.checkpoint_minutes * 60, log)
    built: tuple[TradingAgent, TradingEnv] | None = None
    done, reason = 0, None
    try:
        with out_of_memory_is_a_failure(last_attempt):
            require_memory(run, device.memory)
            num_envs = run.training.num_envs if company is None else 1  # the portfolios are elsewhere
            built = agent, env = build(run, device, num_envs, log, compiled=company is None)
            limit = partial(_time_limit, run.training.limit_minutes)
            with saved.watching():
                if company is not None:
                    company.train(run, agent, saved, limit, log)
                else:
                    with limit():
                        done = 0 if parent is None else read_state(parent, agent, env)
                        _update(run, agent, env, saved, log, done)
    except TrainingFailedError as error:
        reason = str(error)
    # No memory for the portfolios, which the networks do not depend on: the policy stays untrained.
    agent, env = built or build(run, device, 1, log)
    if agent.curves:
        done = int(agent.curves[-1]["vector_steps"])
    return Trained(agent, env, device, done, reason)


def _key_of(run: Run) -> Callable[[], str]:
    """Return a function of nothing: a digest of all that a training depends on, of its code as it stands now.

    A run that is neither resumed nor saved need not read all its data for it.
    """
    codes = [code_digest("training.run.train")]
    codes += [code_digest(kind.__module__) for kind in type(run.phases[-1].agent).__mro__ if issubclass(kind, Agent)]
    settings = run.environment.model_dump(), run.training.on_results()
    return cache(lambda: checkpoint_key(run.trial.to_dict(), _digest(run.data), run.seed, *settings, codes))


def _digest(data: FoldData) -> str:
    digest = hashlib.sha256()
    for segment in (data.train, data.validation):
        for array in segment.arrays().values():
            digest.update(array.tobytes())
    return digest.hexdigest()


def build(
    run: Run, device: Device, num_envs: int, log: logging.Logger, compiled: bool = True
) -> tuple[TradingAgent, TradingEnv]:
    """Return what a run trains, and on what; ``compiled`` where there are compiled updates for it."""
    training, window, first = run.training, run.data.train, run.phases[0].agent
    architecture = training.architecture
    env = make_env(window, run.environment, architecture, num_envs, run.seed, device.name, random_start=True)
    learner = choose_learner(first, run.environment, architecture, device.name) if compiled else first.learner()
    compile_once(first, learner, architecture, log)
    log.info(f"learner={learner.__name__}")
    agent = learner(window, env, first, architecture, training.initial_log_std, run.seed)
    if device.name == "cuda" and training.precision == "bfloat16":
        compute_in_bfloat16(getattr(agent, name) for name in agent.networks)
    return agent, env


def require_memory(run: Run, available: int | None) -> None:
    """Raise TrainingFailedError where a training cannot fit: another attempt would find the same device."""
    training = run.training
    for phase in run.phases:
        shape = NetworkShape.of(run.data.train, phase.agent.net_dims, training.initial_log_std)
        sizes = (phase.agent, shape, training.architecture, training.num_envs, run.trial.budget)
        if shortage := memory_shortage(*sizes, available):
            raise TrainingFailedError(shortage)


@contextmanager
def _time_limit(minutes: float | None) -> Iterator[None]:
    """Raise TrainingFailedError in the block when its time is up.

    It strikes between two steps of the interpreter: compiled code that hangs is not interrupted.
    """

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise TrainingFailedError(f"out of time: the training took longer than limit_minutes {minutes}")

    gradients = torch.is_grad_enabled()
    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 60 * (minutes or 0))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        torch.set_grad_enabled(gradients)  # a signal that strikes while no_grad is entered or left keeps it on


def _update(run: Run, agent: TradingAgent, env: TradingEnv, saved: Checkpoint, log: logging.Logger, done: int) -> None:
    if done < run.trial.budget:
        agent.snapshots.clear()  # those of a run that this one continues
    agent.curves.clear()
    done = saved.resume(agent, env) or done
    course = rounds(run, agent, done, partial(saved.after_updates, agent, env), log)
    with suppress(StopIteration):
        steps = next(course)
        while True:
            steps = course.send(agent.make_round(env, steps))


def rounds(
    run: Run, agent: TradingAgent, done: int, after: Callable[[int], None], log: logging.Logger
) -> Generator[int, dict[str, float], None]:
    """Go through a training from one round of updates to the next.

    Yields the vector steps of a round, for somebody to make, and is sent what its learning said.

    Args:
        run: the run.
        agent: what it trains.
        done: vector steps done.
        after: called with the vector steps done after every round, when a state can be saved.
        log: where it says how far it is.

    Raises:
        TrainingFailedError: a loss or a weight is no longer finite.

    """
    started, shown, budget = time.process_time(), 0, run.trial.budget
    for phase in run.phases:
        if done >= phase.budget:
            continue
        agent.reconfigure(phase.agent)
        while done < phase.budget:
            steps = agent.begin_round(phase.budget, done)
            said = yield steps
            before, done = done, done + steps
            progress = agent.end_round(said, done)
            if run.training.snapshot != "last" and done * SNAPSHOTS // budget > before * SNAPSHOTS // budget:
                agent.take_snapshot()
            after(done)
            if done * PROGRESS_LINES // budget > shown:
                shown = done * PROGRESS_LINES // budget
                log.info(
                    f"vector_steps={done}/{budget} "
                    + "".join(f"{name}={value:.4g} " for name, value in progress.items() if name != "steps")
                    + f"cpu_s={time.process_time() - started:.1f}"
                )
    if not all(torch.isfinite(weight).all() for weight in agent.act.parameters()):
        raise TrainingFailedError(f"a weight of the policy is not finite after {budget} vector steps")

"""A run: one training with one seed, judged on one window."""

import hashlib
import io
import logging
import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import torch

from workflow_scripts.data.folds import FoldData
from workflow_scripts.training.agents import AGENTS, make_agent, make_env
from workflow_scripts.training.checkpoints import UNREADABLE, Checkpoint, checkpoint_key, read_state, write_state
from workflow_scripts.training.devices import Precision, compute_in_bfloat16, set_arithmetic, take_device
from workflow_scripts.training.evaluation import evaluate_policy, evaluate_snapshots
from workflow_scripts.training.memory import memory_shortage
from workflow_scripts.training.networks import NetworkShape
from workflow_scripts.training.sharpe import (
    Episode,
    failed_run,
    judge_episode,
    sharpe_ratio,
    write_result,
    write_returns,
)
from workflow_scripts.training.threads import pin_threads
from workflow_scripts.training.trading_agent import Architecture, TradingAgent, TrainingFailedError
from workflow_scripts.training.trading_env import EnvironmentSettings, TradingEnv
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.code_digest import code_digest
from workflow_scripts.workflow.files import damaged, first_line, write_bytes

PROGRESS_LINES = 10
# Settings that no result depends on: when to save or to give up, and with how many others a device is shared.
CHANGES_NO_RESULT = ("limit_minutes", "checkpoint_minutes", "runs_per_gpu")
SNAPSHOTS = 8


@dataclass(frozen=True)
class TrainingSettings:
    """What every run has in common.

    Attributes:
        num_envs: portfolios that train side by side on the one market path.
        architecture: shared: one scorer for every ticker; flat: elegantrl's MLP over all numbers.
        initial_log_std: logarithm of the exploration noise's standard deviation before the first update.
        device: auto takes CUDA where there is one.
        precision: how CUDA multiplies matrices; a CPU always takes float32.
        deterministic: whether CUDA repeats itself to the bit, for a slower training; a CPU always does.
        runs_per_gpu: runs that share a GPU and its memory.
        snapshot: which policy of a training is its result: the last one, or of at most SNAPSHOTS evenly spaced ones the
            best on the training window.
        limit_minutes: wall minutes after which a training is given up as failed; none gives it all the time it takes.
        checkpoint_minutes: wall minutes between two checkpoints, from which a killed run goes on.

    """

    num_envs: int = 16
    architecture: Architecture = "shared"
    initial_log_std: float = -0.5
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Precision = "float32"
    deterministic: bool = False
    runs_per_gpu: int = 1
    snapshot: Literal["last", "best_in_training"] = "last"
    limit_minutes: float | None = None
    checkpoint_minutes: float = 5.0

    def on_results(self) -> dict[str, object]:
        """Return the settings that a result depends on."""
        return {key: value for key, value in asdict(self).items() if key not in CHANGES_NO_RESULT}


@dataclass(frozen=True)
class Lineage:
    """How a run is tied to those of the rounds before and after.

    Attributes:
        parent: state file of the run that this one continues.
        state: state file to write, for a run that continues this one.

    """

    parent: Path | None = None
    state: Path | None = None


STARTS_ANEW = Lineage()


@dataclass(frozen=True)
class Outputs:
    """The files that a run writes.

    Attributes:
        policy: the trained networks.
        sharpe: the result.
        returns: the daily returns behind it.

    """

    policy: Path
    sharpe: Path
    returns: Path


def train_and_judge(
    trial: Trial,
    data: FoldData,
    seed: int,
    environment: EnvironmentSettings,
    training: TrainingSettings,
    outputs: Outputs,
    log: logging.Logger,
    last_attempt: bool = True,
    lineage: Lineage = STARTS_ANEW,
) -> None:
    """Train a trial with a seed on the training window, judge it on the other, and write the run's files.

    A training that diverges or runs out of time is a result, of status ``failed``; so is one that runs out of memory
    at the last attempt.

    Raises:
        ValueError: the configuration cannot be trained.
        MemoryError: out of memory, and another attempt is left.

    """
    device = take_device(training.device, training.runs_per_gpu, log)
    pin_threads()
    set_arithmetic(device.name, training.precision, training.deterministic)
    for phase in _phases(trial):
        AGENTS[trial.agent][1].of(phase["configuration"])
    first = _phases(trial)[0]["configuration"]
    architecture = training.architecture

    def build(num_envs: int) -> tuple[TradingEnv, TradingAgent]:
        env = make_env(data.train, environment, architecture, num_envs, seed, device.name, random_start=True)
        agent = make_agent(trial.agent, first, data.train, env, architecture, training.initial_log_std, seed)
        if device.name == "cuda" and training.precision == "bfloat16":
            compute_in_bfloat16(getattr(agent, name) for name in agent.networks)
        return env, agent

    key = checkpoint_key(
        trial.to_dict(),
        _digest(data),
        seed,
        asdict(environment),
        training.on_results(),
        code_digest("training.runs"),
    )
    checkpoint = Checkpoint(outputs.policy.with_name("checkpoint.pt"), key, training.checkpoint_minutes * 60, log)
    agent: TradingAgent | None = None
    episode: Episode | None = None
    try:
        _require_memory(trial, data, training, device.memory)
        env, agent = build(training.num_envs)
        with _time_limit(training.limit_minutes), checkpoint.watching():
            done = 0 if lineage.parent is None else read_state(lineage.parent, agent, env)
            _train(agent, env, trial, checkpoint, log, training.snapshot, done)
        if agent.snapshots:
            choose_snapshot(agent, data, environment, architecture, log)
        episode = evaluate_policy(agent, data.validation, environment, architecture, data.train)
        memory = evaluate_policy(agent, data.train, environment, architecture, data.train)
        result = judge_episode(episode, memory)
    except TrainingFailedError as error:
        result = failed_run(str(error))
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        if not last_attempt:
            raise MemoryError(f"out of memory, to be tried again: {first_line(error)}") from error
        result = failed_run(f"out of memory: {first_line(error)}")
    if agent is None:  # no memory for the portfolios, which the networks do not depend on: the policy stays untrained
        env, agent = build(num_envs=1)
    write_bytes(outputs.policy, policy_bytes(agent, trial, training))
    if lineage.state is not None:
        if agent.snapshots:  # whatever the result, the training goes on from its end
            agent.act.load_state_dict(agent.snapshots[-1])
            agent.snapshots.clear()
        write_state(lineage.state, agent, env, trial.budget)
    write_returns(episode if result.status == "ok" else None, outputs.returns)
    write_result(result, outputs.sharpe)
    log.info(
        f"status={result.status} sharpe={_shown(result.sharpe)} training_sharpe={_shown(result.training_sharpe)} "
        f"annual_turnover={_shown(result.annual_turnover)}" + (f" reason={result.reason!r}" if result.reason else "")
    )


def choose_snapshot(
    agent: TradingAgent,
    data: FoldData,
    environment: EnvironmentSettings,
    architecture: Architecture,
    log: logging.Logger,
) -> None:
    """Give the policy the weights of the snapshot with the highest Sharpe ratio on the training window.

    The validation days have no say: they judge the result. A snapshot that never trades loses to all that do; among
    equals the last one wins.
    """
    episodes = evaluate_snapshots(agent, agent.snapshots, data.train, environment, architecture)
    sharpes = [sharpe_ratio(episode.daily_returns) if episode.turnover.any() else -math.inf for episode in episodes]
    best = max(range(len(sharpes)), key=lambda place: (sharpes[place], place))
    log.info("training_sharpe of the snapshots: " + " ".join(f"{sharpe:.2f}" for sharpe in sharpes) + f"; took {best}")
    agent.act.load_state_dict(agent.snapshots[best])


@contextmanager
def _time_limit(minutes: float | None) -> Iterator[None]:
    """Raise TrainingFailedError in the block when its time is up, even where it hangs."""

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


def _digest(data: FoldData) -> str:
    digest = hashlib.sha256()
    for segment in (data.train, data.validation):
        for array in vars(segment).values():
            digest.update(array.tobytes())
    return digest.hexdigest()


def _is_out_of_memory(error: BaseException) -> bool:
    """Return whether numpy, torch on the CPU or torch on CUDA ran out of memory; each has its own way to say so."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _require_memory(trial: Trial, data: FoldData, training: TrainingSettings, available: int | None) -> None:
    """Raise TrainingFailedError where a training cannot fit: another attempt would find the same device."""
    for phase in _phases(trial):
        settings = AGENTS[trial.agent][1].of(phase["configuration"])
        shape = NetworkShape.of(data.train, (settings.net_dims_0, settings.net_dims_1), training.initial_log_std)
        sizes = (settings, shape, training.architecture, training.num_envs, trial.budget)
        if shortage := memory_shortage(*sizes, available):
            raise TrainingFailedError(shortage)


def _phases(trial: Trial) -> list[dict[str, Any]]:
    return [*trial.phases, {"budget": trial.budget, "configuration": trial.configuration}]


def _train(
    agent: TradingAgent,
    env: TradingEnv,
    trial: Trial,
    checkpoint: Checkpoint,
    log: logging.Logger,
    snapshot: str,
    done: int,
) -> None:
    started, shown, budget = time.process_time(), 0, trial.budget
    agent.snapshots.clear()  # those of a run that this one continues
    done = checkpoint.resume(agent, env) or done
    for phase in _phases(trial):
        if done >= phase["budget"]:
            continue
        agent.reconfigure(AGENTS[trial.agent][1].of(phase["configuration"]))
        for progress in agent.train(env, phase["budget"], done):
            before, done = done, int(progress["steps"])
            if snapshot != "last" and done * SNAPSHOTS // budget > before * SNAPSHOTS // budget:
                agent.take_snapshot()
            checkpoint.after_updates(agent, env, done)
            if done * PROGRESS_LINES // budget > shown:
                shown = done * PROGRESS_LINES // budget
                log.info(
                    f"vector_steps={done}/{budget} "
                    + "".join(f"{name}={value:.4g} " for name, value in progress.items() if name != "steps")
                    + f"cpu_s={time.process_time() - started:.1f}"
                )
    if not all(torch.isfinite(weight).all() for weight in agent.act.parameters()):
        raise TrainingFailedError(f"a weight of the policy is not finite after {budget} vector steps")


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"


def policy_bytes(agent: TradingAgent, trial: Trial, training: TrainingSettings) -> bytes:
    """Return a policy file: the weights and what is needed to build their networks; equal policies, equal bytes."""
    content = io.BytesIO()
    torch.save(
        {
            "trial": trial.to_dict(),
            "architecture": training.architecture,
            "actor": {name: weight.cpu() for name, weight in agent.act.state_dict().items()},
            "critic": {name: weight.cpu() for name, weight in agent.cri.state_dict().items()},
        },
        content,
    )
    return content.getvalue()


def load_policy(agent: TradingAgent, path: Path) -> None:
    """Load a policy file's weights into an agent.

    Raises:
        ValueError: the file is damaged, or its networks have another shape.

    """
    try:
        content = torch.load(path, map_location=agent.device, weights_only=True)
        agent.act.load_state_dict(content["actor"])
        agent.cri.load_state_dict(content["critic"])
    except (KeyError, *UNREADABLE) as error:
        raise ValueError(damaged(path, first_line(error))) from error

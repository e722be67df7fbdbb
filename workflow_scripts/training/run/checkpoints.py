"""A run that was killed goes on where it was: its state every few minutes, and at a stop, in a file of its own."""

import hashlib
import io
import json
import logging
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.learners.trading_agent import TradingAgent
from workflow_scripts.workflow.files import damaged, first_line, write_bytes

# What torch.load raises for files that are not what torch.save wrote.
UNREADABLE = (RuntimeError, IndexError, EOFError, OSError, ValueError, pickle.UnpicklingError)
PORTFOLIO = ("cash", "holdings", "asset", "traded")


def checkpoint_key(*parts: Any) -> str:
    """Return a digest of all that a training depends on: a checkpoint of another training is not resumed."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def training_state(agent: TradingAgent, env: TradingEnv, done: int) -> dict[str, Any]:
    """Return all that the rest of a training depends on, between two rounds of updates."""
    return {
        "done": done,
        "agent": agent.saved_state(),
        "day": env.day,
        "rng": json.dumps(env.rng.bit_generator.state),
        **{name: getattr(env, name) for name in PORTFOLIO},
    }


def restore_training(agent: TradingAgent, env: TradingEnv, state: dict[str, Any]) -> int:
    """Put agent and environment back where ``training_state`` found them; return the vector steps done."""
    agent.restore(state["agent"])
    env.day = state["day"]
    env.rng.bit_generator.state = json.loads(state["rng"])
    for name in PORTFOLIO:
        getattr(env, name).copy_(state[name])
    return int(state["done"])


def write_state(path: Path, agent: TradingAgent, env: TradingEnv, done: int) -> None:
    """Write a state file: all that a run depends on that continues this one."""
    content = io.BytesIO()
    torch.save(training_state(agent, env, done), content)
    write_bytes(path, content.getvalue())


def read_state(path: Path, agent: TradingAgent, env: TradingEnv) -> int:
    """Put agent and environment where a run's state file left them; return the vector steps done.

    Raises:
        ValueError: the file is damaged.

    """
    try:
        return restore_training(agent, env, torch.load(path, map_location=agent.device, weights_only=True))
    except (KeyError, *UNREADABLE) as error:
        raise ValueError(damaged(path, first_line(error))) from error


@dataclass
class Checkpoint:
    """The checkpoint of one training.

    Attributes:
        path: its file, beside the run's outputs.
        key: returns a digest of all that the training depends on.
        every_seconds: wall seconds between two of them.
        log: where it says what it did.

    """

    path: Path
    key: Callable[[], str]
    every_seconds: float
    log: logging.Logger

    def __post_init__(self) -> None:
        self.last = time.monotonic()
        self.stopped_by: int | None = None

    def resume(self, agent: TradingAgent, env: TradingEnv) -> int:
        """Restore what a killed process left; return the vector steps done, 0 where there is nothing to resume."""
        state = self.read(agent.device)
        return 0 if state is None else restore_training(agent, env, state)

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """Return the state that a killed process left, on a device; none where there is nothing to resume."""
        if not self.path.exists():
            return None
        try:
            content = torch.load(self.path, map_location=device, weights_only=True)
        except UNREADABLE as error:
            self.log.warning(f"{self.path.name} cannot be read ({first_line(error)}): training from the start")
            return None
        if content["key"] != self.key():
            self.log.info(f"{self.path.name} belongs to another training: training from the start")
            return None
        state: dict[str, Any] = content["state"]
        self.log.info(f"resumed after {state['done']} vector steps")
        return state

    def after_updates(self, agent: TradingAgent, env: TradingEnv, done: int) -> None:
        """Save if it is time to; where the process is to stop, save and end it."""
        if self.due:
            self.save(training_state(agent, env, done))

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return self.stopped_by is not None or time.monotonic() - self.last >= self.every_seconds

    def save(self, state: dict[str, Any]) -> None:
        """Save what ``training_state`` returned; end a process that is to stop."""
        content = io.BytesIO()
        torch.save({"key": self.key(), "state": state}, content)
        write_bytes(self.path, content.getvalue())
        self.last = time.monotonic()
        if self.stopped_by is not None:
            self.log.warning(f"stopped after {state['done']} vector steps; the next start goes on from there")
            sys.exit(128 + self.stopped_by)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Turn SIGTERM and Ctrl-C into a checkpoint at the next chance; remove that of a training that ended.

        A second Ctrl-C does not wait for it.
        """
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

        def stop(number: int, _frame: FrameType | None) -> None:
            self.stopped_by = number
            signal.signal(signal.SIGINT, before[signal.SIGINT])

        for number in before:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self.path.unlink(missing_ok=True)

"""A process that holds a device and trains runs side by side, for jobs that wait (client.py).

Requests are held for a moment, as servers of inference do; those that fit together train together, one group after the
other. It ends when nothing was asked of it for a while, and a job that ends takes its own run along alone.
"""

import gc
import json
import logging
import socket
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.learners.trading_agent import TradingAgent, TrainingFailedError
from workflow_scripts.training.networks.shape import NetworkShape
from workflow_scripts.training.run.allocator import keep_freed_memory
from workflow_scripts.training.run.checkpoints import restore_training, training_state
from workflow_scripts.training.run.devices import CPU, Device, set_arithmetic, take_device
from workflow_scripts.training.run.memory import CONTEXT_BYTES, training_bytes
from workflow_scripts.training.run.runs import Run, out_of_memory_is_a_failure
from workflow_scripts.training.run.settings import MOST_TOGETHER
from workflow_scripts.training.run.threads import pin_threads
from workflow_scripts.training.run.train import build, require_memory, rounds
from workflow_scripts.training.together import graphs
from workflow_scripts.training.together.meeting import (
    STATE,
    TAKEN,
    Desk,
    Request,
    kinship,
    packed,
    stacked_learner,
    unpacked,
)
from workflow_scripts.workflow.files import first_line

HOLD_SECONDS = 1.0  # since the last request: for as long company may come
IDLE_SECONDS = 30.0
LISTEN_SECONDS = 0.1  # between two looks at the jobs while a group trains
GRAPHS = logging.getLogger(graphs.__name__)


class Job(logging.Handler):
    """A job that waits for its run."""

    def __init__(self, connection: Connection):
        super().__init__(logging.INFO)
        self.connection, self.wants_state = connection, False
        self.request: Request | None = None
        self.kin = ""
        self.log = logging.Logger("job")
        self.log.addHandler(self)

    @property
    def run(self) -> Run:
        """What it waits for.

        Raises:
            ValueError: it has not asked yet.

        """
        if self.request is None:
            raise ValueError("a job that has not asked has no run")
        return self.request.run

    def emit(self, record: logging.LogRecord) -> None:
        """Have the job's log say what is said here."""
        self.say("log", record.getMessage())

    def say(self, kind: str, content: Any = "") -> None:
        """Send a message; a job that is gone hears nothing."""
        with suppress(OSError):
            self.connection.send((kind, content))

    def hear(self) -> bool:
        """Take a message; return whether the job is still there."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError):
            self.connection.close()
            return False
        if isinstance(message, Request):
            self.request, self.kin = message, kinship(message)
            self.say(*TAKEN)
        self.wants_state = message == STATE
        return True


class Trainer:
    """Takes requests, and trains those together that fit."""

    def __init__(self, listener: socket.socket, address: Path, desk: Desk, device: Device):
        self.listener, self.address, self.desk, self.device = listener, address, desk, device
        self.jobs: list[Job] = []
        self.waiting: list[Job] = []
        self.most: dict[str, int] = {}

    def serve(self) -> None:
        """Serve until nothing was asked for a while."""
        while self.jobs or self._hear(IDLE_SECONDS):
            if not self.waiting:
                self._hear(IDLE_SECONDS)
                continue
            kin, limit = self.waiting[0].kin, self._limit(self.waiting[0])
            group = [job for job in self.waiting if job.kin == kin][:limit]
            if len(group) == limit or not self._hear(HOLD_SECONDS):
                self._train(group)
        self.address.unlink(missing_ok=True)

    def _hear(self, seconds: float) -> bool:
        """Take what jobs say within some seconds; return whether anything was said."""
        speaks = wait([self.listener, *(job.connection for job in self.jobs)], seconds)
        for job in [job for job in self.jobs if job.connection in speaks]:
            new = job.request is None
            if not job.hear():
                self.jobs.remove(job)
                self.waiting = [each for each in self.waiting if each is not job]
            elif new:
                self.waiting.append(job)
        if self.listener in speaks:
            self.jobs.append(Job(Connection(self.listener.accept()[0].detach())))
        return bool(speaks)

    def _limit(self, job: Job) -> int:
        """Return how many runs like this one train together: as the settings say, and as the memory allows."""
        most = self.most.get(job.kin, self.desk.together or MOST_TOGETHER)
        if self.device.memory is None:
            return most
        training = job.run.training
        sizes = training.architecture, training.num_envs, job.run.trial.budget
        of_phases = [
            training_bytes(phase.agent, NetworkShape.of(job.run.data.train, phase.agent.net_dims, 0), *sizes)
            for phase in job.run.phases
        ]
        return max(1, min(most, (self.device.memory - CONTEXT_BYTES) // max(of_phases)))

    def _train(self, group: Sequence[Job]) -> None:
        """Train a group, and tell each job what came of its run."""
        self.waiting = [job for job in self.waiting if job not in group]
        for job in group:
            job.say("begun", len(group) - 1)
            GRAPHS.addHandler(job)
        try:
            with out_of_memory_is_a_failure(last_attempt=False):
                self._teach(group)
        except TrainingFailedError as error:  # before the start: none of them fits
            for job in group:
                job.say("failed", str(error))
        except MemoryError as error:
            if len(group) > 1:
                self.most[group[0].kin] = len(group) // 2
                self.waiting = [*(job for job in group if job in self.jobs), *self.waiting]
            for job in group:
                reason = first_line(error.__cause__ or error)
                if len(group) > 1:
                    job.log.info(f"out of memory with {len(group)} runs together, now {len(group) // 2}: {reason}")
                else:
                    job.say("memory", reason)
        except Exception as error:
            for job in group:
                job.say("error", f"{type(error).__name__}: {first_line(error)}")
            raise
        finally:
            for job in group:
                GRAPHS.removeHandler(job)
            gc.collect()  # a stack and its steps know each other, and hold the memory of the device until then

    def _teach(self, group: Sequence[Job]) -> None:
        first = group[0].run
        require_memory(first, self.device.memory)
        built = [build(job.run, self.device, job.run.training.num_envs, job.log, compiled=False) for job in group]
        courses: dict[Job, Generator[int, dict[str, float], None]] = {}
        for job, (agent, env) in zip(group, built, strict=True):
            if job.request is not None and job.request.state is not None:
                restore_training(agent, env, unpacked(job.request.state, agent.device))
        bfloat16 = self.device.name == "cuda" and self.desk.precision == "bfloat16"
        agents, envs = zip(*built, strict=True)
        stack = stacked_learner(first.phases[0].agent)(agents, envs, bfloat16)
        for job, (agent, env) in zip(group, built, strict=True):
            after = partial(self._after, job, agent, env)
            done = 0 if job.request is None else job.request.done
            courses[job] = rounds(job.run, agent, done, after, job.log)
        steps = max([next(course, 0) for course in courses.values()])
        if not steps:  # all of a group have as far to go: nothing is left of any
            for job, agent in zip(group, agents, strict=True):
                job.say("trained", packed(outcome(agent)))
            return
        listened = time.monotonic()
        while courses:
            stack.refresh()
            said = stack.make_round(steps)
            for job, agent, of_run in zip(group, agents, said, strict=True):
                if job in courses:
                    try:
                        steps = courses[job].send(of_run)
                        continue
                    except StopIteration:
                        job.say("trained", packed(outcome(agent)))
                    except TrainingFailedError as error:
                        job.say("failed", str(error))
                    self._let_go(courses, job, agent)
            if time.monotonic() - listened > LISTEN_SECONDS:
                self._hear(0)
                listened = time.monotonic()
                for job, agent in zip(group, agents, strict=True):
                    if job not in self.jobs:
                        self._let_go(courses, job, agent)

    @staticmethod
    def _let_go(courses: dict[Job, Any], job: Job, agent: TradingAgent) -> None:
        """Leave a run aside, whose row goes on and is looked at by nobody."""
        courses.pop(job, None)
        agent.noted = None

    @staticmethod
    def _after(job: Job, agent: TradingAgent, env: TradingEnv, done: int) -> None:
        """Give a job the state that it wants to save."""
        if job.wants_state:
            job.say("state", packed(training_state(agent, env, done)))
            job.wants_state = False


def outcome(agent: TradingAgent) -> dict[str, Any]:
    """Return what a training came to: what a run is judged by and writes."""
    networks = {name: getattr(agent, name).state_dict() for name in agent.networks}
    return {**networks, "snapshots": agent.snapshots, "curves": agent.curves}


def serve(address: Path, listener: socket.socket, desk: Desk) -> None:
    """Take the device, and train what is asked for."""
    logging.basicConfig(level=logging.INFO)
    pin_threads()
    keep_freed_memory()
    device = CPU if desk.device == "cpu" else take_device("cuda", desk.of, logging.getLogger("trainer"))
    set_arithmetic(device.name, desk.precision, deterministic=False)
    Trainer(listener, address, desk, device).serve()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])), Desk(**json.loads(sys.argv[3])))

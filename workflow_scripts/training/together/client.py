"""How a run trains beside others: it asks the trainer of its device, and waits.

The run stays a job with a process, a log, a checkpoint and a time limit of its own. Only its rounds of updates are made
elsewhere: by a process that holds the device, and trains what fits together (trainer.py).
"""

import fcntl
import hashlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from workflow_scripts.training.learners.trading_agent import TradingAgent, TrainingFailedError
from workflow_scripts.training.run.checkpoints import Checkpoint
from workflow_scripts.training.run.leases import Lease, lease_device, lease_folder, visible_devices
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.settings import MOST_TOGETHER
from workflow_scripts.training.together import trainer
from workflow_scripts.training.together.meeting import STATE, TAKEN, Desk, Request, can_meet, packed, unpacked
from workflow_scripts.workflow.code_digest import code_digest
from workflow_scripts.workflow.run_warm import private_folder

LOOK_SECONDS = 0.5  # between two looks at whether it is time to save
Limit = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Company:
    """Where a run meets others.

    Attributes:
        desk: the device, the process on it, and how it computes.
        lease: the run's place among those of its device; none on a CPU.

    """

    desk: Desk
    lease: Lease | None

    def train(self, run: Run, agent: TradingAgent, saved: Checkpoint, limit: Limit, log: logging.Logger) -> None:
        """Have a run trained, from its checkpoint where there is one, and give the agent what came out.

        Args:
            run: the run.
            agent: what is to be judged and written.
            saved: its checkpoint.
            limit: returns a context that ends the training when its time is up; it begins with the training, not
                while the run waits for one of others to end.
            log: where it says how far it is.

        Raises:
            TrainingFailedError: the training diverged, or cannot fit into the device's memory.
            MemoryError: out of memory.
            RuntimeError: the trainer failed.
            OSError: it cannot start, or is gone.

        """
        state = saved.read(torch.device("cpu"))
        request = Request(run, None if state is None else packed(state), state["done"] if state else 0)
        begun = asked = False
        with connect(self.desk, request) as connection, ExitStack() as limited:
            while True:
                if not connection.poll(LOOK_SECONDS):
                    if saved.stopped_by is not None and not begun:
                        sys.exit(128 + saved.stopped_by)
                    if saved.due and begun and not asked:
                        with suppress(OSError):  # it is gone, and that is what is received next
                            connection.send(STATE)
                        asked = True
                    continue
                kind, content = received(connection)
                if kind == "begun":
                    log.info(f"beside={content} device={self.desk.device}")
                    limited.close()
                    limited.enter_context(limit())
                    begun = True
                elif kind == "log":
                    log.info(content)
                elif kind == "state":
                    saved.save(unpacked(content))
                    asked = False
                elif kind == "trained":
                    take(agent, unpacked(content))
                    return
                else:
                    raise FAILURES[kind](content)


FAILURES: dict[str, Callable[[str], Exception]] = {
    "failed": TrainingFailedError,
    "memory": MemoryError,
    "error": RuntimeError,
}


def find_company(run: Run, log: logging.Logger) -> Company | None:
    """Return where a run meets others; none where it trains by itself.

    That is on a CPU unless it is asked for, and where company would change the last bits of a result that has to be
    repeated to the bit: how a product of matrices is rounded may depend on how many are made at once.
    """
    training = run.training
    if training.together == 1 or training.deterministic or not can_meet(run):
        return None
    devices = (
        [] if training.wanted_device(os.environ) == "cpu" else visible_devices(os.environ, torch.cuda.device_count())
    )
    if not devices:
        if training.device == "cuda" or training.together is None:
            return None
        return Company(Desk("cpu", 0, 1, training.precision, training.together), None)
    slots = training.runs_per_gpu * (training.together or MOST_TOGETHER)
    lease = lease_device(devices, slots, lease_folder(os.environ) / "together", log)
    place = lease.slot % training.runs_per_gpu
    return Company(Desk(lease.device, place, training.runs_per_gpu, training.precision, training.together), lease)


def take(agent: TradingAgent, trained: dict[str, Any]) -> None:
    """Give an agent what a training of it came to."""
    for name in agent.networks:
        getattr(agent, name).load_state_dict(trained[name])
    agent.snapshots, agent.curves = trained["snapshots"], trained["curves"]


def received(connection: Connection) -> tuple[str, Any]:
    """Return a trainer's next message.

    Raises:
        ConnectionError: it is gone.

    """
    try:
        kind, content = connection.recv()
    except (EOFError, ConnectionError):
        raise ConnectionError("the process that trained this run ended: see whether it was killed") from None
    return kind, content


def connect(desk: Desk, request: Request) -> Connection:
    """Return the connection to a trainer that has taken a request; start it where there is none.

    Raises:
        OSError: it cannot start.

    """
    folder = Path(private_folder())
    address = folder / f"trainer-{_name(desk)}"
    for _ in range(2):  # one that is just ending lets go of those who wait
        with (folder / "trainers.lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                line.connect(str(address))
            except (FileNotFoundError, ConnectionRefusedError):
                _start(desk, address)
                line.connect(str(address))
        connection = Connection(line.detach())
        try:
            connection.send(request)
            if received(connection) == TAKEN:
                return connection
        except ConnectionError:
            connection.close()
    said = Path(f"{address}.log").read_text(encoding="utf-8").strip().splitlines()
    raise OSError(f"no process trains runs together on {desk.device}: {said[-1] if said else 'it said nothing'}")


def _name(desk: Desk) -> str:
    """Return a name for a trainer that does with the present code what the desk says."""
    parts = [repr(desk), sys.executable, code_digest("training.together.trainer"), str(lease_folder(os.environ))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _start(desk: Desk, address: Path) -> None:
    """Start a trainer, which finds its socket open already: whoever connects waits until it has read its libraries."""
    address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener, Path(f"{address}.log").open("w", encoding="utf-8") as said:
        listener.bind(str(address))
        listener.listen(1024)
        subprocess.Popen(
            [sys.executable, "-m", trainer.__name__, str(address), str(listener.fileno()), desk.to_json()],
            env=os.environ | ({} if desk.device == "cpu" else {"CUDA_VISIBLE_DEVICES": desk.device}),
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )

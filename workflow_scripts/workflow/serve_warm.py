"""A server with torch loaded that forks a process for each verb that run_warm asks for.

It belongs to one Snakemake, ends with it, and ends when it has had nothing to do for a while. Before a fork it has read
libraries only, so that a verb reads the project's own code from disk as a process of its own would; it has computed
nothing, so that no thread pool and no CUDA context stand where a fork would break them.
"""

import atexit
import gc
import importlib
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass

from workflow_scripts.workflow.files import die_with_parent
from workflow_scripts.workflow.run_warm import STARTED

PROJECT = "workflow_scripts"
LIBRARIES = (
    "torch",
    "torch.utils.serialization.config",
    "elegantrl.agents",
    "filelock",
    "jsonschema",
    "numba",
    "pandas",
    "pandas.core.arrays.arrow.extension_types",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "pydantic",
    "threadpoolctl",
    "typeguard",
    "tyro",
    "yaml",
)
IDLE_SECONDS = 60.0
MESSAGE_BYTES = 1 << 20


@dataclass
class Job:
    """A client and the process that runs its verb.

    Attributes:
        connection: to the client; it closes when the client ends, however that ends.
        pid: the process; 0 before it began.
        handle: descriptor of the process, readable when it has ended; -1 before it began.

    """

    connection: socket.socket
    pid: int = 0
    handle: int = -1


@dataclass(frozen=True)
class Request:
    """What a forked process is to run.

    Attributes:
        folder: the client's working directory.
        module: the verb's module.
        arguments: its command line.
        streams: the client's standard input, output and error.

    """

    folder: str
    module: str
    arguments: list[str]
    streams: list[int]


class Server:
    """Forks a process per client, ends it when its client ends, and tells a client how it ended."""

    def __init__(self, listener: socket.socket, owner: int):
        self.listener = listener
        self.owner = owner
        self.clients: dict[int, Job] = {}
        self.processes: dict[int, Job] = {}
        self.events = select.poll()
        self.events.register(listener, select.POLLIN)
        self.events.register(owner, select.POLLIN)

    def serve(self) -> Request | None:
        """Serve until the owner has ended or nothing is asked for; in a forked process return what it is to run."""
        while ready := self.events.poll(None if self.clients or self.processes else IDLE_SECONDS * 1000):
            for descriptor, _ in ready:
                if descriptor == self.owner:
                    return None
                if descriptor == self.listener.fileno():
                    self._accept()
                elif descriptor in self.processes:
                    self._report(self.processes[descriptor])
                elif descriptor in self.clients and (request := self._hear(self.clients[descriptor])):
                    return request
        return None

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        self.clients[connection.fileno()] = Job(connection)
        self.events.register(connection, select.POLLIN)

    def _hear(self, job: Job) -> Request | None:
        """Take a client's message: first what to run, then the signals that it gets; or its end."""
        try:
            message, streams, _, _ = socket.recv_fds(job.connection, MESSAGE_BYTES, 3)
        except ConnectionError:
            message, streams = b"", []
        if message and not job.pid:
            return self._fork(job, message, streams)
        if job.pid:
            signal.pidfd_send_signal(job.handle, signal.Signals(int(message or signal.SIGKILL)))
        if not message:
            self._let_go(job)
        return None

    def _fork(self, job: Job, message: bytes, streams: list[int]) -> Request | None:
        server = os.getpid()
        try:
            job.pid = os.fork()
        except OSError:  # no memory, or too many processes: the client starts a process of its own
            self._let_go(job)
        if job.pid == 0 and os.getpid() != server:
            self._leave()
            os.environ["FOLDSWEEP_PARENT"] = str(server)
            die_with_parent()
            folder, module, *arguments = os.fsdecode(message).split("\0")
            return Request(folder, module, arguments, streams)
        for stream in streams:
            os.close(stream)
        if job.pid:
            job.handle = os.pidfd_open(job.pid)
            self.processes[job.handle] = job
            self.events.register(job.handle, select.POLLIN)
            with suppress(ConnectionError):
                job.connection.send(STARTED)
        return None

    def _report(self, job: Job) -> None:
        """Tell a client how its process ended."""
        status = os.waitstatus_to_exitcode(os.waitpid(job.pid, 0)[1])
        self.events.unregister(job.handle)
        del self.processes[job.handle]
        os.close(job.handle)
        if job.connection.fileno() in self.clients:
            with suppress(ConnectionError):
                job.connection.send(str(status).encode())
            self._let_go(job)

    def _let_go(self, job: Job) -> None:
        self.events.unregister(job.connection)
        del self.clients[job.connection.fileno()]
        job.connection.close()

    def _leave(self) -> None:
        """Close in a forked process what is the server's: a client must not wait for a sibling's process."""
        self.listener.close()
        for job in (*self.clients.values(), *self.processes.values()):
            job.connection.close()
        for handle in (self.owner, *self.processes):
            os.close(handle)


def serve_warm(address: str, listener: socket.socket, owner: int) -> None:
    """Read the libraries, serve, and in a forked process run the verb.

    Args:
        address: path of the socket that clients connect to.
        listener: that socket.
        owner: process id of the Snakemake that the server belongs to.

    """
    handle = os.pidfd_open(owner)
    read_libraries()
    request = Server(listener, handle).serve()
    if request is None:
        with suppress(FileNotFoundError):
            os.unlink(address)  # noqa: PTH108
        return
    run_verb(request)


def read_libraries() -> None:
    """Import what verbs import and what that imports late, so that a forked process finds it."""
    for library in LIBRARIES:
        with suppress(ImportError):  # reading it ahead is only faster: a verb that needs it says what is missing
            importlib.import_module(library)
    with suppress(ImportError):
        from numba import njit

        njit("int64(int64)")(lambda number: number)  # the first compilation reads most of numba
    with suppress(ImportError):
        import tyro
        from pydantic import create_model

        tyro.cli(create_model("First", number=(int, 0)), args=[])  # and the first settings most of pydantic and tyro
    gc.collect()
    gc.freeze()  # what is read is shared with the forked processes, not copied when they collect garbage


def run_verb(request: Request) -> None:
    """Run a verb as ``python -m`` would, in a process that was forked for it.

    An error or an exit code goes the interpreter's own way; a verb that is done ends here, without the 0.2 seconds
    of taking torch apart.
    """
    for target, stream in enumerate(request.streams):
        os.dup2(stream, target)
        os.close(stream)
    for output in (sys.stdout, sys.stderr):
        output.reconfigure(line_buffering=output is sys.stderr or output.isatty())  # type: ignore[union-attr]
    os.chdir(request.folder)
    sys.path[0] = request.folder
    for module in [name for name in sys.modules if name.partition(".")[0] == PROJECT]:
        del sys.modules[module]
    sys.argv[1:] = request.arguments
    runpy.run_module(request.module, run_name="__main__", alter_sys=True)
    atexit._run_exitfuncs()
    for output in (sys.stdout, sys.stderr):
        output.flush()
    os._exit(0)


if __name__ == "__main__":
    serve_warm(sys.argv[1], socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]))

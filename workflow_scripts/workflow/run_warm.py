"""Run a verb in a process forked from a server that has torch loaded; in one of its own where no server is to be had.

``python -I -S workflow_scripts/workflow/run_warm.py workflow_scripts.training.train_agent --config …`` does what
``python -m workflow_scripts.training.train_agent --config …`` does, from the same folder. This process stands for the
verb: it passes on signals, ends as the verb ends, and takes it along when it is killed or its Snakemake is gone. It
reads little of the standard library and nothing else, since every run pays for it.
"""

import fcntl
import os
import resource
import select
import signal
import socket
import stat
import sys
import zlib
from contextlib import suppress
from typing import NoReturn

SERVER = "workflow_scripts.workflow.serve_warm"
STARTED = b"started"
# A server needs 3 to 5 seconds of CPU for its imports; one that says nothing for so long is stuck.
PATIENCE_SECONDS = 180.0
# What a Python that was built for an old kernel or C library says where it lacks pidfd_open or setsid.
NOT_BUILT_IN = (AttributeError, NotImplementedError)
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP, signal.SIGCONT)
# What a process inherits, beside its environment: a server serves those alone that would hand it the very same.
INHERITED = ("Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "CapBnd", "CapEff", "NoNewPrivs", "Cpus_allowed")


def run_warm(module: str, arguments: list[str]) -> NoReturn:
    """Run a verb and end as it ends."""
    try:
        owner = int(os.environ.get("FOLDSWEEP_PARENT", os.getppid()))
        owner_end = os.pidfd_open(owner)
        connection = _request(owner, owner_end, "\0".join([os.getcwd(), module, *arguments]))  # noqa: PTH109
    except (OSError, *NOT_BUILT_IN) as error:
        sys.stderr.write(f"no warm worker ({error}): starting a process of its own\n")
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, "-m", module, *arguments])

    def pass_on(number: int, _frame: object) -> None:
        stops = number == signal.SIGTSTP
        with suppress(OSError):
            connection.send(b"%d" % (signal.SIGSTOP if stops else number))
        if stops:
            os.kill(os.getpid(), signal.SIGSTOP)

    # A signal that comes just before poll begins to wait would be handled when poll is done: this ends the wait.
    woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in PASSED_ON:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, pass_on)
    _end_like(_answer(connection, owner_end, woken=woken))


def _request(owner: int, owner_end: int, request: str) -> socket.socket:
    """Return the connection to a server that has started the verb.

    Raises:
        OSError: no server is to be had, or it did not start the verb.

    """
    folder = private_folder()
    address = f"{folder}/{_inheritance(owner)}"
    for _ in range(2):  # a server that is just ending lets go of those who wait
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.settimeout(PATIENCE_SECONDS)
        # Not pathlib, a third of this process's imports.
        with open(f"{folder}/lock", "w", encoding="utf-8") as lock:  # noqa: PTH123
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                connection.connect(address)
            except (FileNotFoundError, ConnectionRefusedError):
                _start_server(address, owner)
                connection.connect(address)
        with suppress(ConnectionError):
            socket.send_fds(connection, [os.fsencode(request)], [0, 1, 2])
        if _answer(connection, owner_end, PATIENCE_SECONDS) == STARTED:
            return connection
        connection.close()
    raise OSError("its server ended before it started the verb")


def _answer(
    connection: socket.socket, owner_end: int, patience_seconds: float | None = None, woken: int | None = None
) -> bytes:
    """Return a server's next message, nothing where it is gone; end with this process's Snakemake.

    Args:
        connection: to the server.
        owner_end: handle of this process's Snakemake.
        patience_seconds: how long to wait; none waits without end.
        woken: where a byte comes with every signal, whose handler then runs.

    Raises:
        TimeoutError: it says nothing.

    """
    ends = select.poll()
    for descriptor in (connection.fileno(), owner_end, *([] if woken is None else [woken])):
        ends.register(descriptor, select.POLLIN)
    ready = ends.poll(None if patience_seconds is None else patience_seconds * 1000)
    while woken is not None and ready and {descriptor for descriptor, _ in ready} == {woken}:
        os.read(woken, 4096)
        ready = ends.poll(None)
    if any(descriptor == owner_end for descriptor, _ in ready):
        os._exit(1)  # which the server sees, and ends the verb
    if not ready:
        raise TimeoutError(f"its server was silent for {patience_seconds:.0f} seconds")
    try:
        return connection.recv(64)
    except ConnectionError:
        return b""


def private_folder() -> str:
    """Return this user's folder for sockets, in which nobody else may write."""
    folder = f"{os.environ.get('TMPDIR') or '/tmp'}/foldsweep-{os.geteuid()}"
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)  # noqa: PTH102
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not a folder that this user alone can enter")
    return folder


def _inheritance(owner: int) -> str:
    """Return a name for all that a process started here would inherit: its Snakemake, environment, limits, niceness."""
    parts = [sys.executable, str(owner), str(os.getpriority(os.PRIO_PROCESS, 0))]
    parts += [f"{name}={value}" for name, value in sorted(os.environ.items())]
    parts += [line for line in _read("/proc/self/status").splitlines() if line.partition(":")[0] in INHERITED]
    parts += [_read("/proc/self/limits"), _read("/proc/self/cgroup")]
    parts.append(_read(f"/proc/{owner}/stat").rpartition(")")[2].split()[19])  # when it began: numbers are used again
    text = "\0".join(parts).encode(errors="surrogateescape")
    return f"{owner}-{zlib.crc32(text):08x}{zlib.adler32(text):08x}"


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        return file.read()


def _start_server(address: str, owner: int) -> None:
    """Start a server, which finds its socket open already: whoever connects waits until it has read its libraries."""
    with suppress(FileNotFoundError):
        os.unlink(address)  # noqa: PTH108
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen(1024)
        listener.set_inheritable(True)
        nothing = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        command = [sys.executable, "-m", SERVER, address, str(listener.fileno()), str(owner)]
        os.posix_spawn(sys.executable, command, os.environ, file_actions=nothing, setsid=True)


def _end_like(status: bytes) -> NoReturn:
    """End as the verb did: with its exit code, or by the signal that ended it; by SIGKILL where the server is gone."""
    code = int(status or -signal.SIGKILL)
    if code >= 0:
        os._exit(code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    os._exit(128 - code)


if __name__ == "__main__":
    run_warm(sys.argv[1], sys.argv[2:])

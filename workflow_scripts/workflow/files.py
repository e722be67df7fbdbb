"""Files that are whole or absent: everything is written beside its place and renamed into it."""

import ctypes
import glob
import hashlib
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Any

DAY_SECONDS = 86_400


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path``; rename it into place when the block ends, remove it when it raises.

    The name keeps the suffix, so that writers that look at it behave alike. What a killed process left beside the path
    is removed; what another one writes there now is not.

    Raises:
        OSError: the file cannot be written, on a full disk say; names ``path``, which such an error alone does not.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    host = socket.gethostname()
    for other in path.parent.glob(f"{glob.escape(f'.{path.stem}.')}*{glob.escape(path.suffix)}"):
        if _is_left_behind(other, *other.name[len(path.stem) + 2 :].removesuffix(path.suffix).rpartition(".")[::2]):
            other.unlink(missing_ok=True)
    beside = path.with_name(f".{path.stem}.{host}.{os.getpid()}{path.suffix}")
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        beside.unlink(missing_ok=True)


def _is_left_behind(path: Path, host: str, process: str) -> bool:
    """Return whether nobody writes a file: its process is gone, or it is another machine's and a day old."""
    if not process.isdigit():
        return False
    with suppress(OSError):  # it is in place by now
        if host not in ("", socket.gethostname()):
            return time.time() - path.stat().st_mtime > DAY_SECONDS
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
    return int(process) == os.getpid()


@contextmanager
def made_elsewhere(path: Path) -> Iterator[Path]:
    """Yield a path in a temporary folder; put what the block made there in place, whole, when it ends.

    For writers that make other files beside theirs, or cannot take each name that a folder of the user's may have.
    """
    with TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        yield made
        with whole_file(path) as beside:
            copyfile(made, beside)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a binary file, whole or not at all."""
    with whole_file(path) as beside:
        beside.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, indented, so that equal content is equal bytes; NaN is an error."""
    write_text(path, json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        ValueError: the file is truncated or not JSON; the message names it and what rebuilds it.

    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(damaged(path, str(error))) from error


def damaged(path: Path, reason: str) -> str:
    """Return the message for a file that cannot be what a rule wrote."""
    return f"{path} is damaged ({reason}): delete it and run Snakemake again, which makes it anew"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its kind where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, so that a killed Snakemake leaves no orphan behind.

    The rules say who started the job (``FOLDSWEEP_PARENT``), so that a parent that died while this process was still
    importing is noticed too.
    """
    parent = int(os.environ.get("FOLDSWEEP_PARENT", os.getppid()))
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):
        libc.prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

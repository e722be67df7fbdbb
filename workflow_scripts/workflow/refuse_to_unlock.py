"""What make resume asks before it takes a lock away: whether the Snakemake that holds it may still work."""

import socket
import sys
from contextlib import suppress
from pathlib import Path

from workflow_scripts.workflow.jobs import command_line
from workflow_scripts.workflow.paths import MACHINE

LOCKS = ".snakemake/locks"
WORDS = 3  # of a command line, in which Snakemake's name stands: python -m snakemake


def refuse_to_unlock(folder: Path = Path(), processes: Path = Path("/proc")) -> None:
    """End with a message where a Snakemake works in a folder, or where nobody here can know.

    Args:
        folder: the working folder.
        processes: where Linux lists them; elsewhere nothing is known of them.

    """
    if (alive := _snakemake_in(folder.resolve(), processes)) is not None:
        sys.exit(
            f"resume: process {alive} is a Snakemake that still works in this folder: wait for it, or stop it first"
        )
    began, here = _machine(folder), socket.gethostname()
    if any((folder / LOCKS).glob("*")) and began not in (None, here):
        sys.exit(
            f"resume: this folder's Snakemake began on {began}, and this is {here}, which cannot tell whether it is "
            f"alive. Wait for its end, or use make resume on {began}; where that machine is no more: "
            "snakemake --unlock, then make run"
        )


def _snakemake_in(folder: Path, processes: Path) -> int | None:
    for process in processes.glob("[0-9]*"):
        with suppress(OSError):  # it ends, or is another user's
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")[:WORDS]
            if (process / "cwd").resolve() == folder and any(Path(word).name == "snakemake" for word in words):
                return int(process.name)
    return None


def _machine(folder: Path) -> str | None:
    with suppress(FileNotFoundError):
        return (folder / MACHINE).read_text(encoding="utf-8").strip()
    return None


if __name__ == "__main__":
    command_line(refuse_to_unlock)

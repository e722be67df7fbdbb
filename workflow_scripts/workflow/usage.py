"""What a process took: written by every run when it ends, and read by all that count what runs cost."""

import os
import time
from pathlib import Path

from workflow_scripts.workflow.files import write_text

# Wall seconds, largest resident memory in MiB, CPU seconds: as Snakemake's benchmark files call them.
COLUMNS = ("s", "max_rss", "cpu_time")


def write_usage(path: Path) -> None:
    """Write what this process took so far.

    Snakemake measures the process that it started and its children, which a warm worker is not; nor does it see the
    seconds after its last look.
    """
    status, stat = (Path(f"/proc/self/{name}").read_text(encoding="utf-8") for name in ("status", "stat"))
    began = int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    wall = time.clock_gettime(time.CLOCK_BOOTTIME) - began
    # Not getrusage's ru_maxrss, which begins with that of the process that started this one.
    mebibytes = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    rows = COLUMNS, [f"{number:.2f}" for number in (wall, mebibytes, time.process_time())]
    write_text(path, "".join("\t".join(row) + "\n" for row in rows))


def read_usage(path: Path) -> dict[str, float]:
    """Return what a process took, by column.

    Raises:
        ValueError: the file is not what ``write_usage`` writes; names it.

    """
    try:
        head, row = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
        return {name: float(row[head.index(name)]) for name in COLUMNS}
    except (ValueError, IndexError) as error:
        reason = f"{path} is damaged ({error}): delete it; nothing is lost but what the run took"
        raise ValueError(reason) from None

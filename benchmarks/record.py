"""The figures that ``make bench`` leaves in benchmarks/results.json, which every benchmark adds its own to."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")


def record(**figures: float) -> None:
    """Write figures into the file, beside those that stand there."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(known | figures, indent=1, sort_keys=True) + "\n")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process to measure: with one thread, and Python keeps what it compiles.

    Where PYTHONDONTWRITEBYTECODE is set, each run would compile the project's modules anew.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"OMP_NUM_THREADS": "1"} | more


def spread(values: Sequence[float]) -> str:
    """Return median, smallest and largest of repetitions as a table's cell."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def machine() -> str:
    """Return the processor and the Python that the figures come from."""
    models = [
        line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if line.startswith("model name")
    ]
    return (
        f"{models[0].partition(':')[2].strip() if models else platform.machine()}, Python {platform.python_version()}"
    )

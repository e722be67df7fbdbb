"""What a run takes beyond its training: from a warm worker, and in a process of its own.

The run is one of a trial of no vector steps on a short fold: it starts, reads its fold, builds networks and optimizers,
judges the untrained policy on 120 days (which is work, but little) and writes its files. CPU seconds of all its
processes; five repetitions in turn. ``python benchmarks/overhead.py`` writes overhead_warm_s and overhead_cold_s into
``benchmarks/results.json``.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import environment, machine, record, spread
from workflow_scripts.data.fold_files import write_fold
from workflow_scripts.data.folds import cut_fold, walk_forward
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.paths import FILES_OF_RUN

ROOT = Path(__file__).resolve().parents[1]
TICKERS, TRAIN_DAYS, VALIDATION_DAYS, REPETITIONS = 20, 100, 20, 5
STARTS = {"warm": ("-I", "-S", "workflow_scripts/workflow/run_warm.py"), "cold": ("-m",)}


def main() -> None:
    """Measure, print a table, record the medians."""
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        taken: dict[str, list[float]] = {start: [] for start in STARTS}
        for repetition in range(REPETITIONS + 1):
            for start, seconds in taken.items():
                took = cpu_seconds(Path(folder), STARTS[start])
                if repetition:  # the first warm run starts the server, and the first of all compiles
                    seconds.append(took)
    print(f"{machine()}\nCPU seconds of a run beyond its training, median (smallest to largest) of {REPETITIONS}:")
    for start, seconds in taken.items():
        print(f"{start:8}{spread(seconds)}")
    record(**{f"overhead_{start}_s": round(statistics.median(seconds), 3) for start, seconds in taken.items()})


def lay_out(folder: Path) -> None:
    """Write a short fold and a trial that trains for no vector step."""
    bars = synthetic_bars(TICKERS, TRAIN_DAYS + VALIDATION_DAYS + 300, 0.0015, 10, 0.01, seed=0)
    features = compute_features(bars, turbulence_days=252)
    plan = walk_forward(len(features.dates), 1, TRAIN_DAYS, VALIDATION_DAYS, purge_days=5)[0]
    write_fold(cut_fold(features, plan)[0], {}, folder / "fold_0.npz")
    (folder / "config.yaml").write_text(Trial("toy", "ppo", 0, 0, 0, {}).to_yaml())


def cpu_seconds(folder: Path, start: tuple[str, ...]) -> float:
    """Return the CPU seconds of a run: of the process that is started, and of the worker that reports its own."""
    files = [f"--{name}={folder / file}" for name, file in {**FILES_OF_RUN, "usage": "usage"}.items()]
    command = [sys.executable, *start, "workflow_scripts.training.train_agent", *files]
    command += [f"--config={folder}/config.yaml", f"--fold={folder}/fold_0.npz", "--seed=0", "--training.device=cpu"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(FOLDSWEEP_PARENT=str(os.getpid())),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    own = usage.ru_utime + usage.ru_stime
    if start == STARTS["cold"]:
        return own
    return own + float((folder / "usage").read_text(encoding="utf-8").split()[-1])


if __name__ == "__main__":
    main()

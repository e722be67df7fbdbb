"""What Snakemake takes to plan a sweep before its first run, and to find that a finished one has nothing to do.

CPU seconds and memory of ``snakemake -n`` at 1,000 and 10,000 runs, and of a run without work at 1,000.
``python benchmarks/planning.py`` writes dag_10k_s and dag_10k_mb into ``benchmarks/results.json``.
"""

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.record import environment, machine, record, spread
from workflow_scripts.config.model import read_config
from workflow_scripts.workflow.paths import MANIFEST, ROUND, TRIAL

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "rules", "workflow_scripts", "search_spaces", "schemas", "profiles", "report", "envs")
REPETITIONS = 5
FOLDS, SEEDS, ROUND_SIZE = 5, 2, 20
MOST_ROUNDS = 50  # each reads all scores before it, so that a plan grows with trials × rounds


def main() -> None:
    """Measure, print a table, record the dry run of 10,000 runs."""
    print(f"{machine()}\n{'':44}CPU s, median (smallest to largest) of {REPETITIONS}    MB")
    with tempfile.TemporaryDirectory() as parent:
        for runs in (1_000, 10_000):
            folder = Path(parent) / str(runs)
            folder.mkdir()
            lay_out(folder, runs)
            seconds, megabytes = measure(folder, "-n", "--quiet", "all")
            show(f"snakemake -n, {runs:,} runs to make", seconds, megabytes)
        record(dag_10k_s=round(statistics.median(seconds), 1), dag_10k_mb=round(statistics.median(megabytes)))
        folder = Path(parent) / "1000"
        finish(folder)
        show("snakemake --cores 1, 1,000 runs are made", *measure(folder, "--cores", "1", "--quiet", "all"))


def measure(folder: Path, *arguments: str) -> tuple[list[float], list[float]]:
    """Return CPU seconds and MB of the repetitions of a Snakemake command."""
    seconds, megabytes = zip(*(snakemake(folder, *arguments) for _ in range(REPETITIONS)), strict=True)
    return list(seconds), list(megabytes)


def show(what: str, seconds: list[float], megabytes: list[float]) -> None:
    """Print a row of the table."""
    print(f"{what:44}{spread(seconds):44}{statistics.median(megabytes):.0f}", flush=True)


def lay_out(folder: Path, runs: int) -> None:
    """Make a folder with the workflow and one sweep of so many runs, in trials of 5 folds and 2 seeds."""
    for name in PARTS:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    trials = runs // (FOLDS * SEEDS)
    round_size = max(ROUND_SIZE, trials // MOST_ROUNDS)
    sweep = {"agent": "ppo", "market": "sp500_sample", "rounds": trials // round_size, "round_size": round_size}
    config |= {"folds": {"count": FOLDS}, "seeds": {"tuning": list(range(SEEDS))}, "sweeps": {"ppo_smac": sweep}}
    config["training"] = {"device": "cpu"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def finish(folder: Path) -> None:
    """Put a file in the place of every result, and let Snakemake record them as made."""
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    settings = read_config(config).sweeps["ppo_smac"].decisions()
    for number in range(config["sweeps"]["ppo_smac"]["rounds"]):
        trials = []
        for trial in range(config["sweeps"]["ppo_smac"]["round_size"]):
            config_file = folder / TRIAL.format(sweep="ppo_smac", round=number, trial=trial) / "config.yaml"
            config_file.parent.mkdir(parents=True)
            config_file.write_text("budget: 1\n")
            trials.append({"config": "budget: 1\n", "sha256": hashlib.sha256(b"budget: 1\n").hexdigest()})
        round_ = folder / ROUND.format(sweep="ppo_smac", round=number)
        (round_ / MANIFEST).write_text(json.dumps({"settings": settings, "trials": trials}), encoding="utf-8")
    asked = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--quiet", "progress", "--summary"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in asked.splitlines()[1:]:
        path = folder / line.split("\t")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".pt":
            zipfile.ZipFile(path, "w").close()
        elif not path.exists():
            path.write_text('{"refreshed": "never"}')  # of a lock this is read; of the others nothing is
    snakemake(folder, "--touch", "--cores", "1", "--quiet", "all")


def snakemake(folder: Path, *arguments: str) -> tuple[float, float]:
    """Run Snakemake; return its CPU seconds and its largest memory in MB."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=folder,
            env=environment(),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"snakemake {' '.join(arguments)}: {said.read()}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()

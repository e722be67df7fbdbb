"""A copy of the workflow on a toy market, whose trainings take no time beyond their start."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from workflow_scripts.data.synthetic import synthetic_bars

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "rules", "workflow_scripts", "schemas", "profiles", "report", "envs")

CONFIG: dict[str, Any] = {
    "markets": {
        "toy": {
            "source": "csv",
            "path": "prices.csv",
            "features_from": ["signal"],
            "end": "2000-12-29",
            "test_start": "2000-10-02",
        }
    },
    "folds": {"count": 2, "train_days": 60, "validation_days": 20, "purge_days": 2},
    "features": {"turbulence_days": 60},
    "training": {"num_envs": 2, "device": "cpu"},
    "seeds": {"tuning": [0, 1], "final": [10, 11]},
    "backtest": {"top": 1, "resamples": 100},
    "importance": {"resamples": 2, "permutations": 19},
    "search_spaces": {
        "ppo": {
            "learning_rate": {"lower": 1.0e-5, "upper": 1.0e-3, "log": True, "default": 3.0e-4},
            "net_dims_0": {"type": "constant", "default": 16},
            "net_dims_1": {"type": "constant", "default": 16},
            "horizon_len": {"type": "int", "lower": 16, "upper": 32, "default": 32},
            "batch_size": {"type": "constant", "default": 32},
            "repeat_times": {"type": "constant", "default": 1},
        }
    },
    "sweeps": {
        "ppo_smac": {"agent": "ppo", "market": "toy", "rounds": 2, "round_size": 2, "initial_design": 3, "budget": 64}
    },
}


class Toy:
    """A folder with the workflow and a configuration of one's own; made where it is not there yet."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = yaml.safe_load(yaml.safe_dump(CONFIG))
        if (folder / "Snakefile").exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        for name in PARTS:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / name)
        synthetic_bars(3, 300, 0.01, 10, 0.01, seed=0).to_csv(folder / "prices.csv", index=False)
        self.write_config()

    def copy(self, folder: Path) -> "Toy":
        """Return a copy in another folder, with Snakemake's records, free to change."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Toy(folder)

    def write_config(self) -> None:
        """Write the configuration as it now is."""
        write_config(self.folder, self.config)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake as a user would; return its exit code and what it said."""
        return snakemake(self.folder, *arguments)

    def bytes_of_results(self) -> dict[str, bytes]:
        """Return every result by its path; logs, what a job took and the CPU hours of the leaderboard aside."""
        return {
            str(path.relative_to(self.folder)): without_cpu_hours(path)
            if path.name == "leaderboard.csv"
            else path.read_bytes()
            for path in sorted((self.folder / "results").rglob("*"))
            if path.is_file() and path.suffix not in (".log", ".tsv", ".html")
        }


def snakemake(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder as a user would; return its exit code and what it said.

    ``more`` are further variables of its environment.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Every job and its reason, as Snakemake shows them, whatever screen the profile names.
    environment = os.environ | {"PATH": path, "VERBOSE": "1"} | more
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write config.yaml and search_spaces/NAME.yaml of a configuration that holds both."""
    rest = {key: value for key, value in config.items() if key != "search_spaces"}
    (folder / "config.yaml").write_text(yaml.safe_dump(rest), encoding="utf-8")
    (folder / "search_spaces").mkdir(exist_ok=True)
    for name, space in config["search_spaces"].items():
        (folder / "search_spaces" / f"{name}.yaml").write_text(yaml.safe_dump(space), encoding="utf-8")


def without_cpu_hours(path: Path) -> bytes:
    """Return a leaderboard without the one column that no two runs share."""
    return pd.read_csv(path, dtype=str).drop(columns="cpu_hours").to_csv(index=False).encode()


def executed(output: str) -> Counter[str]:
    """Return how many jobs of each rule a run executed."""
    return Counter(re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):", output, re.MULTILINE))


def jobs(output: str) -> dict[str, int]:
    """Return how many jobs of each rule a dry run counts."""
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total ", output, re.MULTILINE | re.DOTALL)
    rows = table[1].split("\n") if table else []
    return {row.split()[0]: int(row.split()[1]) for row in rows if row}

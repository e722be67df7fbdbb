"""How often does the shipped sweep claim skill where there is none, and how often does it find what is there?

``python benchmarks/controls.py`` repeats the shipped sweep, reduced as ``REDUCED`` says, with `snakemake controls` on
noise and on planted markets. It writes ``benchmarks/controls.csv``, a row per market, and ``benchmarks/controls.json``,
what is counted over them. A run that was stopped goes on where it was.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import tyro
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.pipeline import ROOT, run_pipeline
from benchmarks.record import machine
from workflow_scripts.analysis.controls import sentences, summary

TABLE, COUNTS = (Path(__file__).with_name(name) for name in ("controls.csv", "controls.json"))
FOLDER = Path(tempfile.gettempdir()) / "foldsweep_controls"
# What is planted, and markets of each kind: Gaussian ones, and days of the shipped market in another order.
STRENGTHS = {"none": (0.0, 30), "medium": (0.08, 10), "strong": (0.15, 5)}
REDUCED = {"rounds": 1, "tuning_seeds": 1, "final_seeds": 3}
TOP = 1  # configurations that the sealed backtest trades beside the default, of which the verdict judges the first
CONFIDENCE = 0.95


def main(strengths: tuple[str, ...] = tuple(STRENGTHS), folder: Path = FOLDER) -> None:
    """Run the controls, print what is counted over all that there are, write table and counts.

    Args:
        strengths: what is planted, by name.
        folder: where the results are kept.

    """
    for strength in strengths:
        run_controls(strength, folder / strength)
    rows = rows_of(folder)
    rows.to_csv(TABLE, index=False)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    stated: dict[str, Any] = {
        "commit": commit.stdout.strip(),
        "machine": machine(),
        "reduced": REDUCED | {"backtest.top": TOP},
    }
    content = summary(rows, CONFIDENCE)
    COUNTS.write_text(json.dumps(stated | content, indent=1) + "\n", encoding="utf-8")
    for sentence in sentences(content):
        print(sentence)


def run_controls(strength: str, folder: Path) -> None:
    """Run what is missing of the controls with one thing planted."""
    planted, markets = STRENGTHS[strength]
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    controls = {"kinds": ["gaussian", "own"], "strengths": {strength: planted}, "markets": markets}
    folder.mkdir(parents=True, exist_ok=True)
    of_controls = {"controls": controls | REDUCED, "backtest": {"top": TOP}}
    (folder / "config.yaml").write_text(yaml.safe_dump(shipped | of_controls), encoding="utf-8")
    run_pipeline(folder, "--", "controls")


def rows_of(folder: Path) -> pd.DataFrame:
    """Return a row for each market of all strengths that have run."""
    found = [folder / name / "results" / "controls" / "controls.csv" for name in STRENGTHS]
    # "none" is a strength
    return pd.concat(pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in found if path.exists())


if __name__ == "__main__":
    tyro.cli(main)

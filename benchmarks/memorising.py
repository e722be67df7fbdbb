"""What helps against memorising: each setting for it, on a planted market, on noise and on real prices.

PPO's default configuration with one setting changed, with the networks ``shared`` and with ``flat``, through the
pipeline: `snakemake`, sealed backtest on days that no training has seen. ``python benchmarks/memorising.py`` writes
``benchmarks/memorising.json`` and prints a table; ten CPU minutes, most of them flat's. A run that was stopped goes on
where it was.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tyro
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.learning import BUDGET, MARKETS
from benchmarks.pipeline import ROOT, run_pipeline
from benchmarks.record import machine
from workflow_scripts.analysis.controls import cpu_seconds
from workflow_scripts.sweeps.objectives import standard_error
from workflow_scripts.training.sharpe import read_returns, sharpe_ratio
from workflow_scripts.workflow.files import read_json

RESULTS = Path(__file__).with_name("memorising.json")
FOLDER = Path(tempfile.gettempdir()) / "foldsweep_memorising"
ARCHITECTURES = ("shared", "flat")
# What is changed in the default configuration; each is a hyperparameter that a sweep can tune.
CONFIGURATIONS: tuple[dict[str, float], ...] = (
    {"weight_decay": 1.0},
    {"weight_decay": 10.0},
    {"dropout": 0.2},
    {"feature_noise": 0.5},
    {"lambda_entropy": 0.1},
)
SPACE = {
    "weight_decay": {"type": "float", "lower": 0.0, "upper": 20.0, "default": 0.01},
    "dropout": {"type": "float", "lower": 0.0, "upper": 0.5, "default": 0.0},
    "feature_noise": {"type": "float", "lower": 0.0, "upper": 1.0, "default": 0.0},
    "lambda_entropy": {"type": "float", "lower": 1e-4, "upper": 0.1, "log": True, "default": 0.01},
}
SNAPSHOTS = ("last", "best_in_holdout")
FOLDS = {"count": 1, "train_days": 1500, "validation_days": 250, "purge_days": 5}
FINAL_SEEDS = [100, 101, 102, 103, 104]
MADE = {"days": 4320, "test_start": "2009-01-01", "seed": 7}  # of other seeds than benchmarks/learning.py


def main(folder: Path = FOLDER) -> None:
    """Run what is missing, print a table, write the figures.

    Args:
        folder: where the results are kept.

    """
    figures: dict[str, Any] = {}
    for architecture in ARCHITECTURES:
        figures[architecture] = {}
        for snapshot in SNAPSHOTS:
            place = folder / architecture / snapshot
            settings = settings_of(architecture, snapshot)
            run(place, settings)
            for market in settings["markets"]:
                figures[architecture].setdefault(market, {}).update(figures_of(place / "results", market, snapshot))
    RESULTS.write_text(json.dumps({"machine": machine(), **figures}, indent=1) + "\n", encoding="utf-8")
    print("\n".join(table(figures)))


def settings_of(architecture: str, snapshot: str) -> dict[str, Any]:
    """Return the config.yaml of one architecture and one choice of the snapshot: a sweep per market."""
    last = snapshot == "last"
    # Under another snapshot the default alone is of interest; a manual sweep has one configuration at least.
    tried = CONFIGURATIONS if last else CONFIGURATIONS[:1]
    real = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["markets"]["sp500_sample"]
    markets = {
        "planted": {"source": "planted", "signal_strength": MARKETS["strong"], **MADE},
        "noise": {"source": "noise", **MADE},
        "real": real,
    }
    sweep = {"agent": "ppo", "optimizer": "manual", "configurations": list(tried), "budget": BUDGET}
    return {
        "markets": markets,
        "folds": FOLDS,
        "seeds": {"tuning": [0], "final": FINAL_SEEDS},
        "training": {"architecture": architecture, "snapshot": snapshot},
        "backtest": {"top": len(tried), "ensemble": len(FINAL_SEEDS)},
        "sweeps": {
            market: {
                **sweep,
                "market": market,
                "search_space": "against_memorising",
                "rounds": 1,
                "round_size": len(tried),
            }
            for market in markets
        },
    }


def run(folder: Path, settings: dict[str, Any]) -> None:
    """Run what is missing of the sweeps in a folder."""
    (folder / "search_spaces").mkdir(parents=True, exist_ok=True)
    (folder / "search_spaces" / "against_memorising.yaml").write_text(yaml.safe_dump(SPACE), encoding="utf-8")
    (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    verdicts = [f"results/sweeps/{sweep}/verdict.json" for sweep in settings["sweeps"]]
    run_pipeline(folder, "--", *verdicts, "results/markets/planted/oracle.parquet")


def figures_of(results: Path, market: str, snapshot: str) -> dict[str, Any]:
    """Return what each configuration earns on the unseen days, in annual Sharpe ratios, and on those it trained on."""
    backtest = results / "sweeps" / market / "backtest"
    figures: dict[str, Any] = {}
    for candidate in sorted(path.parent for path in backtest.glob("*/config.yaml")):
        runs = [read_json(path) for path in sorted(candidate.glob("seed_*/sharpe.json"))]
        name = name_of(candidate) if snapshot == "last" else snapshot
        if candidate.name == "untrained" or (snapshot != "last" and candidate.name != "default"):
            continue
        figures[name] = {
            "sharpe_by_seed": [run["sharpe"] or 0.0 for run in runs],
            "training_sharpe": statistics.mean(run["training_sharpe"] or 0.0 for run in runs),
            "cpu_s": cpu_seconds(candidate) / len(runs),
        }
    if snapshot == "last":
        ensemble = next(backtest.glob("default_ensemble/seed_*/sharpe.json"))
        figures[f"ensemble of {len(FINAL_SEEDS)}"] = {"sharpe_by_seed": [read_json(ensemble)["sharpe"] or 0.0]}
        references = {"benchmark": backtest / "benchmark" / "returns.parquet"}
        if market == "planted":
            references["oracle"] = results / "markets" / market / "oracle.parquet"
        figures |= {name: sharpe_ratio(read_returns(path).to_numpy()) for name, path in references.items()}
    return figures


def name_of(candidate: Path) -> str:
    """Return what is changed in a candidate's configuration."""
    configuration = yaml.safe_load((candidate / "config.yaml").read_text(encoding="utf-8"))["configuration"]
    changed = [
        f"`{key}` {configuration[key]:g}" for key, entry in SPACE.items() if configuration[key] != entry["default"]
    ]
    return " ".join(changed) or "default"


def table(figures: dict[str, Any]) -> list[str]:
    """Return a Markdown table: a row per architecture and setting."""
    lines = [
        "| networks | what | planted: share of the oracle | on the training days | noise: less the benchmark "
        "| real: less the benchmark | CPU s per run |",
        "|---|---|---|---|---|---|---|",
    ]
    for architecture, markets in figures.items():
        planted, noise, real = (markets[name] for name in ("planted", "noise", "real"))
        for what, of in planted.items():
            if not isinstance(of, dict):
                continue
            share = [sharpe / planted["oracle"] for sharpe in of["sharpe_by_seed"]]
            above = [
                spread([sharpe - market["benchmark"] for sharpe in market[what]["sharpe_by_seed"]], "+.2f")
                for market in (noise, real)
            ]
            trained = f"{of['training_sharpe']:.2f}" if "training_sharpe" in of else ""
            cost = f"{of['cpu_s']:.1f}" if "cpu_s" in of else ""
            cells = [architecture, what, spread(share, ".0%"), trained, *above, cost]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def spread(values: list[float], form: str) -> str:
    """Return the mean of values, and its standard error where there are several."""
    mean = f"{statistics.mean(values):{form}}"
    error = standard_error(np.array(values))
    return mean if error is None else f"{mean} ± {error:{form.replace('+', '')}}"


if __name__ == "__main__":
    tyro.cli(main)

"""Do the agents learn what is there, and nothing else? Sweeps of every agent on planted markets and on noise.

Each is the pipeline's own: shipped search space, `snakemake`, sealed backtest of the default configuration and of the
incumbent on eight unseen years, beside the benchmark and an oracle. ``python benchmarks/learning.py`` writes
``benchmarks/learning.json``, anew with every figure, and prints a table; ``--agents``, ``--markets``, ``--trials`` and
``--folds`` take less, ``--tuning-seeds 2`` judges each trial twice, ``--search-space ppo_plan`` takes the plan's space.
PPO's four sweeps of 40 trials need twelve CPU minutes, a sweep of an off-policy agent twenty. A run that was stopped
goes on where it was.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import tyro
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.pipeline import run_pipeline
from benchmarks.record import machine
from workflow_scripts.analysis.controls import cpu_seconds
from workflow_scripts.data.synthetic import FIRST_DAY
from workflow_scripts.training.sharpe import read_returns, sharpe_ratio
from workflow_scripts.workflow.files import read_json

RESULTS = Path(__file__).with_name("learning.json")
FOLDER = Path(tempfile.gettempdir()) / "foldsweep_learning"
# What a unit of the signal adds to a ticker's expected return of the next day.
MARKETS = {"strong": 0.0015, "medium": 0.0007, "weak": 0.0004, "noise": 0.0}
DAYS, DAYS_BEFORE_TEST = 6000, 4000
FOLDS = {"count": 2, "train_days": 2000, "validation_days": 500, "purge_days": 5}
FINAL_SEEDS = [100, 101, 102, 103, 104]
ROUND_SIZE = 5
AGENTS = ("ppo", "a2c", "ddpg", "td3", "sac", "modsac")
BUDGET = 12_800


def main(
    agents: tuple[str, ...] = AGENTS,
    markets: tuple[str, ...] = tuple(MARKETS),
    trials: int = 40,
    folds: int = FOLDS["count"],
    tuning_seeds: int = 1,
    search_space: str | None = None,
    folder: Path = FOLDER,
) -> None:
    """Run the sweeps, print a table, write the figures.

    Args:
        agents: agents to look at.
        markets: markets to look at, by what is planted.
        trials: trials of a sweep, the default configuration among them.
        folds: folds that judge a trial.
        tuning_seeds: seeds that judge it on each fold.
        search_space: another one than the agent's own, whose figures stand apart.
        folder: where the sweeps' results are kept.

    """
    rows = {agent: f"{agent}, {search_space}" if search_space else agent for agent in agents}
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for agent in agents:
        for market in markets:
            of_agent = known.setdefault(rows[agent], {})
            of_agent.setdefault("markets", {})[market] = learn(
                agent, market, trials, folds, folder, search_space, tuning_seeds
            )
            of_agent |= summary(of_agent["markets"])
            known["machine"] = machine()
            RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    print(table({row: known[row]["markets"] for row in rows.values()}))


def learn(
    agent: str,
    market: str,
    trials: int,
    folds: int,
    folder: Path,
    search_space: str | None = None,
    tuning_seeds: int = 1,
) -> dict[str, Any]:
    """Run a sweep of an agent on a market in a folder, and return its figures."""
    sweep = "_".join(filter(None, (agent, search_space, market)))
    config = folder / f"{sweep}.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings_of(sweep, agent, market, trials, folds, tuning_seeds)
    if search_space:
        settings["sweeps"][sweep]["search_space"] = search_space
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    run_sweep(config, folder, sweep, market)
    return figures_of(folder / "results", sweep, market)


def settings_of(sweep: str, agent: str, market: str, trials: int, folds: int, tuning_seeds: int = 1) -> dict[str, Any]:
    """Return the config.yaml of a sweep."""
    strength = MARKETS[market]
    days = pd.bdate_range(FIRST_DAY, periods=DAYS)
    law = {"source": "planted", "signal_strength": strength} if strength else {"source": "noise"}
    return {
        "markets": {market: law | {"days": DAYS, "test_start": f"{days[DAYS_BEFORE_TEST]:%Y-%m-%d}"}},
        "folds": FOLDS | {"count": folds},
        "seeds": {"tuning": list(range(tuning_seeds)), "final": FINAL_SEEDS},
        "backtest": {"top": 1},
        "sweeps": {
            sweep: {
                "agent": agent,
                "market": market,
                "optimizer": "tpe",
                "rounds": -(-trials // ROUND_SIZE),
                "round_size": min(ROUND_SIZE, trials),
                "budget": BUDGET,
            }
        },
    }


def run_sweep(config: Path, folder: Path, sweep: str, market: str) -> None:
    """Run what is missing of a sweep, and of the oracle on its market."""
    oracle = [f"results/markets/{market}/oracle.parquet"] if MARKETS[market] else []
    targets = [f"results/sweeps/{sweep}/verdict.json", *oracle]
    run_pipeline(folder, "--configfile", config, "--", *targets)


def figures_of(results: Path, sweep: str, market: str) -> dict[str, Any]:
    """Return what the sealed backtest of a sweep says, Sharpe ratios annualised; a policy that never trades has 0."""
    of_sweep = results / "sweeps" / sweep
    verdict = read_json(of_sweep / "verdict.json")
    benchmark, skill = verdict["rows"]["benchmark"]["sharpe"]["estimate"], verdict["skill"]
    by_seed = {
        candidate: [
            read_json(path)["sharpe"] or 0.0
            for path in sorted(of_sweep.glob(f"backtest/{candidate}/seed_*/sharpe.json"))
        ]
        for candidate in ("default", "rank_1")
    }
    runs = list(of_sweep.glob("round_*/trial_*/fold_*/seed_*"))
    figures = {
        "benchmark": benchmark,
        "default": statistics.mean(by_seed["default"]),
        "tuned": statistics.mean(by_seed["rank_1"]),
        "default_by_seed": by_seed["default"],
        "tuned_by_seed": by_seed["rank_1"],
        "beyond_benchmark": skill["estimate"],
        "beyond_benchmark_se": skill["beside"]["standard_error"],
        "trials": len(list(of_sweep.glob("round_*/trial_*/score.json"))),
        "folds": len({run.parent.name for run in runs}),
        "cpu_s_per_run": cpu_seconds(*runs) / len(runs),
        "cpu_s_per_default_run": cpu_seconds(of_sweep / "backtest" / "default") / len(by_seed["default"]),
        "cpu_s_per_tuned_run": cpu_seconds(of_sweep / "backtest" / "rank_1") / len(by_seed["rank_1"]),
        "cpu_s": cpu_seconds(of_sweep),
    }
    if MARKETS[market]:
        earned = read_returns(results / "markets" / market / "oracle.parquet")
        figures["oracle"] = sharpe_ratio(earned.to_numpy())
    return figures


def summary(markets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return an agent's figures on the strong market, and how far it is above the benchmark on noise."""
    summed: dict[str, Any] = {}
    if strong := markets.get("strong"):
        tuned = strong["tuned_by_seed"]
        summed |= {
            "default": strong["default"] / strong["oracle"],
            "tuned": strong["tuned"] / strong["oracle"] if strong["trials"] > 1 else None,
            "seeds_ahead": sum(sharpe > strong["benchmark"] for sharpe in tuned),
            "seeds": len(tuned),
            "cpu_s": strong["cpu_s_per_run"],
        }
    if noise := markets.get("noise"):
        # The verdict's error, of days and seeds: all seeds trade the same days, and share their luck.
        summed["noise_z"] = noise["beyond_benchmark"] / noise["beyond_benchmark_se"]
    return summed


def table(agents: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Return the figures as a Markdown table, a row per agent and market."""
    lines = [
        "| agent | market | benchmark | default | tuned | oracle | share, default | share, tuned | seeds above the "
        "benchmark, tuned | trials × folds | CPU s per run |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for agent, markets in agents.items():
        for market, of in markets.items():
            oracle = of.get("oracle")
            shares = [f"{of[name] / oracle:.0%}" if oracle else "—" for name in ("default", "tuned")]
            tuned = f"{of['tuned']:.2f}"
            if of["trials"] == 1:  # the default alone
                tuned = shares[1] = "—"
            ahead = sum(sharpe > of["benchmark"] for sharpe in of["tuned_by_seed"])
            cells = [
                *(agent, market, f"{of['benchmark']:.2f}", f"{of['default']:.2f}", tuned),
                *(f"{oracle:.2f}" if oracle else "—", *shares, f"{ahead} of {len(of['tuned_by_seed'])}"),
                *(f"{of['trials']} × {of['folds']}", f"{of['cpu_s_per_run']:.0f}"),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    tyro.cli(main)

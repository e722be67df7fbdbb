"""Does an optimizer find better agents than random search at equal cost? Sweeps on planted markets, by the pipeline.

On each market all optimizers tune PPO for as many vector steps as random search does, and the seed plan's tune SAC and
ModSAC. The search spaces are the seed plan's, whose default configurations learn little: in the shipped ones tuning has
nothing to win. The sealed backtest then trains each sweep's incumbent anew and trades days that no sweep has read. A
gain is a Sharpe ratio less the benchmark's on the same days.

What it costs to reach 90 % of the best: a sweep's best gain in validation so far, after each trial, against 0.9 times
the best that any sweep of the agent has on that market in the end; in shares of the vector steps of random search.

``python benchmarks/sweeps.py`` writes ``benchmarks/sweeps.json``, anew with every market, and prints a table; it takes
two hours of CPU time. ``--agents`` and ``--markets`` take less. A run that was stopped goes on where it was.
"""

import json
import math
import statistics
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tyro
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.paired import correct_for_many, paired, told_apart
from benchmarks.pipeline import run_pipeline
from benchmarks.record import machine
from workflow_scripts.analysis.controls import cpu_seconds
from workflow_scripts.config.model import read_config
from workflow_scripts.data.synthetic import FIRST_DAY
from workflow_scripts.sweeps.cost import sweep_batches
from workflow_scripts.sweeps.history import Score, read_score
from workflow_scripts.sweeps.objectives import standard_error
from workflow_scripts.training.sharpe import read_returns, sharpe_ratio
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.paths import SWEEP, TRIAL, below, folders

RESULTS = Path(__file__).with_name("sweeps.json")
FOLDER = Path(tempfile.gettempdir()) / "foldsweep_sweeps"
SEEDS_OF_MARKETS = (1, 2, 3, 4, 5)
MARKET = {"source": "planted", "signal_strength": 0.0015, "ticker_count": 10}
DAYS, DAYS_BEFORE_TEST = 5000, 2600
FOLDS = {"count": 2, "train_days": 1500, "validation_days": 500, "purge_days": 5}
SEEDS = {"tuning": [0], "final": [100, 101, 102]}
# Vector steps of a full run, and how many full trials each sweep of the agent may cost.
BUDGETS = {"ppo": 6144, "sac": 2560, "modsac": 2560}
FULL_TRIALS = {"ppo": 16, "sac": 8, "modsac": 8}
TOLERANCE = 0.03
BENCHMARK = "backtest/benchmark/returns.parquet"
CLOSE = 0.9
# The seed plan's bounds. What decides how long a vector step takes is left at the agent's default.
OFF_POLICY = {
    "learning_rate": {"type": "float", "lower": 1.0e-5, "upper": 1.0e-3, "log": True, "default": 3.0e-4},
    "gamma": {"type": "float", "lower": 0.95, "upper": 0.999, "default": 0.985},
    "soft_update_tau": {"type": "float", "lower": 1.0e-3, "upper": 0.1, "log": True, "default": 0.005},
    "alpha": {"type": "float", "lower": 1.0e-4, "upper": 1.0, "log": True, "default": 0.01},
    "target_entropy": {"type": "float", "lower": -3.0, "upper": 0.6, "default": -1.0},
}
BY_STEPS = {"fidelity": "steps", "eta": 2}
BY_RUNS = {"fidelity": "runs", "eta": 2, "min_runs": 1}
SWEEPS: dict[str, dict[str, dict[str, Any]]] = {
    "ppo": {
        "random": {"rounds": 4},
        "smac": {"rounds": 4},
        "smac_gp": {"rounds": 4},
        "tpe": {"rounds": 4},
        "optuna_gp": {"rounds": 4},
        "smac_hyperband_steps": BY_STEPS | {"rounds": 12, "min_budget": 1536},
        "smac_hyperband_steps_continued": BY_STEPS | {"rounds": 16, "min_budget": 1536, "continue_training": True},
        "smac_hyperband_runs": BY_RUNS | {"rounds": 12},
        "dehb_steps": BY_STEPS | {"rounds": 12, "min_budget": 1536},
        "dehb_runs": BY_RUNS | {"rounds": 12},
        "pbt": {"rounds": 5, "round_size": 16, "interval": 1229},
        "pb2": {"rounds": 5, "round_size": 16, "interval": 1229},
    },
    "sac": {
        "random": {"rounds": 2},
        "dehb_steps": BY_STEPS | {"rounds": 6, "min_budget": 640},
        "dehb_runs": BY_RUNS | {"rounds": 6},
    },
    "modsac": {
        "random": {"rounds": 2},
        "pbt": {"rounds": 5, "round_size": 8, "interval": 512},
        "pb2": {"rounds": 5, "round_size": 8, "interval": 512},
    },
}


def main(
    agents: tuple[str, ...] = tuple(SWEEPS), markets: tuple[int, ...] = SEEDS_OF_MARKETS, folder: Path = FOLDER
) -> None:
    """Run the sweeps, print a table, write the figures.

    Args:
        agents: agents to tune.
        markets: seeds of the planted markets.
        folder: where the results are kept.

    """
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    known["settings"] = stated()
    for seed in markets:
        kept = known.setdefault("markets", {}).setdefault(str(seed), {})
        found = look_at(seed, agents, folder.resolve() / f"market_{seed}")
        kept |= found | {"sweeps": kept.get("sweeps", {}) | found["sweeps"]}
        known["machine"] = machine()
        known["rows"] = rows_of(list(known["markets"].values()))
        RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    print(table(known["rows"]))
    print(told_apart(known["rows"], spelled, "random search", len(known["markets"])))


def stated() -> dict[str, Any]:
    """Return the settings that all markets have in common."""
    return {
        "market": MARKET | {"days": DAYS, "days_before_test": DAYS_BEFORE_TEST},
        "folds": FOLDS,
        "seeds": SEEDS,
        "budgets": BUDGETS,
        "full_trials": FULL_TRIALS,
        "search_spaces": {"ppo": "ppo_plan", "sac": OFF_POLICY, "modsac": OFF_POLICY},
    }


def look_at(seed: int, agents: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run what is missing of the sweeps on a market in a folder of its own, and return their figures."""
    settings = settings_of(seed, agents, folder)
    check_costs(settings)
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    finals = [f"seed_{seed}/sharpe.json" for seed in SEEDS["final"]]
    targets = ["results/markets/planted/oracle.parquet", f"results/sweeps/{agents[0]}_random/{BENCHMARK}"]
    for name, keys in settings["sweeps"].items():
        candidates = ["rank_1", "default"] if keys["optimizer"] == "random" else ["rank_1"]
        targets += [f"results/sweeps/{name}/backtest/{each}/{final}" for each in candidates for final in finals]
    run_pipeline(folder, "--configfile", config, "--", *targets)
    return figures_of(folder / "results", settings["sweeps"])


def settings_of(seed: int, agents: Iterable[str], folder: Path) -> dict[str, Any]:
    """Return the config.yaml of a market and its sweeps, and write the search space that the checkout does not have."""
    space = folder / "off_policy.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    space.write_text(yaml.safe_dump(OFF_POLICY), encoding="utf-8")
    test_start = pd.bdate_range(FIRST_DAY, periods=DAYS)[DAYS_BEFORE_TEST]
    market = MARKET | {"seed": seed, "days": DAYS, "test_start": f"{test_start:%Y-%m-%d}"}
    sweeps = {}
    for agent in agents:
        of_agent = {"agent": agent, "market": "planted", "seed": seed}
        of_agent["search_space"] = "ppo_plan" if agent == "ppo" else str(space)
        for name, keys in SWEEPS[agent].items():
            optimizer = name.removesuffix("_continued").removesuffix("_steps").removesuffix("_runs")
            budget = {} if "interval" in keys else {"budget": BUDGETS[agent]}
            sweeps[f"{agent}_{name}"] = of_agent | {"optimizer": optimizer} | budget | keys
    return {
        "markets": {"planted": market},
        "folds": FOLDS,
        "features": {"turbulence_days": 60},
        "seeds": SEEDS,
        "backtest": {"top": 1},
        "sweeps": sweeps,
    }


def check_costs(settings: Mapping[str, Any]) -> None:
    """Check that the sweeps of an agent cost the same, as their schedules have it.

    Raises:
        ValueError: a sweep costs another number of vector steps than its agent's FULL_TRIALS.

    """
    for name, sweep in read_config(settings).sweeps.items():
        agent = sweep.keys.agent
        planned = sum(each.runs * each.steps for each in sweep_batches(sweep.schedule, sweep.continued_rounds))
        wanted = FULL_TRIALS[agent] * sweep.runs * BUDGETS[agent]
        if abs(planned / wanted - 1) > TOLERANCE:
            raise ValueError(f"{name} costs {planned} vector steps, the other sweeps of {agent} {wanted}")


def figures_of(results: Path, sweeps: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the sweeps of a market came to; Sharpe ratios are annual, and those without a trade are 0."""
    market = results / "markets" / "planted"
    benchmarks = [fold["benchmark"] for fold in read_json(market / "baselines.json")]
    found: dict[str, dict[str, Any]] = {}
    for name, keys in sweeps.items():
        of_sweep = results / "sweeps" / name
        trials = folders(below(TRIAL, SWEEP), of_sweep)
        curve = progress([read_score(trial / "score.json") for trial in trials], statistics.mean(benchmarks))
        found[name] = {
            "agent": keys["agent"],
            "trials": len(trials),
            "sharpe": traded(of_sweep, "rank_1"),
            "vector_steps": curve[-1][0],
            "curve": curve,
            "cpu_s": cpu_seconds(*of_sweep.glob("round_*")),
        }
        if keys["optimizer"] == "random":
            found[name]["default"] = traded(of_sweep, "default")
    kept = {
        "oracle": market / "oracle.parquet",
        "benchmark": results / "sweeps" / next(iter(sweeps)) / BENCHMARK,
    }
    return {name: sharpe_ratio(read_returns(path).to_numpy()) for name, path in kept.items()} | {"sweeps": found}


def traded(of_sweep: Path, candidate: str) -> list[float]:
    """Return the Sharpe ratios on the test days of a candidate of the backtest, one per final seed."""
    paths = [of_sweep / f"backtest/{candidate}/seed_{seed}/sharpe.json" for seed in SEEDS["final"]]
    return [read_json(path)["sharpe"] or 0.0 for path in paths]


def progress(scores: Sequence[Score], benchmark: float) -> list[tuple[int, float | None]]:
    """Return the vector steps of a sweep after each of its trials, and the best score up to there less the benchmark's.

    A trial counts as soon as all runs have judged it, at whatever budget: a policy that good is then there. A trial
    that goes on from another costs what it adds.
    """
    runs = max(len(score.runs) for score in scores)
    steps, best, curve = 0, None, list[tuple[int, float | None]]()
    for score in scores:
        steps += len(score.runs) * (score.budget - (score.phases[-1]["budget"] if score.phases else 0))
        if score.score is not None and len(score.runs) == runs:
            best = max(score.score - benchmark, -math.inf if best is None else best)
        curve.append((steps, best))
    return curve


def cost_to_reach(curve: Iterable[tuple[int, float | None]], value: float, whole: int) -> float:
    """Return the share of ``whole`` vector steps after which a sweep first has a score of this value, or infinity."""
    return next((steps / whole for steps, best in curve if best is not None and best >= value), math.inf)


def rows_of(markets: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each agent's default configuration and for each of its sweeps: means over the markets."""
    rows: list[dict[str, Any]] = []
    for agent, optimizers in SWEEPS.items():
        own = [market for market in markets if market["sweeps"].keys() >= {f"{agent}_{name}" for name in optimizers}]
        if not own:
            continue
        whole = FULL_TRIALS[agent] * FOLDS["count"] * len(SEEDS["tuning"]) * BUDGETS[agent]
        best = [max(market["sweeps"][f"{agent}_{name}"]["curve"][-1][1] for name in optimizers) for market in own]
        random = shares_of_oracle(own, f"{agent}_random")
        rows.append(row("default", agent, shares_of_oracle(own, f"{agent}_random", "default"), random))
        for name in optimizers:
            of_sweep = [market["sweeps"][f"{agent}_{name}"] for market in own]
            reached = [
                cost_to_reach(each["curve"], CLOSE * value, whole) for each, value in zip(of_sweep, best, strict=True)
            ]
            rows.append(
                row(name, agent, shares_of_oracle(own, f"{agent}_{name}"), random)
                | {
                    "cost": statistics.mean(each["vector_steps"] for each in of_sweep) / whole,
                    "cost_to_reach": statistics.median(reached) if math.isfinite(statistics.median(reached)) else None,
                    "reached": sum(map(math.isfinite, reached)),
                    "cpu_s": statistics.mean(each["cpu_s"] for each in of_sweep),
                }
            )
    correct_for_many([each for each in rows if "cost" in each])
    return rows


def shares_of_oracle(markets: Iterable[Mapping[str, Any]], sweep: str, what: str = "sharpe") -> list[float]:
    """Return the gain of a sweep's incumbent, or its default, on each market, as a share of the oracle's."""
    return [
        (statistics.mean(market["sweeps"][sweep][what]) - market["benchmark"])
        / (market["oracle"] - market["benchmark"])
        for market in markets
    ]


def row(name: str, agent: str, shares: Sequence[float], random: Sequence[float]) -> dict[str, Any]:
    """Return the mean share of the oracle and the mean difference to random search, paired by market."""
    return {
        "agent": agent,
        "optimizer": name,
        "markets": len(shares),
        "share": statistics.mean(shares),
        "share_se": standard_error(np.array(shares)),
        **paired(shares, random),
    }


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| agent | optimizer | share of the oracle's gain, unseen days | beyond random search | cost | cost to reach "
        f"{CLOSE:.0%} of the best | CPU s of a sweep |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in rows:
        cells = [each["agent"], each["optimizer"], with_error(each["share"], each["share_se"])]
        cells.append("" if each["optimizer"] == "random" else with_error(each["gap"], each["gap_se"], "+"))
        if "cost" in each:
            late = "—" if each["cost_to_reach"] is None else f"{each['cost_to_reach']:.0%}"
            reached = f"{late} ({each['reached']} of {each['markets']} markets)"
            cells += [f"{each['cost']:.0%}", reached, f"{each['cpu_s']:.0f}"]
        else:
            cells += ["", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def spelled(of_row: Mapping[str, Any]) -> str:
    """Return how a sweep is told apart: its name, and how far it is beyond random search."""
    return f"{of_row['agent']} {of_row['optimizer']} ({of_row['gap']:+.0%})"


def with_error(value: float, error: float | None, sign: str = "") -> str:
    """Return a share in percent with its standard error."""
    return f"{100 * value:{sign}.0f} %" + ("" if error is None else f" ± {100 * error:.0f}")


if __name__ == "__main__":
    tyro.cli(main)

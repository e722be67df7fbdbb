"""Which score chooses the best configuration, and by how many folds and seeds? Decided where the truth is known.

On each market ten configurations of the seed plan's PPO space are trained on every fold with every seed, and the
sealed backtest trades them all. One round proposes without scores, so the same runs serve every objective, every way to
make one score of several runs, and every number of folds and seeds: what each of them would have chosen, and what that
earned on days that no sweep has read. ``python benchmarks/choices.py`` writes ``benchmarks/choices.csv``, a row per
run, and ``benchmarks/choices.json``, and prints tables; it takes some 35 minutes of CPU time. ``--markets`` takes
less. A run that was stopped goes on where it was.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tyro
import yaml
from numpy.typing import NDArray
from scipy.stats import trim_mean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.paired import correct_for_many, paired, told_apart
from benchmarks.pipeline import run_pipeline
from benchmarks.record import machine
from workflow_scripts.data.synthetic import FIRST_DAY
from workflow_scripts.sweeps.objectives import mean_minus_standard_error, standard_error
from workflow_scripts.sweeps.scoring import score_of
from workflow_scripts.training.trials import read_trial
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.paths import BASELINE_RETURNS, CANDIDATE, RUN, SWEEP, TRIAL, below, folders

Array = NDArray[np.float64]

TABLE, RESULTS, VERDICTS = (Path(__file__).with_name(name) for name in ("choices.csv", "choices.json", "verdicts.json"))
FOLDER = Path(tempfile.gettempdir()) / "foldsweep_choices"
# What a unit of the signal adds to a ticker's expected return of the next day, and the seeds of the markets.
KINDS = {"strong": (0.0015, range(31, 34)), "medium": (0.0007, range(11, 14)), "noise": (0.0, range(21, 22))}
MARKETS = tuple(f"{kind}_{seed}" for kind, (_, seeds) in KINDS.items() for seed in seeds)
DAYS, DAYS_BEFORE_TEST, TICKERS = 5600, 2600, 10
FOLDS = {"count": 4, "train_days": 1500, "validation_days": 250, "purge_days": 5}
SEEDS = {"tuning": [0, 1, 2], "final": [100, 101, 102]}
CONFIGURATIONS, BUDGET = 10, 12_288
SWEEP_NAME = "design"
OBJECTIVES = ("sharpe", "excess_sharpe", "sortino", "calmar", "omega")
SHIPPED = ("sharpe", "mean", 3, 2)  # objective, aggregation, folds and seeds of config.yaml


def centred(aggregate: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Return the same of values (configurations, runs) less what all configurations have in a run in the mean."""
    return lambda values: aggregate(values - values.mean(axis=0))


def mean_less_error(values: Array) -> Array:
    """Return each configuration's mean less its standard error, of values (configurations, runs)."""
    return np.array([mean_minus_standard_error(row) for row in values])


AGGREGATIONS: dict[str, Callable[[Array], Array]] = {
    "mean": lambda values: values.mean(axis=1),
    "median": lambda values: np.median(values, axis=1),
    "interquartile mean": lambda values: trim_mean(values, 0.25, axis=1),
    "worst run": lambda values: values.min(axis=1),
    "mean - SE": mean_less_error,
    "centred median": centred(lambda values: np.median(values, axis=1)),
    "centred mean - SE": centred(mean_less_error),
}


def main(markets: tuple[str, ...] = MARKETS, folder: Path = FOLDER) -> None:
    """Run the markets, print what is chosen over all that there are, write table and figures.

    Args:
        markets: markets to look at.
        folder: where the results are kept.

    """
    known = [pd.read_csv(TABLE)] if TABLE.exists() else []
    for market in markets:
        known = [rows[rows["market"] != market] for rows in known]
        known.append(pd.DataFrame(runs_of(market, folder / market)))
        pd.concat(known).round(5).to_csv(TABLE, index=False)
    found = decided(pd.read_csv(TABLE))
    RESULTS.write_text(json.dumps({"machine": machine()} | found, indent=1) + "\n", encoding="utf-8")
    print(table(found["references"]), end="\n\n")
    for part in ("scores", "sizes"):
        print(table(found[part]))
        print(told_apart(found[part], spelled, "the shipped choice", found["markets"]), end="\n\n")
    print(table_of_intervals(found["intervals"]))


def runs_of(market: str, folder: Path) -> list[dict[str, Any]]:
    """Run what is missing on a market in a folder of its own, and return a row per run."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(settings_of(market)), encoding="utf-8")
    ranks = [f"rank_{place + 1}" for place in range(CONFIGURATIONS)]
    candidates = [CANDIDATE.format(sweep=SWEEP_NAME, candidate=rank) for rank in ranks]
    finals = [f"{candidate}/seed_{seed}/sharpe.json" for candidate in candidates for seed in SEEDS["final"]]
    run_pipeline(folder, "--configfile", config, "--", *finals)
    unseen = {
        read_trial(folder / candidate / "config.yaml").trial: statistics.mean(
            read_json(folder / candidate / f"seed_{seed}/sharpe.json")["sharpe"] or 0.0 for seed in SEEDS["final"]
        )
        for candidate in candidates
    }
    trials = folders(below(TRIAL, SWEEP), folder / SWEEP.format(sweep=SWEEP_NAME))
    return [
        {"market": market, "configuration": place, **run, "unseen": unseen[place]}
        for place, trial in enumerate(trials)
        for run in judged(trial, [folder / BASELINE_RETURNS.format(market=market, fold=fold) for fold in range(4)])
    ]


def settings_of(market: str) -> dict[str, Any]:
    """Return the config.yaml of a market with its one round."""
    kind, _, seed = market.partition("_")
    strength = KINDS[kind][0]
    law = {"source": "planted", "signal_strength": strength} if strength else {"source": "noise"}
    test_start = pd.bdate_range(FIRST_DAY, periods=DAYS)[DAYS_BEFORE_TEST]
    made = {"seed": int(seed), "days": DAYS, "ticker_count": TICKERS, "test_start": f"{test_start:%Y-%m-%d}"}
    return {
        "markets": {market: law | made},
        "folds": FOLDS,
        "features": {"turbulence_days": 60},
        "seeds": SEEDS,
        "backtest": {"top": CONFIGURATIONS},
        "sweeps": {
            SWEEP_NAME: {
                "agent": "ppo",
                "market": market,
                "search_space": "ppo_plan",
                "optimizer": "sobol",
                "rounds": 1,
                "round_size": CONFIGURATIONS,
                "budget": BUDGET,
                "seed": int(seed),
            }
        },
    }


def judged(trial: Path, benchmarks: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Yield what each run of a trial is worth by every objective; nothing where one is undefined."""
    runs = [run / "sharpe.json" for run in folders(below(RUN, TRIAL), trial)]
    for run in score_of(trial / "config.yaml", runs, benchmarks, "excess_sharpe").runs:
        values = run["measures"] | {"excess_sharpe": run["value"]}
        yield {"fold": run["fold"], "seed": run["seed"]} | {name: values[name] for name in OBJECTIVES}


@dataclass(frozen=True)
class Market:
    """What the configurations are worth on a market.

    Attributes:
        values: by objective, (configurations, folds, seeds); not a number where a run has no value.
        unseen: (configurations,) Sharpe ratio on the test days, the mean of the final seeds. The first is the default.

    """

    values: Mapping[str, Array]
    unseen: Array

    @classmethod
    def of(cls, runs: pd.DataFrame) -> "Market":
        """Return a market from its rows of the table."""
        by = ["configuration", "fold", "seed"]
        runs = runs.sort_values(by)
        shape = [runs[name].nunique() for name in by]
        values = {name: runs[name].to_numpy(np.float64).reshape(shape) for name in OBJECTIVES}
        return cls(values, runs.groupby("configuration")["unseen"].first().to_numpy(np.float64))

    def chosen(self, objective: str, aggregation: str, folds: int, seeds: int) -> float:
        """Return what the chosen configuration earns on unseen days: the mean over all choices of folds and seeds."""
        values = self.values[objective]
        _, all_folds, all_seeds = values.shape
        picked = product(combinations(range(all_folds), folds), combinations(range(all_seeds), seeds))
        return statistics.mean(
            float(self.unseen[best(values[:, of_folds][:, :, of_seeds], AGGREGATIONS[aggregation])])
            for of_folds, of_seeds in picked
        )


def best(values: Array, aggregate: Callable[[Array], Array]) -> int:
    """Return the configuration with the best score, of (configurations, folds, seeds); one without a value loses.

    Raises:
        ValueError: every configuration lacks a value.

    """
    by_run = values.reshape(len(values), -1)
    whole = np.flatnonzero(~np.isnan(by_run).any(axis=1))
    if not len(whole):
        raise ValueError(f"each of {len(values)} configurations has a run without a value")
    return int(whole[aggregate(by_run[whole]).argmax()])


def decided(runs: pd.DataFrame) -> dict[str, Any]:
    """Return what each way to choose earned, from the table of all runs.

    ``references`` has what needs no score; ``scores`` a row per objective and aggregation, with the folds and seeds of
    config.yaml; ``sizes`` one per number of folds and seeds, with its objective and aggregation. Differences are to the
    shipped way, paired by the planted markets.
    """
    markets = {str(name): Market.of(rows) for name, rows in runs.groupby("market", sort=False)}

    def row(names: dict[str, Any], earned: Callable[[Market], float]) -> dict[str, Any]:
        by_kind: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for name, market in markets.items():
            by_kind[name.partition("_")[0]].append(earned(market))
        planted = [market for name, market in markets.items() if not name.startswith("noise")]
        chosen, shipped = ([how(market) for market in planted] for how in (earned, lambda each: each.chosen(*SHIPPED)))
        lost = [float(market.unseen.max()) - value for market, value in zip(planted, chosen, strict=True)]
        means = {kind: statistics.mean(values) if values else None for kind, values in by_kind.items()}
        return (
            names
            | means
            | {"regret": statistics.mean(lost), "regret_se": standard_error(np.array(lost))}
            | paired(chosen, shipped)
        )

    objective, aggregation, folds, seeds = SHIPPED
    references: dict[str, Callable[[Market], float]] = {
        "the best configuration": lambda market: float(market.unseen.max()),
        "the shipped choice": lambda market: market.chosen(*SHIPPED),
        "a random configuration": lambda market: float(market.unseen.mean()),
        "the default configuration": lambda market: float(market.unseen[0]),
    }
    found = {
        "references": [row({"choice": name}, earned) for name, earned in references.items()],
        "scores": [
            row({"objective": each, "aggregation": by}, lambda market, a=(each, by): market.chosen(*a, folds, seeds))
            for each, by in product(OBJECTIVES, AGGREGATIONS)
        ],
        "sizes": [
            row({"folds": f, "seeds": s}, lambda market, a=(f, s): market.chosen(objective, aggregation, *a))
            for f, s in product(range(1, FOLDS["count"] + 1), range(1, len(SEEDS["tuning"]) + 1))
        ],
    }
    for rows in found.values():
        correct_for_many(rows)
    planted = sum(not name.startswith("noise") for name in markets)
    return {"shipped": SHIPPED, "markets": planted, **found, "intervals": intervals(read_json(VERDICTS)["methods"])}


def intervals(laws: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how far the size of a test at 5 % is off by each method: what benchmarks/verdicts.py found, law by law."""
    methods = [name for name in laws[0] if name != "law"]
    off = {name: [abs(law[name] - 0.05) for law in laws] for name in methods}
    rows = [{"method": name, "off": statistics.mean(values), "worst": max(values)} for name, values in off.items()]
    return sorted(rows, key=lambda row: row["off"])


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table: Sharpe ratios on unseen days, off the best and the shipped."""
    kinds = [kind for kind in KINDS if rows[0][kind] is not None]
    names = [name for name in ("choice", "objective", "aggregation", "folds", "seeds") if name in rows[0]]
    columns = [*names, *kinds, "regret", "beyond the shipped choice"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for each in rows:
        cells = [*(str(each[name]) for name in names), *(f"{each[kind]:.2f}" for kind in kinds)]
        cells += [with_error(each["regret"], each["regret_se"]), with_error(each["gap"], each["gap_se"], "+")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def table_of_intervals(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the methods of an interval as a Markdown table, in points of a test's size."""
    lines = ["| interval by | size off 5 %, mean over the laws | worst law |", "|---|---|---|"]
    lines += [f"| {row['method']} | {100 * row['off']:.1f} | {100 * row['worst']:.1f} |" for row in rows]
    return "\n".join(lines)


def with_error(value: float, error: float | None, sign: str = "") -> str:
    """Return a Sharpe ratio with its standard error."""
    return f"{value:{sign}.2f}" + ("" if error is None else f" ± {error:.2f}")


def spelled(row: Mapping[str, Any]) -> str:
    """Return how a way to choose is told apart: its name, and how far it is beyond the shipped one."""
    name = f"{row['objective']} by {row['aggregation']}" if "objective" in row else f"{row['folds']} x {row['seeds']}"
    return f"{name} ({row['gap']:+.2f})"


if __name__ == "__main__":
    tyro.cli(main)

"""Are the answers of a verdict right as often as they say? Size and power by simulation.

Returns have a benchmark and agents that correlate with it, on markets where nothing is there (size: how often p < .05,
nominal 5 %) and where something is (power: an information ratio of 1, or of 2 for one trial among many).

- ``seeds``: skill (Sharpe difference and alpha) and tuning, for five laws, three correlations, three lengths, seeds
  alike (their active returns correlate by .9, one skill) and unlike (by .3, skills with a standard deviation of one
  information ratio around a mean of zero).
- ``selection``: the best of 12 or 50 trials whose active returns correlate by .5.
- ``methods``: one pair of series, by every method at hand: why the long-run variance is the cosines'.

Laws: ``iid`` normal, ``t4`` Student's t with four degrees of freedom, ``garch`` (.1, .88) with one volatility for all
series, ``ar_4`` and ``ar_6`` active returns with autocorrelation .4 and .6. Prints a Markdown table a part, writes
``benchmarks/verdicts.json`` and ``docs/verdicts.svg``. ``python benchmarks/verdicts.py [share]`` takes some
fourteen CPU minutes; a share of .03 takes a half and says little.

Found at 1000 repetitions a cell (standard error .7 points), 400 of ``selection`` (1.1): median sizes 4.9, 5.0, 5.0 and
4.5 % of skill by Sharpe ratio, by alpha, tuning and selection. At most 7.3 % but for one cell of 90, autocorrelation
.4, correlation .999, 2520 days, seeds unlike: 8.2 and 8.1 % by Sharpe ratio and alpha. The same cell with 4000 other
draws shows 5.3 % for both (standard error .4), so that the draw was at fault and not the method. All have five seeds;
the docstring of ``mean_over_seeds`` has two, three and ten. Selection has little power over a year: 37 % at an
information ratio of 2 where days are independent and normal, 12 % at autocorrelation .4.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import norm

from benchmarks.record import machine
from workflow_scripts.analysis.figures import figure
from workflow_scripts.analysis.inference.answers import selection_answer
from workflow_scripts.analysis.inference.differences import (
    Estimand,
    bootstrap_sharpe_difference,
    difference,
    sharpe_difference_hac_error,
)
from workflow_scripts.analysis.inference.seeds import mean_over_seeds
from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR
from workflow_scripts.workflow.files import write_json

Array = NDArray[np.float64]

HERE = Path(__file__).resolve().parent
LAWS = ("iid", "t4", "garch", "ar_4", "ar_6")
CORRELATIONS = (0.5, 0.9, 0.999)
DAYS = (252, 756, 2520)
SEEDS = {"alike": (0.9, 0.0), "unlike": (0.3, 1.0)}  # correlation of active returns, sd of information ratios
COUNT_OF_SEEDS = 5
BENCHMARK_SHARPE, SKILL, BEST_SKILL = 0.5, 1.0, 2.0
REPETITIONS, SELECTIONS, COMPARISONS = 1000, 400, 300
RESAMPLES = 199
SIZE = 0.05
BURN_IN = 200


def noise(rng: np.random.Generator, law: str, rows: int, days: int) -> tuple[Array, Array]:
    """Return a benchmark (days,) and active returns (rows, days), each of unit variance, of a law."""
    if law == "t4":
        drawn: Array = rng.standard_t(4, (rows + 1, days)) / np.sqrt(2)
        return drawn[0], drawn[1:]
    if law == "garch":
        normal = rng.standard_normal((rows + 1, days + BURN_IN))
        variance, deviations = 1.0, []
        for shock in normal[0]:
            deviations.append(variance**0.5)
            variance *= 0.88 + 0.1 * shock * shock
            variance += 0.02
        drawn = normal[:, BURN_IN:] * np.asarray(deviations[BURN_IN:])
        return drawn[0], drawn[1:]
    benchmark, active = rng.standard_normal(days), rng.standard_normal((rows, days + BURN_IN))
    if law.startswith("ar"):
        persistence = int(law[-1]) / 10
        active = lfilter([np.sqrt(1 - persistence**2)], [1, -persistence], active, axis=1)
    return benchmark, active[:, BURN_IN:]


def agents(
    rng: np.random.Generator, law: str, correlation: float, days: int, seeds: str, configurations: int
) -> tuple[Array, Array, Array]:
    """Return returns without skill: a benchmark (days,), agents (configurations, seeds, days), skills of the seeds.

    The agents' mean is zero plus skill, to which the caller adds the mean of its null.
    """
    alike, spread = SEEDS[seeds]
    shape = (configurations, COUNT_OF_SEEDS, days)
    benchmark, active = noise(rng, law, configurations * (COUNT_OF_SEEDS + 1), days)
    common, own = active[:configurations], active[configurations:].reshape(shape)
    mixed = np.sqrt(alike) * common[:, None] + np.sqrt(1 - alike) * own
    skills = daily(spread * rng.standard_normal((*shape[:2], 1)), correlation)
    return benchmark, correlation * benchmark + np.sqrt(1 - correlation**2) * mixed + skills, skills


def daily(information_ratio: Any, correlation: float) -> Any:
    """Return the mean per day, in units of a day's standard deviation, of an annual information ratio."""
    return information_ratio * np.sqrt(2 * (1 - correlation) / TRADING_DAYS_A_YEAR)


def p_and_sign(returns: Array, rivals: Array, estimand: Estimand) -> tuple[float, float]:
    """Return p-value and estimate as the answers of skill and tuning compute them."""
    result = mean_over_seeds(*difference(returns, rivals, estimand))
    return result.p_value(), result.estimate


def of_seeds(repetitions: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each cell of the answers of skill and tuning."""
    level = BENCHMARK_SHARPE / np.sqrt(TRADING_DAYS_A_YEAR)
    for number, cell in enumerate(product(LAWS, CORRELATIONS, DAYS, SEEDS)):
        law, correlation, days, seeds = cell
        rng = np.random.default_rng([1, number])
        gain = daily(SKILL, correlation)
        draws: dict[str, list[tuple[float, float]]] = {}
        for _ in range(repetitions):
            benchmark, (tuned, default), _ = agents(rng, law, correlation, days, seeds, 2)
            benchmark = benchmark + level
            questions: tuple[tuple[str, Estimand, Array, float], ...] = (
                ("skill_sharpe", "sharpe", benchmark, level),
                ("skill_alpha", "alpha", benchmark, correlation * level),
                ("tuning", "sharpe", default + level, level),
            )
            for name, estimand, rivals, mean in questions:
                draws.setdefault(name, []).append(p_and_sign(tuned + mean, rivals, estimand))
                with_skill = p_and_sign(tuned + mean + gain, rivals, estimand)
                draws.setdefault(f"{name}_power", []).append(with_skill)
        row: dict[str, Any] = {"law": law, "correlation": correlation, "days": days, "seeds": seeds}
        for name in ("skill_sharpe", "skill_alpha", "tuning"):
            nothing, something = np.array(draws[name]), np.array(draws[f"{name}_power"])
            row[name] = {
                "size": float(np.mean(nothing[:, 0] < SIZE)),
                "wrong_yes": float(np.mean((nothing[:, 0] < SIZE) & (nothing[:, 1] > 0))),
                "power": float(np.mean((something[:, 0] < SIZE) & (something[:, 1] > 0))),
            }
        yield row


def of_selection(repetitions: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each cell of the answer about luck of selection."""
    cells = [*product(LAWS, (252, 756), (12,)), ("iid", 756, 50), ("ar_4", 756, 50)]
    level = BENCHMARK_SHARPE / np.sqrt(TRADING_DAYS_A_YEAR)
    correlation = 0.9
    for number, (law, days, trials) in enumerate(cells):
        rng = np.random.default_rng([2, number])
        found: dict[str, list[float]] = {"nothing": [], "something": []}
        for repetition in range(repetitions):
            benchmark, active = noise(rng, law, trials + 1, days)
            mixed = np.sqrt(0.5) * (active[:1] + active[1:])
            returns = level + correlation * benchmark + np.sqrt(1 - correlation**2) * mixed
            found["nothing"].append(best_of(returns, benchmark + level, repetition))
            if repetition < repetitions // 4:
                returns[0] += daily(BEST_SKILL, correlation)
                found["something"].append(best_of(returns, benchmark + level, repetition))
        shares = {name: float(np.mean(np.array(values) < SIZE)) for name, values in found.items()}
        yield {
            "law": law,
            "days": days,
            "trials": trials,
            "selection": {"size": shares["nothing"], "power": shares["something"]},
        }


def best_of(returns: Array, benchmark: Array, seed: int) -> float:
    """Return the p-value of the answer about luck of selection."""
    answer = selection_answer(list(returns), benchmark, resamples=RESAMPLES, seed=seed, second_opinions=False)
    assert answer.p_value is not None
    return answer.p_value


def of_methods(repetitions: int) -> Iterator[dict[str, Any]]:
    """Yield, for each law, the sizes of tests of one Sharpe difference (252 days, correlation .9) by every method."""
    days, correlation = 252, 0.9
    level = BENCHMARK_SHARPE / np.sqrt(TRADING_DAYS_A_YEAR)
    for number, law in enumerate(LAWS):
        rng = np.random.default_rng([3, number])
        found: dict[str, list[float]] = {}
        for repetition in range(repetitions):
            benchmark, active = noise(rng, law, 1, days)
            own = level + correlation * benchmark + np.sqrt(1 - correlation**2) * active[0]
            rival = benchmark + level
            values, influences = difference(own[None], rival, "sharpe")
            found.setdefault("cosines, t", []).append(mean_over_seeds(values, influences).p_value())
            independent = float(influences.std()) / days**0.5
            found.setdefault("independent days", []).append(2 * norm.sf(abs(values[0]) / independent))
            for prewhiten, name in ((False, "Parzen"), (True, "Parzen, prewhitened")):
                error = sharpe_difference_hac_error(own, rival, prewhiten)
                found.setdefault(name, []).append(2 * norm.sf(abs(values[0]) / error))
            for block in (5, 10):
                p_value = bootstrap_sharpe_difference(own, rival, block, RESAMPLES, seed=repetition).p_value
                found.setdefault(f"bootstrap, block {block}", []).append(p_value)
        yield {"law": law} | {name: float(np.mean(np.array(values) <= SIZE)) for name, values in found.items()}


def sizes(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the sizes of every answer over the cells."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, dict):
                found.setdefault(name, []).append(value["size"])
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as a Markdown table: sizes and powers in percent."""
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = []
        for value in row.values():
            if isinstance(value, dict):
                cells.append(f"{100 * value['size']:.1f} ({100 * value['power']:.0f})")
            else:
                # The only bare numbers with a fraction are the methods' sizes and the cells' correlations.
                cells.append(f"{100 * value:.1f}" if isinstance(value, float) and "seeds" not in row else str(value))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the size of each cell by law and answer, with the band that is asked for."""
    names = {"skill_sharpe": "#0072B2", "skill_alpha": "#E69F00", "tuning": "#009E73", "selection": "#CC79A7"}
    with figure(path, legend_columns=5) as axes:
        axes.axhspan(3, 7, color="#eeeeee", label="asked for in the median")
        axes.axhline(8, color="#D55E00", linewidth=1)
        for place, (name, colour) in enumerate(names.items()):
            points = [(LAWS.index(row["law"]), 100 * row[name]["size"]) for row in rows if name in row]
            jitter = np.linspace(-0.07, 0.07, max(1, len(points)))
            across = [law + 0.2 * (place - 1.5) + shift for (law, _), shift in zip(points, jitter, strict=True)]
            axes.scatter(across, [size for _, size in points], s=14, color=colour, label=name.replace("_", " "))
        axes.set_xticks(range(len(LAWS)), [law.replace("_", " .") for law in LAWS])
        axes.set_ylabel("rejections where nothing is there, %")
        axes.set_ylim(0, None)
        axes.set_title("A verdict's answers at 5 %: each point one cell, the line at 8 %")


def main() -> None:
    """Simulate, print the tables, write JSON and plot."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    counts = {
        "seeds": max(20, round(REPETITIONS * share)),
        "selection": max(20, round(SELECTIONS * share)),
        "methods": max(20, round(COMPARISONS * share)),
    }
    parts: dict[str, list[dict[str, Any]]] = {}
    print(machine())
    for name, simulate in (("methods", of_methods), ("selection", of_selection), ("seeds", of_seeds)):
        start, rows = time.process_time(), []
        for row in simulate(counts[name]):
            rows.append(row)
            print(row, file=sys.stderr, flush=True)
        parts[name] = rows
        spent = (time.process_time() - start) / 60
        print(f"\n{name}: size (power) in %, {counts[name]} repetitions a cell, {spent:.1f} CPU minutes\n")
        print(table(rows), flush=True)
    judged = parts["seeds"] + parts["selection"]
    summary = {
        name: {
            "median": statistics.median(values),
            "largest": max(values),
            "smallest": min(values),
            "cells": len(values),
        }
        for name, values in sizes(judged).items()
    }
    for name, numbers in summary.items():
        found = ", ".join(f"{key} {100 * numbers[key]:.1f} %" for key in ("median", "smallest", "largest"))
        print(f"\n{name}: {numbers['cells']} cells, {found}")
    write_json(HERE / "verdicts.json", {"summary": summary, "repetitions": counts, **parts})
    draw(judged, HERE.parent / "docs" / "verdicts.svg")


if __name__ == "__main__":
    main()

"""The rule judge_sweep: do the test days support a claim?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tyro
from numpy.typing import NDArray

from workflow_scripts.analysis.statistics import (
    annualised_sharpes,
    bootstrap_mean_sharpes,
    expected_maximum_sharpe,
    percentile_interval,
    probabilistic_sharpe_ratio,
)
from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR
from workflow_scripts.sweeps.history import Score, at_full_budget, rank, read_score
from workflow_scripts.training.sharpe import RunResult, read_result, read_returns
from workflow_scripts.workflow.files import write_json
from workflow_scripts.workflow.jobs import start_job

TUNED = "rank_1"
RIVALS = ("default", "equal_weight", "buy_and_hold", "untrained")


def judge_sweep(
    sweep: str,
    scores: tuple[Path, ...],
    backtests: tuple[Path, ...],
    baselines: tuple[Path, ...],
    resamples: int,
    confidence: float,
    verdict: Path,
) -> None:
    """Write what the test days say of the tuned configuration, with intervals, and one plain sentence.

    Args:
        sweep: name of the sweep.
        scores: score.json of every trial.
        backtests: returns.parquet of every candidate and final seed, with their sharpe.json beside them.
        baselines: returns.parquet of every baseline.
        resamples: bootstrap resamples behind each interval.
        confidence: coverage of the intervals.
        verdict: the JSON file to write.

    """
    log = start_job("judge_sweep")
    results = _results(backtests)
    broken = {name: reason for name, runs in results.items() if (reason := _why_not(runs))}
    series = _series(backtests, baselines, leave_out=set(broken))
    draws = bootstrap_mean_sharpes(series, resamples, seed=0)
    entries: dict[str, dict[str, Any]] = {
        name: {
            "sharpe": float(annualised_sharpes(rows).mean()),
            "interval": percentile_interval(draws[name], confidence),
            "seeds": len(rows),
        }
        for name, rows in series.items()
    }
    differences = {
        rival: {
            "sharpe": entries[TUNED]["sharpe"] - entries[rival]["sharpe"],
            "interval": percentile_interval(draws[TUNED] - draws[rival], confidence),
        }
        for rival in RIVALS
        if TUNED in entries and rival in entries
    }
    sentence = _sentence(differences, broken, entries, confidence)
    write_json(
        verdict,
        {
            "sweep": sweep,
            "test_days": next(iter(series.values())).shape[1],
            "confidence": confidence,
            "resamples": resamples,
            "sharpe": entries,
            "not_judged": broken,
            "difference_of_rank_1_to": differences,
            "validation": _deflated([read_score(path) for path in scores]),
            "sentence": sentence,
        },
    )
    log.info(sentence)


def _results(backtests: tuple[Path, ...]) -> dict[str, list[RunResult]]:
    results: dict[str, list[RunResult]] = {}
    for path in backtests:
        results.setdefault(path.parent.parent.name, []).append(read_result(path.with_name("sharpe.json")))
    return results


def _why_not(runs: list[RunResult]) -> str | None:
    """Return why a candidate has no mean Sharpe ratio: a mean over the runs that survived would flatter it."""
    bad = [run for run in runs if run.status != "ok"]
    return f"{len(bad)} of {len(runs)} runs {bad[0].status}: {bad[0].reason}" if bad else None


def _series(
    backtests: tuple[Path, ...], baselines: tuple[Path, ...], leave_out: set[str]
) -> dict[str, NDArray[np.float64]]:
    """Return daily returns (seeds, days) by candidate and baseline.

    Raises:
        ValueError: the files are not about the same days.

    """
    runs: dict[str, list[pd.Series]] = {path.parent.name: [read_returns(path)] for path in baselines}
    for path in backtests:
        if (name := path.parent.parent.name) not in leave_out:
            runs.setdefault(name, []).append(read_returns(path))
    days = next(iter(runs.values()))[0].index
    for name, rows in runs.items():
        for row in rows:
            if not row.index.equals(days):
                raise ValueError(f"{name} traded {len(row)} days and the baselines {len(days)}: not the same test days")
    return {name: np.stack([row.to_numpy(dtype=np.float64) for row in rows]) for name, rows in runs.items()}


def _deflated(scores: list[Score]) -> dict[str, Any]:
    """Return the deflated Sharpe ratio of the incumbent on the validation days, whichever objective chose it."""
    judged = [score for score in rank(at_full_budget(scores)) if score.score is not None]
    best = judged[0]
    runs = pd.DataFrame([run | run["measures"] for run in best.runs])
    days = int(runs.groupby("fold")["days"].first().sum())
    sharpes = [np.mean([run["sharpe"] for run in score.runs], dtype=np.float64) for score in judged]
    daily = np.asarray(sharpes) / np.sqrt(TRADING_DAYS_A_YEAR)
    hurdle = expected_maximum_sharpe(len(judged), float(daily.var(ddof=1)) if len(judged) > 1 else 0.0)
    return {
        "objective": best.objective,
        "trials": len(scores),
        "trials_with_a_score": len(judged),
        "best_score": best.score,
        "validation_days": days,
        "expected_best_score_without_skill": hurdle * float(np.sqrt(TRADING_DAYS_A_YEAR)),
        "deflated_sharpe_ratio": probabilistic_sharpe_ratio(
            daily[0], hurdle, days, float(runs["skewness"].mean()), float(runs["kurtosis"].mean())
        ),
    }


def _sentence(
    differences: Mapping[str, Mapping[str, Any]],
    broken: Mapping[str, str],
    entries: Mapping[str, Mapping[str, Any]],
    confidence: float,
) -> str:
    if TUNED in broken:
        return f"No claim: the tuned configuration could not be judged on the test days ({broken[TUNED]})."
    level = f"{confidence:.0%} intervals"
    own = f"Sharpe {entries[TUNED]['sharpe']:.2f}"
    shown = [
        f"{rival.replace('_', ' ')} by {gap['sharpe']:+.2f} [{gap['interval'][0]:+.2f}, {gap['interval'][1]:+.2f}]"
        for rival, gap in differences.items()
        if rival in ("default", "equal_weight")
    ]
    better = [differences[rival]["interval"][0] > 0 for rival in ("default", "equal_weight") if rival in differences]
    worse = [differences[rival]["interval"][1] < 0 for rival in ("default", "equal_weight") if rival in differences]
    gaps = ", ".join(shown)
    if len(better) == 2 and all(better):
        return f"The test days support a claim: tuned, {own}, differs from {gaps}; both {level} lie above zero."
    if any(worse):
        return f"No claim: tuned, {own}, differs from {gaps}; at least one of the {level} lies below zero."
    if any(better):
        return f"Half a claim: tuned, {own}, differs from {gaps}; only one of the {level} lies above zero."
    return f"No difference that these data can show: tuned, {own}, differs from {gaps} ({level} that include zero)."


if __name__ == "__main__":
    tyro.cli(judge_sweep)

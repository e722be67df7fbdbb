"""The rule judge_sweep: do the test days support a claim?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.analysis.statistics import (
    annualised_sharpes,
    bootstrap_mean_sharpes,
    expected_maximum_sharpe,
    percentile_interval,
    probabilistic_sharpe_ratio,
)
from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR
from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.sweeps.history import Score, at_full_budget, rank, read_score
from workflow_scripts.sweeps.measures import Array, UndefinedError
from workflow_scripts.training.sharpe import RunResult, read_result
from workflow_scripts.workflow.files import write_json
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import candidate_of

TUNED = "rank_1"
CLAIMED = ("default", "equal_weight")
RIVALS = (*CLAIMED, "buy_and_hold", "untrained")


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
    test_days, series = _series(backtests, baselines, leave_out=set(broken))
    broken |= {name: reason for name, rows in series.items() if (reason := _constant(rows))}
    series = {name: rows for name, rows in series.items() if name not in broken}
    draws = bootstrap_mean_sharpes(series, resamples, seed=0) if series else {}
    entries: dict[str, dict[str, Any]] = {
        name: {
            "sharpe": float(annualised_sharpes(rows).mean()),
            **_interval(draws[name], confidence),
            "seeds": len(rows),
        }
        for name, rows in series.items()
    }
    differences = {
        rival: {
            "sharpe": entries[TUNED]["sharpe"] - entries[rival]["sharpe"],
            **_interval(draws[TUNED] - draws[rival], confidence),
        }
        for rival in RIVALS
        if TUNED in entries and rival in entries
    }
    sentence = _sentence(differences, broken, entries, confidence)
    write_json(
        verdict,
        {
            "sweep": sweep,
            "test_days": test_days,
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


def _interval(draws: Array, confidence: float) -> dict[str, Any]:
    """Return the interval of bootstrap draws, or the reason why there is none, and how many of them are undefined."""
    stated: dict[str, Any] = {"interval": None, "reason": None, "undefined_draws": int(np.isnan(draws).sum())}
    try:
        return stated | {"interval": percentile_interval(draws, confidence)}
    except UndefinedError as undefined:
        return stated | {"reason": str(undefined)}


def _results(backtests: tuple[Path, ...]) -> dict[str, list[RunResult]]:
    results: dict[str, list[RunResult]] = {}
    for path in backtests:
        results.setdefault(candidate_of(path), []).append(read_result(path.with_name("sharpe.json")))
    return results


def _why_not(runs: list[RunResult]) -> str | None:
    """Return why a candidate has no mean Sharpe ratio: a mean over the runs that survived would flatter it."""
    bad = [run for run in runs if run.status != "ok"]
    return f"{len(bad)} of {len(runs)} runs {bad[0].status}: {bad[0].reason}" if bad else None


def _constant(rows: Array) -> str | None:
    """Return why runs that traded have no mean Sharpe ratio."""
    undefined = int(np.isnan(annualised_sharpes(rows)).sum())
    return f"the daily returns of {undefined} of {len(rows)} runs do not vary" if undefined else None


def _series(
    backtests: tuple[Path, ...], baselines: tuple[Path, ...], leave_out: set[str]
) -> tuple[int, dict[str, Array]]:
    """Return the number of test days, and daily returns (seeds, days) by candidate and baseline.

    Raises:
        ValueError: the files are not about the same days.

    """
    files: dict[str, list[Path]] = {path.parent.name: [path] for path in baselines}
    for path in backtests:
        if (name := candidate_of(path)) not in leave_out:
            files.setdefault(name, []).append(path)
    days, _ = read_daily(baselines[0])
    series: dict[str, list[Array]] = {}
    for name, paths in files.items():
        for path in paths:
            own, columns = read_daily(path)
            if not np.array_equal(own, days):
                raise ValueError(f"{name} traded {len(own)} days and the baselines {len(days)}: not the same test days")
            series.setdefault(name, []).append(columns["daily_return"])
    return len(days), {name: np.stack(rows) for name, rows in series.items()}


def _deflated(scores: list[Score]) -> dict[str, Any]:
    """Return the deflated Sharpe ratio of the incumbent on the validation days, whichever objective chose it."""
    judged = [score for score in rank(at_full_budget(scores)) if score.score is not None]
    best = judged[0]
    days = sum({run["fold"]: int(run["days"]) for run in best.runs}.values())
    sharpes = [np.mean([run["sharpe"] for run in score.runs], dtype=np.float64) for score in judged]
    daily = np.asarray(sharpes) / np.sqrt(TRADING_DAYS_A_YEAR)
    hurdle = expected_maximum_sharpe(len(judged), float(daily.var(ddof=1)) if len(judged) > 1 else 0.0)
    deflated, reason = None, None
    try:
        moments = [_mean_measure(best, name) for name in ("skewness", "kurtosis")]
        deflated = probabilistic_sharpe_ratio(daily[0], hurdle, days, *moments)
    except UndefinedError as undefined:
        reason = str(undefined)
    return {
        "objective": best.objective,
        "trials": len(scores),
        "trials_with_a_score": len(judged),
        "best_score": best.score,
        "validation_days": days,
        "expected_best_score_without_skill": hurdle * float(np.sqrt(TRADING_DAYS_A_YEAR)),
        "deflated_sharpe_ratio": deflated,
        "reason": reason,
    }


def _mean_measure(score: Score, name: str) -> float:
    values = [run["measures"][name] for run in score.runs]
    if None in values:
        raise UndefinedError(f"{values.count(None)} of {len(values)} runs of the incumbent have no {name}")
    return float(np.mean(values))


def _sentence(
    differences: Mapping[str, Mapping[str, Any]],
    broken: Mapping[str, str],
    entries: Mapping[str, Mapping[str, Any]],
    confidence: float,
) -> str:
    if TUNED in broken:
        return f"No claim: the tuned configuration could not be judged on the test days ({broken[TUNED]})."
    level = f"{confidence:.0%} intervals"
    compared = {rival: differences.get(rival, {}) for rival in CLAIMED}
    intervals = [gap["interval"] for gap in compared.values() if gap.get("interval")]
    gaps = ", ".join(_gap(rival, gap, broken) for rival, gap in compared.items())
    differs = f"tuned, Sharpe {entries[TUNED]['sharpe']:.2f}, differs from {gaps}"
    better = sum(low > 0 for low, _ in intervals)
    if better == len(CLAIMED):
        return f"The test days support a claim: {differs}; both {level} lie above zero."
    if any(high < 0 for _, high in intervals):
        return f"No claim: {differs}; at least one of the {level} lies below zero."
    if better:
        return f"Half a claim: {differs}; only one of the {level} lies above zero."
    if len(intervals) < len(CLAIMED):
        return f"No claim: {differs}; where there is no interval nothing can be claimed."
    return f"No difference that these data can show: {differs} ({level} that include zero)."


def _gap(rival: str, gap: Mapping[str, Any], broken: Mapping[str, str]) -> str:
    name = rival.replace("_", " ")
    if not gap:
        return f"{name} by an unknown amount ({broken.get(rival, 'it was not traded')})"
    if gap["interval"] is None:
        return f"{name} by {gap['sharpe']:+.2f} (no interval: {gap['reason']})"
    return f"{name} by {gap['sharpe']:+.2f} [{gap['interval'][0]:+.2f}, {gap['interval'][1]:+.2f}]"


if __name__ == "__main__":
    command_line(judge_sweep)

"""Check a verdict: compute it anew from the daily returns that the runs kept, and name each file that disagrees."""

import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tyro
import yaml

from workflow_scripts.analysis.kept_returns import read_test_returns, read_validation_returns
from workflow_scripts.analysis.openings import openings_of_sweep
from workflow_scripts.analysis.verdicts import DEFAULT, TUNED, judge
from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.sweeps.history import Score, at_full_budget, rank, read_score
from workflow_scripts.sweeps.objectives import beside_each_other
from workflow_scripts.sweeps.scoring import score_of
from workflow_scripts.training.environment.settings import BASELINES, EnvironmentSettings
from workflow_scripts.training.sharpe import read_result, sharpe_or_none
from workflow_scripts.training.trials import read_trial, same_training
from workflow_scripts.workflow.files import first_line, read_json
from workflow_scripts.workflow.jobs import command_line
from workflow_scripts.workflow.paths import (
    BACKTEST,
    BACKTEST_RUN,
    BASELINE_RETURNS,
    OPENINGS,
    PREREGISTRATION,
    SWEEP,
    TRIAL,
    folders,
    run_of,
)

SAME = 1e-9  # what sums in another order may differ by, as a part of the number


def check_verdict(results: tyro.conf.Positional[Path] = Path("results"), sweeps: tuple[str, ...] = ()) -> None:
    """Compute verdicts anew from raw daily returns, and say which files disagree.

    Compared are, in this order: each run's sharpe.json and each trial's score.json, the incumbent, the backtests'
    sharpe.json, and verdict.json. Ends with status 1 where a file disagrees.

    Args:
        results: the folder of the results.
        sweeps: names of the sweeps; none takes all that have a verdict.

    """
    root = results.parent
    found = [path for path in folders(SWEEP, root) if (path / "verdict.json").exists()]
    chosen = [path for path in found if path.name in sweeps or not sweeps]
    if missing := sorted({*sweeps} - {path.name for path in chosen}) or ([] if chosen else ["any sweep"]):
        raise SystemExit(f"{results} has no verdict.json of {', '.join(missing)}: run Snakemake first")
    wrong = 0
    for folder in chosen:
        try:
            disagreements = list(_disagreements(folder, root))
        except (ValueError, OSError) as error:  # a file that is missing or damaged
            disagreements = [first_line(error)]
        wrong += len(disagreements)
        for line in disagreements:
            print(f"{folder.name}: {line}")
        if not disagreements:
            print(f"{folder.name}: every number follows from the daily returns that the runs kept")
    sys.exit(wrong > 0)


def _disagreements(folder: Path, root: Path) -> Iterator[str]:
    sweep, verdict = folder.name, read_json(folder / "verdict.json")
    benchmarks = folders(BASELINE_RETURNS, root, market=verdict["market"])
    trials = [trial for trial in folders(TRIAL, root, sweep=sweep) if (trial / "score.json").exists()]
    scores: list[Score] = []
    for trial in trials:
        kept = read_score(trial / "score.json")
        runs = [run_of(trial, run["fold"], run["seed"]) / "sharpe.json" for run in kept.runs]
        for run in runs:
            yield from _of_sharpe(run)
        own = score_of(trial / "config.yaml", runs, benchmarks, kept.objective)
        scores.append(own)
        yield from _of_numbers(trial / "score.json", vars(kept), vars(own))
    best = rank(at_full_budget(beside_each_other(scores)))[0]
    tuned = read_trial(folder / "backtest" / TUNED / "config.yaml")
    if (tuned.configuration, tuned.phases) != (best.configuration, best.phases):
        yield (
            f"{folder / 'backtest' / TUNED / 'config.yaml'} is not the best trial, which is round {best.round}, trial "
            f"{best.trial} with score {best.score}"
        )
    listed = yaml.safe_load((folder / "incumbent.yaml").read_text(encoding="utf-8"))[0]
    if listed["configuration"] != best.configuration:
        yield f"{folder / 'incumbent.yaml'} begins with another configuration than the best trial's"
    backtests = [path / "returns.parquet" for path in folders(BACKTEST_RUN, root, sweep=sweep)]
    for path in backtests:
        yield from _of_sharpe(path.with_name("sharpe.json"))
    backtest = root / BACKTEST.format(sweep=sweep)
    openings = openings_of_sweep(
        root / PREREGISTRATION.format(sweep=sweep), root / OPENINGS.format(market=verdict["market"])
    )
    anew = judge(
        read_test_returns(backtests, [backtest / name / "returns.parquet" for name in BASELINES]),
        read_validation_returns([trial / "score.json" for trial in trials], benchmarks),
        EnvironmentSettings.of(verdict["benchmark"]["environment"]),
        same_training(backtest / TUNED / "config.yaml", backtest / DEFAULT / "config.yaml"),
        verdict["trials_counted"],
        verdict["confidence"],
        verdict["resamples"],
        openings,
    )
    yield from openings.problems
    yield from _of_numbers(folder / "verdict.json", {key: verdict.get(key) for key in anew}, anew)


def _of_sharpe(path: Path) -> Iterator[str]:
    """Yield what sharpe.json says that the returns beside it do not."""
    said, returns = read_result(path), read_daily(path.with_name("returns.parquet"))
    daily = returns.columns["daily_return"]
    own = sharpe_or_none(daily, returns.periods_per_year) if said.status == "ok" else None
    yield from _of_numbers(path, {"sharpe": said.sharpe}, {"sharpe": own})
    if said.status == "ok" and said.days != len(daily):
        yield f"{path}: days is {said.days}, and its returns have {len(daily)}"


def _of_numbers(path: Path, said: Any, own: Any, key: str = "") -> Iterator[str]:
    """Yield where what a file says differs from what follows from the returns."""
    if isinstance(said, Mapping) and isinstance(own, Mapping):
        for name in sorted(said.keys() | own.keys(), key=str):
            yield from _of_numbers(path, said.get(name), own.get(name), f"{key}.{name}" if key else str(name))
    elif isinstance(said, list | tuple) and isinstance(own, list | tuple) and len(said) == len(own):
        for place, (left, right) in enumerate(zip(said, own, strict=True)):
            yield from _of_numbers(path, left, right, f"{key}[{place}]")
    elif isinstance(said, float) and isinstance(own, float):
        if not math.isclose(said, own, rel_tol=SAME, abs_tol=SAME):
            yield f"{path}: {key} is {said:.6g}, and {own:.6g} follows from the returns"
    elif said != own:
        yield f"{path}: {key} is {said!r}, and {own!r} follows from the returns"


if __name__ == "__main__":
    command_line(check_verdict)

"""Check a verdict: compute it anew from the daily returns that the runs kept, and name each file that disagrees."""

import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tyro
import yaml

from workflow_scripts.analysis.counted import counted_backtest, counted_scores
from workflow_scripts.analysis.openings import together
from workflow_scripts.analysis.verdicts import judge
from workflow_scripts.analysis.windows import TUNED, Window, read_window
from workflow_scripts.sweeps.candidates import schedule
from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.sweeps.history import Score, at_full_budget, rank, read_score
from workflow_scripts.sweeps.objectives import beside_each_other
from workflow_scripts.sweeps.scoring import score_of
from workflow_scripts.training.environment.settings import BASELINES, EnvironmentSettings
from workflow_scripts.training.sharpe import read_result, sharpe_or_none
from workflow_scripts.training.trials import read_trial
from workflow_scripts.workflow.files import first_line, read_json
from workflow_scripts.workflow.jobs import command_line
from workflow_scripts.workflow.paths import (
    BACKTEST,
    BASELINE_RETURNS,
    FEATURES,
    OPENINGS,
    PREREGISTRATION,
    SWEEP,
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
    verdict = read_json(folder / "verdict.json")
    parts = verdict.get("windows", [verdict])
    windows = []
    for part in parts:
        sweep, market = part["sweep"], part["market"]
        scores = counted_scores(root / SWEEP.format(sweep=sweep))
        benchmarks = _benchmarks(scores, market, root)
        yield from _of_sweep(root / SWEEP.format(sweep=sweep), scores, benchmarks)
        windows.append(_window(sweep, market, verdict["market"], scores, benchmarks, root))
    yield from together([window.openings for window in windows]).problems
    environment = EnvironmentSettings.of(verdict["benchmark"]["environment"])
    anew = judge(windows, environment, verdict["trials_counted"], verdict["confidence"], verdict["resamples"])
    yield from _of_numbers(folder / "verdict.json", {key: verdict.get(key) for key in anew}, anew)


def _window(sweep: str, market: str, whole: str, scores: list[Path], benchmarks: list[Path], root: Path) -> Window:
    """Return what the files of a sweep say of its test days."""
    backtest = root / BACKTEST.format(sweep=sweep)
    return read_window(
        sweep,
        market,
        scores,
        [path / "returns.parquet" for path in counted_backtest(root / SWEEP.format(sweep=sweep))],
        [path for name in (*BASELINES, "index") if (path := backtest / name / "returns.parquet").exists()],
        benchmarks,
        root / PREREGISTRATION.format(sweep=sweep),
        root / OPENINGS.format(market=whole),
        root / f"{FEATURES}.json".format(market=market),
    )


def _benchmarks(scores: list[Path], market: str, root: Path) -> list[Path]:
    """Return what the baselines earned on the validation days of each fold that judged trials.

    Raises:
        FileNotFoundError: there is nothing of it.

    """
    judging = {str(run["fold"]) for path in scores for run in read_score(path).runs}
    found = folders(BASELINE_RETURNS, root, market=market)
    kept = [path for path in found if path.stem.removeprefix("fold_") in judging]
    if not kept:
        raise FileNotFoundError(f"the baselines' returns are lost, {BASELINE_RETURNS.format(market=market, fold='*')}")
    return kept


def _of_sweep(folder: Path, paths: list[Path], benchmarks: list[Path]) -> Iterator[str]:
    """Yield what below a sweep's folder does not follow from the returns."""
    scores: list[Score] = []
    for path in paths:
        kept = read_score(path)
        runs = [run_of(path.parent, run["fold"], run["seed"]) / "sharpe.json" for run in kept.runs]
        for run in runs:
            yield from _of_sharpe(run)
        own = score_of(path.with_name("config.yaml"), runs, benchmarks, kept.objective)
        scores.append(own)
        yield from _of_numbers(path, vars(kept), vars(own))
    best = rank(at_full_budget(beside_each_other(scores)))[0]
    tuned = read_trial(folder / "backtest" / TUNED / "config.yaml")
    if (tuned.configuration, tuned.phases) != (best.configuration, schedule(best, tuned.budget)):
        yield (
            f"{folder / 'backtest' / TUNED / 'config.yaml'} is not the best trial, which is round {best.round}, trial "
            f"{best.trial} with score {best.score}"
        )
    listed = yaml.safe_load((folder / "incumbent.yaml").read_text(encoding="utf-8"))[0]
    if listed["configuration"] != best.configuration:
        yield f"{folder / 'incumbent.yaml'} begins with another configuration than the best trial's"
    for path in counted_backtest(folder):
        yield from _of_sharpe(path / "sharpe.json")


def _of_sharpe(path: Path) -> Iterator[str]:
    """Yield what sharpe.json says that the returns beside it do not."""
    said, returns = read_result(path), read_daily(path.with_name("returns.parquet"))
    daily = returns.excess()
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

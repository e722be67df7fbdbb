"""The rule plan: say what the sweeps take and what they can show, before any of it runs."""

import json
import math
import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.analysis.design import ASSUMED_CORRELATION, POWER, Design, Likeness, measure_likeness
from workflow_scripts.analysis.inference.comparisons import luck_of
from workflow_scripts.analysis.inference.estimands import Estimand, estimand_of
from workflow_scripts.analysis.inference.power import detectable, detectable_sharpe_difference
from workflow_scripts.analysis.leaderboard import incumbent, value_table
from workflow_scripts.data.bars import read_bars
from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.data.market_folds import warn_of_gap
from workflow_scripts.data.periods import periods_of
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.sweeps.cost import (
    Batch,
    cpu_hours,
    full_budget,
    hours,
    past_runs,
    sweep_batches,
)
from workflow_scripts.sweeps.history import Score, at_full_budget
from workflow_scripts.sweeps.objectives import label, read_scores
from workflow_scripts.sweeps.optimizers.base import Round
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.devices import uses_cuda
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.timing import seconds_per_step
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import BASELINE_RETURNS, MARKET, RUN, SWEEP, TRIAL, below, folders, of_window


def plan(
    settings: str,
    markets: Path,
    sweeps: Path,
    slots: int,
    training: TrainingSettings = TrainingSettings(),
) -> None:
    """Print rounds, trials, runs, vector steps, hours, and the smallest difference to see, of every sweep.

    Args:
        settings: JSON of the sweeps with their rounds, default configurations and windows of the test days, of the
            numbers of folds, tuning and final seeds and of the backtest's trained candidates, its budget, and of each
            market the first test day, the trials ever made there with those to come, and how an action becomes trades
            there, its own lots and fees included.
        markets: folder of the markets, with their bars and folds.
        sweeps: folder of the sweeps; what finished runs took there is the estimate, else a short training is.
        slots: runs at a time.
        training: what every run has in common.

    """
    start_job("plan")
    asked = json.loads(settings)
    for name, sweep in asked["sweeps"].items():
        laid, windows = [Round(**round_) for round_ in sweep["rounds"]], sweep["windows"]
        steps = asked["backtest_budget"] or full_budget(laid)
        rounds, trained = sweep_batches(laid, sweep["continued_rounds"]) * windows, asked["trained"] * windows
        final = Batch(trained, trained * asked["final_seeds"], steps)
        again = f", before each of {windows} windows of the test days" if windows > 1 else ""
        print(f"{name}: {sweep['agent']} on {sweep['market']}, proposed by {sweep['optimizer']}{again}")
        print("\n".join(f"  {line}" for line in counts(rounds, final, training.num_envs)))
        rate, source = past_rate(sweeps, name, asked["sweeps"], uses_cuda(training.wanted_device(os.environ)))
        if rate is None:
            data = read_fold(markets / parts_of(sweep["market"], sweep)[0] / "folds" / "fold_0.npz")
            environment = EnvironmentSettings(**asked["environments"][sweep["market"]])
            rate = seconds_per_step(sweep["agent"], sweep["default"], data, environment, training)
            source = "the default configuration, trained for a moment"
        runs = [run for own in parts_of(name, sweep) for run in folders(below(RUN, SWEEP), sweeps / own)]
        of_trials = sum(batch.runs for batch in rounds)
        done = min(of_trials, sum((run / "sharpe.json").exists() for run in runs))
        print(
            f"  {1000 * rate:.3g} ms a vector step ({source}): {cpu_hours([*rounds, final], rate):.3g} hours of one "
            f"core in all, {hours([*rounds, final], rate, slots):.3g} hours with {slots} runs at a time; "
            f"{done} of {of_trials} runs of the trials are done"
        )
        print("\n".join(f"  {line}" for line in what_it_shows(asked, name, markets, sweeps)))


def parts_of(name: str, sweep: dict[str, Any]) -> list[str]:
    """Return the names of a sweep, or of its market, before each window of the test days; of one window its own."""
    return [of_window(name, number) for number in range(sweep["windows"])] if sweep["windows"] > 1 else [name]


def counts(rounds: list[Batch], final: Batch, num_envs: int) -> list[str]:
    """Return a line for each stretch of equal rounds, one for the backtest, and one for all."""
    lines = []
    for batch, equal in groupby(rounds):
        count = len(list(equal))
        lines.append(f"{count} round(s) of {batch.trials} trials, {batch.runs} runs, {batch.steps:,} vector steps each")
    lines.append(f"backtest of {final.trials} configurations, {final.runs} runs, {final.steps:,} vector steps each")
    steps = sum(batch.runs * batch.steps for batch in (*rounds, final))
    trials, runs = sum(batch.trials for batch in rounds), sum(batch.runs for batch in (*rounds, final))
    lines.append(
        f"{len(rounds)} rounds, {trials} trials, {runs} runs, {steps:,} vector steps × {num_envs} portfolios = "
        f"{steps * num_envs:,} env-steps"
    )
    return lines


def past_rate(sweeps: Path, name: str, settings: dict[str, dict[str, Any]], on_cuda: bool) -> tuple[float | None, str]:
    """Return the seconds a vector step of earlier runs, start and evaluation included, and of which runs.

    Those of the sweep itself, else those of another with its agent and market.
    """
    like = [other for other, sweep in settings.items() if _kind(sweep) == _kind(settings[name])]
    for other in sorted(like, key=lambda other: other != name):
        own = parts_of(other, settings[other])
        if runs := [run for part in own for run in past_runs(sweeps / part, "s" if on_cuda else "cpu_time")]:
            seconds, steps = map(sum, zip(*runs, strict=True))
            return seconds / steps, f"{len(runs)} runs of {other}"
    return None, ""


def what_it_shows(asked: dict[str, Any], name: str, markets: Path, sweeps: Path) -> list[str]:
    """Return a table of what the sweep's design can show, and warnings where it cannot answer its question."""
    sweep = asked["sweeps"][name]
    on, bars = sweep["market"], read_bars(markets / sweep["market"] / "bars.parquet")
    folds = [markets / parts_of(on, sweep)[0] / "folds" / f"fold_{fold}.json" for fold in range(asked["folds"])]
    trained = [sweeps / own for own in parts_of(name, sweep)]
    estimand = estimand_of(asked["environments"][on].get("action_mode", EnvironmentSettings().action_mode))
    year = periods_of(bars.attrs)
    likeness = past_likeness(asked, name, markets, sweeps, estimand, year)
    design = Design(
        estimand,
        test_days=int(bars["date"][bars["date"] >= asked["test_start"][on]].nunique()),
        seeds=asked["final_seeds"],
        validation_days=validation_days(folds),
        trials=asked["trials"][on],
        year=year,
        likeness=likeness,
        windows=sweep["windows"],
    )
    judged = next((scores for own in trained if (scores := read_trials(own))), [])
    rows = [("two trials differ", _two_trials(judged, asked, design)), *design.rows()]
    width = max(len(question) for question, _ in rows)
    table = [f"{question:{width}}  {answer}" for question, answer in rows]
    gap = gap_before_test(bars, folds[0], asked["test_start"][on])
    return [
        f"what can be shown (two-sided at 5 %, in {POWER:.0%} of cases):",
        *(f"  {line}" for line in table),
        *(f"warning: {line}" for line in (*design.warnings(), *filter(None, [gap]))),
    ]


def validation_days(folds: Sequence[Path]) -> int:
    """Return how many days validate, or bars that are shorter; each once, in however many combinatorial folds it lies.

    Args:
        folds: fold_{fold}.json of every fold.

    """
    windows = [read_json(path)["validation"] for path in folds]
    runs = {run["first_day"]: run["bars"] for window in windows for run in window.get("runs", [window])}
    return int(sum(runs.values()))


def gap_before_test(bars: pd.DataFrame, fold: Path, test_start: str) -> str | None:
    """Return a warning of days between the folds and the test days, by the description of the first fold."""
    said = read_json(fold)
    first, last = pd.Timestamp(said["train"]["first_day"]), pd.Timestamp(test_start)
    dates = pd.DatetimeIndex(bars["date"].unique()).sort_values()
    return warn_of_gap(dates[(dates >= first) & (dates < last)], FoldSettings.of(said["settings"]))


def past_likeness(
    asked: dict[str, Any], name: str, markets: Path, sweeps: Path, estimand: Estimand, year: int
) -> Likeness:
    """Return how alike agent and benchmark were on the market's validation days, where a sweep has trained there.

    That of the sweep itself, else of another with its agent, else of another on its market.
    """
    own = asked["sweeps"][name]
    others = [other for other, sweep in asked["sweeps"].items() if sweep["market"] == own["market"]]
    for other in sorted(others, key=lambda other: (other != name, asked["sweeps"][other]["agent"] != own["agent"])):
        sweep = asked["sweeps"][other]
        for part, market in zip(parts_of(other, sweep), parts_of(own["market"], sweep), strict=True):
            returns = [below(BASELINE_RETURNS, MARKET).format(fold=fold) for fold in range(asked["folds"])]
            benchmarks = [markets / market / path for path in returns]
            scores = read_trials(sweeps / part)
            best = incumbent(scores) if scores else None
            if best is None or not all(path.exists() for path in benchmarks):
                continue
            path = sweeps / part / below(TRIAL, SWEEP).format(round=best.round, trial=best.trial) / "score.json"
            likeness = measure_likeness(path, benchmarks, estimand, year, f"the best trial of {part}")
            if likeness is not None:
                return likeness
    return Likeness("assumed: no sweep on this market has trained yet")


def read_trials(sweep: Path) -> list[Score]:
    """Return the trials of a sweep that have been scored, in the order of their proposal."""
    paths = [trial / "score.json" for trial in folders(below(TRIAL, SWEEP), sweep)]
    return read_scores([path for path in paths if path.exists()])


def _two_trials(scores: list[Score], asked: dict[str, Any], design: Design) -> str:
    """Return from which difference on two trials differ visibly: by their spread, else by their days."""
    runs = f"{asked['folds']} folds × {asked['tuning_seeds']} seeds"
    judged = [score for score in at_full_budget(scores) if score.status == "ok"] if scores else []
    values = value_table(judged)
    luck = None if values is None else luck_of(values)
    if luck is None:
        smallest = detectable_sharpe_difference(design.validation_days, ASSUMED_CORRELATION, days_a_year=design.year)
        return (
            f"from {smallest:.2f} in annual Sharpe ratio on: {design.validation_days} validation days, returns that "
            f"correlate by {ASSUMED_CORRELATION} (assumed)"
        )
    smallest = detectable(math.sqrt(2) * luck.error)
    return f"from {smallest:.2f} in {label(judged[0].objective)} on: {runs}, measured on {len(judged)} trials"


def _kind(sweep: dict[str, Any]) -> tuple[str, str]:
    return sweep["agent"], sweep["market"]


if __name__ == "__main__":
    command_line(plan)

"""The rule plan: say what the sweeps take and what they can show, before any of it runs."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

from workflow_scripts.data.bars import read_bars
from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.sweeps.cost import (
    Batch,
    cpu_hours,
    detectable_between_trials,
    detectable_on_days,
    full_budget,
    hours,
    past_runs,
    run_deviation,
    sweep_batches,
)
from workflow_scripts.sweeps.history import at_full_budget, read_score
from workflow_scripts.sweeps.objectives import label
from workflow_scripts.sweeps.optimizers.base import Round
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.devices import uses_cuda
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.timing import seconds_per_step
from workflow_scripts.workflow.jobs import command_line, start_job

ALIKE = 0.9


def plan(
    settings: str,
    markets: Path,
    sweeps: Path,
    slots: int,
    training: TrainingSettings = TrainingSettings(),
) -> None:
    """Print rounds, trials, runs, vector steps, hours, and the smallest difference to see, of every sweep.

    Args:
        settings: JSON of the sweeps with their rounds and default configurations, of the numbers of folds, tuning and
            final seeds and of the backtest's trained candidates, its budget, and of each market the first test day and
            how an action becomes trades there, its own lots and fees included.
        markets: folder of the markets, with their bars and folds.
        sweeps: folder of the sweeps; what finished runs took there is the estimate, else a short training is.
        slots: runs at a time.
        training: what every run has in common.

    """
    start_job("plan")
    asked = json.loads(settings)
    for name, sweep in asked["sweeps"].items():
        laid = [Round(**round_) for round_ in sweep["rounds"]]
        rounds, steps = sweep_batches(laid, sweep["continues"]), asked["backtest_budget"] or full_budget(laid)
        final = Batch(asked["trained"], asked["trained"] * asked["final_seeds"], steps)
        print(f"{name}: {sweep['agent']} on {sweep['market']}, proposed by {sweep['optimizer']}")
        print("\n".join(f"  {line}" for line in counts(rounds, final, training.num_envs)))
        market = markets / sweep["market"]
        rate, source = past_rate(sweeps, name, asked["sweeps"], uses_cuda(training.device))
        if rate is None:
            data = read_fold(market / "folds" / "fold_0.npz")
            environment = EnvironmentSettings(**asked["environments"][sweep["market"]])
            rate = seconds_per_step(sweep["agent"], sweep["default"], data, environment, training)
            source = "the default configuration, trained for a moment"
        done = len(list((sweeps / name).glob("round_*/trial_*/fold_*/seed_*/sharpe.json")))
        print(
            f"  {1000 * rate:.3g} ms a vector step ({source}): {cpu_hours([*rounds, final], rate):.3g} hours of one "
            f"core, {hours([*rounds, final], rate, slots):.3g} hours with {slots} runs at a time; "
            f"{done} of the sweep's runs are done"
        )
        print("\n".join(f"  {line}" for line in visible_differences(asked, sweep, market, sweeps / name)))


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
        if runs := past_runs(sweeps / other, "s" if on_cuda else "cpu_time"):
            seconds, steps = map(sum, zip(*runs, strict=True))
            return seconds / steps, f"{len(runs)} runs of {other}"
    return None, ""


def visible_differences(asked: dict[str, Any], sweep: dict[str, Any], market: Path, folder: Path) -> list[str]:
    """Return what differences the sweep can show, in its objective, and the test days, in Sharpe ratios."""
    runs = asked["folds"] * asked["tuning_seeds"]
    scores = [read_score(path) for path in sorted(folder.glob("round_*/trial_*/score.json"))]
    deviation = run_deviation(at_full_budget(scores)) if scores else None
    dates = read_bars(market / "bars.parquet")["date"]
    test_days = int(dates[dates >= asked["test_start"][sweep["market"]]].nunique())
    fold_days = len(read_fold(market / "folds" / "fold_0.npz").validation.dates) * asked["folds"]
    if deviation is None:
        lines = [_on_days("validation", fold_days)]
    else:
        lines = [
            f"two trials of {runs} runs differ visibly from {detectable_between_trials(deviation, runs):.2f} on in "
            f"{label(scores[0].objective)}; a run's own deviation, measured: {deviation:.2f}"
        ]
    return [*lines, _on_days("test", test_days), "(visible: two-sided at 5 %, with a power of 80 %)"]


def _on_days(kind: str, days: int) -> str:
    if days == 0:
        return f"there are no {kind} days, which show nothing"
    return (
        f"{days} {kind} days show a Sharpe difference of {detectable_on_days(days):.2f} between unlike policies, of "
        f"{detectable_on_days(days, ALIKE):.2f} where their daily returns correlate by {ALIKE}"
    )


def _kind(sweep: dict[str, Any]) -> tuple[str, str]:
    return sweep["agent"], sweep["market"]


if __name__ == "__main__":
    command_line(plan)

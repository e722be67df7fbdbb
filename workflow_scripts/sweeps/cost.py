"""What a sweep takes and what it can show, known before it runs: counts, hours, and the smallest difference to see."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR
from workflow_scripts.sweeps.history import Score
from workflow_scripts.sweeps.optimizers.base import Round
from workflow_scripts.training.trials import read_trial

CONFIDENCE, POWER = 0.95, 0.8


@dataclass(frozen=True)
class Batch:
    """Runs that may go side by side; the next batch waits for all of them.

    Attributes:
        trials: number of trials, or of the backtest's candidates.
        runs: number of runs.
        steps: vector steps that each of them trains for.

    """

    trials: int
    runs: int
    steps: int


def sweep_batches(rounds: Sequence[Round], continues: bool) -> list[Batch]:
    """Return the runs of each round of a sweep.

    A trial that goes on from the round before trains for what is new alone: the steps since, or the runs that the rung
    below did not have. Where DEHB proposes something new on a higher rung it takes all.

    Args:
        rounds: the sweep's rounds.
        continues: whether trials go on from the round before.

    """
    batches = []
    for number, round_ in enumerate(rounds):
        steps, runs = round_.budget, round_.runs
        if number and continues and (below := rounds[number - 1]).fidelity < round_.fidelity:
            steps, runs = (steps - below.budget, runs) if below.budget < steps else (steps, runs - below.runs)
        batches.append(Batch(round_.size, round_.size * runs, steps))
    return batches


def full_budget(rounds: Sequence[Round]) -> int:
    """Return the vector steps of a run at the largest fidelity that the rounds reach, that of the incumbent."""
    return max(rounds, key=lambda round_: round_.fidelity).budget


def hours(batches: Iterable[Batch], seconds_a_step: float, slots: int) -> float:
    """Return the hours that batches take, one after the other, with ``slots`` runs at a time."""
    return sum(math.ceil(batch.runs / slots) * batch.steps * seconds_a_step for batch in batches) / 3600


def cpu_hours(batches: Iterable[Batch], seconds_a_step: float) -> float:
    """Return the hours of one core that batches take."""
    return sum(batch.runs * batch.steps * seconds_a_step for batch in batches) / 3600


def past_runs(sweep: Path, column: str) -> list[tuple[float, int]]:
    """Return the seconds and the vector steps of each finished run of a sweep, as the runs reported them.

    Args:
        sweep: the sweep's folder.
        column: ``cpu_time`` or, where the processor is not what counts, ``s``.

    """
    runs = []
    for config in sorted(sweep.glob("round_*/trial_*/config.yaml")):
        trial = read_trial(config)
        steps = trial.budget - (trial.phases[-1]["budget"] if trial.phases else 0)
        for usage in sorted(config.parent.glob("fold_*/seed_*/train_agent.tsv")):
            head, row = (line.split("\t") for line in usage.read_text(encoding="utf-8").splitlines()[:2])
            if usage.with_name("sharpe.json").exists():
                runs.append((float(row[head.index(column)]), steps))
    return runs


def run_deviation(scores: Sequence[Score]) -> float | None:
    """Return the standard deviation of a run's value beyond its trial's level and its fold and seed's.

    Every trial is judged on the same folds with the same seeds, so what those share does not blur a comparison: the
    residual of the two-way table trials × runs, with (trials − 1)(runs − 1) degrees of freedom. None with fewer than
    two trials or runs that all have a value.
    """
    rows = [[run["value"] for run in score.runs] for score in scores if score.status == "ok"]
    if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return None
    table = np.asarray(rows, dtype=np.float64)
    residual = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    return float(np.sqrt((residual**2).sum() / ((len(rows) - 1) * (len(rows[0]) - 1))))


def detectable_between_trials(deviation: float, runs: int) -> float:
    """Return the smallest true difference of two trials' mean values that is seen with power 0.8 at 5 %."""
    return _noticeable(deviation * math.sqrt(2 / runs))


def detectable_on_days(days: int, correlation: float = 0.0, periods_per_year: int = TRADING_DAYS_A_YEAR) -> float:
    """Return the smallest difference of two policies' annual Sharpe ratios that so many days show, power 0.8 at 5 %.

    An annual Sharpe ratio of a few tenths has a standard error of √(periods per year / days) (Lo 2002), and the
    difference of two whose daily returns correlate has √(2 (1 − correlation)) of that.
    """
    return _noticeable(math.sqrt(2 * (1 - correlation) * periods_per_year / days))


def _noticeable(standard_error: float) -> float:
    normal = NormalDist()
    return (normal.inv_cdf((1 + CONFIDENCE) / 2) + normal.inv_cdf(POWER)) * standard_error

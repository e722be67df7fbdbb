"""What a sweep takes, known before it runs: counts and hours."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.sweeps.optimizers.base import Round
from workflow_scripts.training.trials import read_trial
from workflow_scripts.workflow.paths import RUN, SWEEP, TRIAL, below, folders
from workflow_scripts.workflow.usage import read_usage


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


def sweep_batches(rounds: Sequence[Round], continued: int) -> list[Batch]:
    """Return the runs of each round of a sweep.

    A trial that goes on from the round before trains for what is new alone: the steps since, or the runs that the rung
    below did not have.

    Args:
        rounds: the sweep's rounds.
        continued: in how many of them, from the first, trials go on from the round before.

    """
    batches = []
    for number, round_ in enumerate(rounds):
        steps, runs = round_.budget, round_.runs
        if 0 < number < continued and (below := rounds[number - 1]).fidelity < round_.fidelity:
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

    Raises:
        ValueError: what a run took cannot be read; names the file.

    """
    runs = []
    for folder in folders(below(TRIAL, SWEEP), sweep):
        finished = [
            run / "train_agent.tsv" for run in folders(below(RUN, TRIAL), folder) if (run / "sharpe.json").exists()
        ]
        if not finished:
            continue
        trial = read_trial(folder / "config.yaml")
        steps = trial.budget - (trial.phases[-1]["budget"] if trial.phases else 0)
        runs += [(read_usage(usage)[column], steps) for usage in finished if usage.exists()]
    return runs

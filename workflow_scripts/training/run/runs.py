"""What a run is, and how it can fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from workflow_scripts.data.fold_files import FoldData, Segment
from workflow_scripts.training.agents.base import Agent, agent_of
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.learners.trading_agent import TrainingFailedError
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.files import first_line
from workflow_scripts.workflow.model import SettingError


@dataclass(frozen=True)
class Phase:
    """The hyperparameters of a training up to a budget of vector steps."""

    budget: int
    agent: Agent


@dataclass(frozen=True)
class Run:
    """One training of a trial with one seed on one window, and its judgement on another.

    Attributes:
        trial: the trial.
        phases: its configurations, read.
        data: the two windows.
        seed: seed of the networks, the exploration and the starting portfolios.
        environment: how an action becomes trades.
        training: what every run has in common.
        holdout: the days at the end of the training window that choose the snapshot; none where they train.

    """

    trial: Trial
    phases: tuple[Phase, ...]
    data: FoldData
    seed: int
    environment: EnvironmentSettings
    training: TrainingSettings
    holdout: Segment | None = None

    @classmethod
    def of(
        cls, trial: Trial, data: FoldData, seed: int, environment: EnvironmentSettings, training: TrainingSettings
    ) -> "Run":
        """Return the run of a trial.

        Raises:
            ValueError: there is no such agent, it has no such configuration, or no days are left to hold out.

        """
        kind, last = agent_of(trial.agent), {"budget": trial.budget, "configuration": trial.configuration}
        try:
            phases = tuple(Phase(each["budget"], kind.of(each["configuration"])) for each in (*trial.phases, last))
        except SettingError as error:
            raise error.below(trial.agent) from None
        holdout = None
        if training.snapshot == "best_in_holdout":
            train, holdout = hold_out(data.train, training.holdout_share, training.holdout_purge_days)
            data = replace(data, train=train)
        return cls(trial, phases, data, seed, environment, training, holdout)


def hold_out(window: Segment, share: float, purge_days: int) -> tuple[Segment, Segment]:
    """Return the days of a training window that train, and those at its end that are held out.

    A row is a bar, and a day may have many: days are held out and dropped as a whole.

    Raises:
        ValueError: there are fewer than two bars to train on, or than three held out; says how many.

    """
    days = np.unique(window.dates.astype("U10"), return_index=True)[1]
    held = round(share * len(days))
    first = int(days[-held]) if held else len(window.dates)
    stop = int(days[max(0, len(days) - held - purge_days)]) if held + purge_days else first
    train, holdout = window.between(0, stop), window.between(first, len(window.dates))
    for part, least in ((train, 2), (holdout, 3)):  # two returns, of which a Sharpe ratio can be
        if min(len(run.dates) for run in part.runs()) < least:
            raise ValueError(
                f"training.holdout_share {share:g} of {len(days)} training days, and {purge_days} days dropped before "
                f"them, leave {len(train.dates)} bars to train on and {len(holdout.dates)} held out, and each run of "
                "days needs 2, and 3 where it is held out: take another share, or lower training.holdout_purge_days"
            )
    return train, holdout


@dataclass(frozen=True)
class Outputs:
    """The files that a run writes.

    Attributes:
        policy: the trained networks.
        sharpe: the result.
        returns: the daily returns behind it.
        weights: what was held and traded on those days.
        curves: how the training went.

    """

    policy: Path
    sharpe: Path
    returns: Path
    weights: Path
    curves: Path


@contextmanager
def out_of_memory_is_a_failure(last_attempt: bool) -> Iterator[None]:
    """Turn running out of memory in the block, at the last attempt, into a failed training.

    numpy, torch on the CPU and torch on CUDA each have their own way to say so.

    Raises:
        TrainingFailedError: out of memory at the last attempt.
        MemoryError: out of memory, and another attempt is left.

    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        if not last_attempt:
            raise MemoryError(f"out of memory, to be tried again: {first_line(error)}") from error
        raise TrainingFailedError(f"out of memory: {first_line(error)}") from error

"""How long an agent trains on this machine, by training it for a moment."""

import logging
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.data.fold_files import FoldData
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.devices import uses_cuda
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.train import train
from workflow_scripts.training.trials import Trial

LEAST_STEPS = 512


def seconds_per_step(
    agent: str,
    configuration: Mapping[str, Any],
    data: FoldData,
    environment: EnvironmentSettings,
    training: TrainingSettings,
) -> float:
    """Return the seconds of a vector step of a configuration: CPU seconds, on CUDA of the clock.

    The difference between a short training and one three times as long, after a first one that compiles: the start,
    which a run pays once, cancels.
    """

    def run_of(steps: int) -> Run:
        trial = Trial("timing", agent, 0, 0, steps, dict(configuration))
        return Run.of(trial, data, 0, environment, training)

    horizon = run_of(1).phases[-1].agent.horizon_len
    short = horizon * max(1, LEAST_STEPS // horizon)
    clock = time.perf_counter if uses_cuda(training.wanted_device(os.environ)) else time.process_time
    took = []
    for steps in (short, short, 3 * short):
        run = run_of(steps)
        with tempfile.TemporaryDirectory() as folder:
            began = clock()
            train(run, Path(folder) / "checkpoint.pt", logging.Logger("timing", logging.ERROR))
            took.append(clock() - began)
    return (took[2] - took[1]) / (2 * short)

"""How long an agent trains on this machine, by training it for a moment."""

import logging
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.data.folds import FoldData
from workflow_scripts.training.devices import uses_cuda
from workflow_scripts.training.runs import Outputs, TrainingSettings, train_and_judge
from workflow_scripts.training.trading_env import EnvironmentSettings
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.settings import HYPERPARAMETERS

LEAST_STEPS = 512


def seconds_a_step(
    agent: str,
    configuration: Mapping[str, Any],
    data: FoldData,
    environment: EnvironmentSettings,
    training: TrainingSettings,
) -> float:
    """Return the seconds of a vector step of a configuration: CPU seconds, on CUDA of the clock.

    The difference between a short training and one three times as long, after a first one that compiles: start and
    evaluation, which a run pays once, cancel.
    """
    horizon = int({**HYPERPARAMETERS[agent], **configuration}["horizon_len"])
    short = horizon * max(1, LEAST_STEPS // horizon)
    clock = time.perf_counter if uses_cuda(training.device) else time.process_time
    took = []
    for steps in (short, short, 3 * short):
        trial = Trial("timing", agent, 0, 0, steps, dict(configuration))
        with tempfile.TemporaryDirectory() as folder:
            outputs = Outputs(*(Path(folder) / name for name in ("policy.pt", "sharpe.json", "returns.parquet")))
            log = logging.Logger("timing", logging.ERROR)
            began = clock()
            train_and_judge(trial, data, 0, environment, training, outputs, log)
            took.append(clock() - began)
    return (took[2] - took[1]) / (2 * short)

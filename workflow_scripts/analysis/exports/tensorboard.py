"""Learning curves as TensorBoard's scalars."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from shutil import rmtree

from workflow_scripts.analysis.report.tree import Sweep
from workflow_scripts.training.curves import read_curves
from workflow_scripts.workflow.extras import extra

FOLDER = "tensorboard"


def export(sweeps: Sequence[Sweep], folder: Path) -> Path:
    """Write a log per run that has learning curves, over vector steps, and at its end the run's value; return where."""
    extra("tensorboard", "tensorboard", "scalars of TensorBoard")
    tensorboard = extra("torch.utils.tensorboard", "tensorboard", "scalars of TensorBoard")
    for sweep in sweeps:
        rmtree(folder / FOLDER / sweep.name, ignore_errors=True)  # a log is added to, never replaced
        values = {
            (score.round, score.trial, run["fold"], run["seed"]): (score.budget, run["value"])
            for score in sweep.scores
            for run in score.runs
        }
        for run in sweep.runs:
            assert run.trial is not None and run.fold is not None
            with tensorboard.SummaryWriter(folder / FOLDER / run.folder.relative_to(sweep.folder.parent)) as writer:
                curves = read_curves(run.folder / "curves.parquet")
                steps = curves.pop("vector_steps")
                for name, column in curves.items():
                    for step, value in zip(steps, column, strict=True):
                        if isfinite(value):
                            writer.add_scalar(name, value, int(step))
                budget, value = values.get((*run.trial, run.fold, run.seed), (0, None))
                if value is not None:
                    writer.add_scalar("value", value, budget)
    return folder / FOLDER

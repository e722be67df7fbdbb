"""Write results as another tool reads them: Optuna, DeepCAVE, TensorBoard, MLflow."""

from importlib import import_module
from pathlib import Path
from typing import Literal

import tyro

from workflow_scripts.analysis.report.tree import read_sweeps
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import root_of


def export_results(
    to: tyro.conf.Positional[Literal["optuna", "deepcave", "tensorboard", "mlflow"]],
    results: Path = Path("results"),
    sweeps: tuple[str, ...] = (),
) -> None:
    """Write the sweeps of results/ below results/exports, in place of an earlier export.

    Args:
        to: the tool.
        results: the folder of the results.
        sweeps: names of the sweeps; none takes all that have a trial with a score.

    Raises:
        ValueError: there is nothing to export, there is no such sweep, or the tool's package is not installed.

    """
    log = start_job("export_results")
    there = [sweep.name for sweep in read_sweeps(root_of(results))]
    if unknown := sorted({*sweeps} - {*there}):
        raise ValueError(f"{results} has no sweep {', '.join(unknown)}: there are {', '.join(there) or 'none'}")
    found = [sweep for sweep in read_sweeps(root_of(results), tuple(dict.fromkeys(sweeps))) if sweep.scores]
    if not found:
        raise ValueError(f"{results} holds no trial with a score: run Snakemake first")
    where = import_module(f"workflow_scripts.analysis.exports.{to}").export(found, results / "exports")
    log.info(f"{where}: {', '.join(f'{sweep.name} {len(sweep.scores)} trials' for sweep in found)}")


if __name__ == "__main__":
    command_line(export_results)

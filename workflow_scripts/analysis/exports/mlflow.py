"""A sweep as an experiment of MLflow's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workflow_scripts.analysis.report.tree import Sweep
from workflow_scripts.sweeps.history import Score
from workflow_scripts.workflow.extras import extra
from workflow_scripts.workflow.files import made_elsewhere

FILE = "mlflow.db"


def export(sweeps: Sequence[Sweep], folder: Path) -> Path:
    """Write an SQLite file with an experiment per sweep and a run per trial, and return its path.

    A run has the configuration as parameters and, as metrics, the score, its standard error, and the value on each fold
    with each seed.
    """
    mlflow = extra("mlflow", "mlflow-skinny", "runs of MLflow")
    # MLflow makes no tables where it has made some before in this process: each file has a path of its own, one
    # without a question mark, which would end an address of SQLite.
    with made_elsewhere(folder / FILE) as made:
        client = mlflow.MlflowClient(f"sqlite:///{made}")
        for sweep in sweeps:
            artifacts = (folder / "mlflow_artifacts").resolve().as_uri()
            experiment = client.create_experiment(sweep.name, artifacts)
            for key, value in sweep.settings.items():
                if key != "search_space":
                    client.set_experiment_tag(experiment, key, str(value))
            for score in sweep.scores:
                _run(mlflow, client, experiment, score)
        client._tracking_client.store.engine.dispose()
    return folder / FILE


def _run(mlflow: Any, client: Any, experiment: str, score: Score) -> None:
    name = f"round {score.round} trial {score.trial}"
    tags = {"round": score.round, "trial": score.trial, "status": score.status, "reason": score.reason}
    run = client.create_run(experiment, run_name=name, tags={key: str(value) for key, value in tags.items()})
    numbers = {
        "score": score.score,
        "standard_error": score.standard_error,
        **{f"value_fold_{run['fold']}_seed_{run['seed']}": run["value"] for run in score.runs},
    }
    entities = mlflow.entities
    client.log_batch(
        run.info.run_id,
        metrics=[
            entities.Metric(key, value, run.info.start_time, score.budget)
            for key, value in numbers.items()
            if value is not None
        ],
        params=[
            entities.Param(key, str(value)) for key, value in {**score.configuration, "budget": score.budget}.items()
        ],
    )
    client.set_terminated(run.info.run_id, "FAILED" if score.score is None else "FINISHED")

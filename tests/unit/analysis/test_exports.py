"""Each export is opened by the real package, which counts the trials and finds the best one."""

import json
import os
import re
import subprocess
import sys

import pandas as pd
import pytest

from tests.unit.analysis.made_up_results import SPACE, MadeUp
from workflow_scripts.analysis.export_results import export_results
from workflow_scripts.analysis.exports.optuna import _configurations, _step
from workflow_scripts.analysis.report.tree import read_sweeps
from workflow_scripts.sweeps.history import Score
from workflow_scripts.training.curves import read_curves

# A Python 3.10 with DeepCAVE, which does not install under 3.11.
DEEPCAVE = "DEEPCAVE_PYTHON"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Two sweeps of 12 and 8 trials; the last trial of each first round failed."""
    made = MadeUp(tmp_path_factory.mktemp("made_up")).make_market()
    made.make_sweep("ppo_smac")
    made.make_sweep("second", rounds=2)
    return made.results


@pytest.fixture
def sweep(results):
    return read_sweeps(results.parent, ["ppo_smac"])[0]


def test_a_study_of_optuna_has_every_trial_and_the_best_one(results, sweep):
    optuna = pytest.importorskip("optuna")
    for _ in range(2):  # a second export stands in place of the first
        export_results("optuna", results)
    address = f"sqlite:///{results / 'exports/optuna.db'}"
    assert sorted(optuna.get_all_study_names(address)) == ["ppo_smac", "second"]
    study = optuna.load_study(study_name="ppo_smac", storage=address)
    assert len(study.trials) == len(sweep.scores) == 12
    best = sweep.incumbent
    assert study.best_value == pytest.approx(best.score, rel=1e-12)
    assert study.best_params == best.configuration
    assert study.best_trial.intermediate_values == {6144: study.best_value}
    told = study.best_trial.user_attrs
    assert (told["round"], told["trial"]) == (best.round, best.trial)
    assert (told["folds"], told["seeds"]) == ([0, 1, 2], [0, 1])
    assert told["standard_error"] == best.standard_error
    assert [run["value"] for run in told["runs"]] == [run["value"] for run in best.runs]
    failed = study.get_trials(states=[optuna.trial.TrialState.FAIL])
    assert [(trial.user_attrs["round"], trial.user_attrs["trial"]) for trial in failed] == [(0, 3)]
    assert study.user_attrs["market"] == "noise"
    assert study.best_trial.distributions["learning_rate"].log
    assert study.best_trial.distributions["net_dims_0"].choices == (64, 128, 256)


def score_of(trial, budget, runs, **configuration):
    return Score("s", 0, trial, budget, "ok", None, 1.0, 0.1, configuration, [{}] * runs)


@pytest.mark.parametrize("tool", ["optuna", "mlflow"])
def test_a_folder_may_have_a_name_that_ends_an_address(tmp_path, tool):
    pytest.importorskip(tool)
    made = MadeUp(tmp_path / "what?").make_market()
    made.make_sweep("ppo_smac", rounds=1)
    export_results(tool, made.results)
    assert [path.name for path in (made.results / "exports").iterdir()] == [f"{tool}.db"]


def test_a_configuration_on_two_rungs_is_one_trial_with_two_intermediate_values():
    low, other, high = score_of(0, 32, 6, x=1), score_of(1, 32, 6, x=2), score_of(0, 64, 6, x=1)
    assert _step([low, other, high]) == "budget"
    assert _configurations([low, other, high], "budget") == [{32: low, 64: high}, {32: other}]
    assert _configurations([low, low], "budget") == [{32: low}, {32: low}]


def test_where_rungs_have_more_runs_the_steps_count_runs():
    low, high = score_of(0, 64, 2, x=1), score_of(0, 64, 6, x=1)
    assert _step([low, high]) == "runs"
    assert _configurations([low, high], "runs") == [{2: low, 6: high}]


def test_tables_for_deepcave_have_a_row_per_trial_and_per_hyperparameter(results, sweep):
    export_results("deepcave", results, sweeps=("ppo_smac",))
    folder = results / "exports/deepcave"
    assert [path.name for path in folder.iterdir()] == ["ppo_smac"]
    trials = pd.read_csv(folder / "ppo_smac/trials.csv")
    known = [score.score for score in sweep.scores if score.score is not None]
    metric = next(name for name in trials if name.startswith("metric:sharpe ["))
    lower, upper = map(float, re.findall(r"-?\d+\.\d\d", metric))
    assert min(known) - 0.01 <= lower <= min(known) < max(known) <= upper <= max(known) + 0.02
    assert len(trials) == 12
    assert trials[metric].max() == pytest.approx(sweep.incumbent.score)
    assert trials["status"].value_counts().to_dict() == {"success": 11, "failed": 1}
    assert set(trials["net_dims_0"]) <= {"'64'", "'128'", "'256'"}
    assert (trials["start_time"][1:].to_numpy() == trials["end_time"][:-1].to_numpy()).all()
    assert (trials["end_time"] - trials["start_time"]).min() > 6 * 5  # six runs of five seconds and more
    space = pd.read_csv(folder / "ppo_smac/configspace.csv")
    assert set(space["name"]) == {name for name, entry in SPACE.items() if entry["type"] != "constant"}


READ_BY_DEEPCAVE = """
import json, sys
from deepcave.runs.converters.dataframe import DataFrameRun
run = DataFrameRun.from_path(sys.argv[1])
objective = run.get_objective("sharpe")
best, value = run.get_incumbent(objective)
print(json.dumps({"trials": len(run.history), "best": value, "gamma": best["gamma"], "budgets": run.get_budgets()}))
"""


@pytest.mark.skipif(DEEPCAVE not in os.environ, reason=f"{DEEPCAVE} names no Python 3.10 with DeepCAVE")
def test_deepcave_reads_every_trial_and_the_best_one(results, sweep):
    export_results("deepcave", results, sweeps=("ppo_smac",))
    command = [os.environ[DEEPCAVE], "-c", READ_BY_DEEPCAVE, str(results / "exports/deepcave/ppo_smac")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["trials"] == 12
    assert said["best"] == pytest.approx(sweep.incumbent.score)
    assert said["gamma"] == pytest.approx(sweep.incumbent.configuration["gamma"])


def test_tensorboard_reads_every_curve_and_the_best_value(results, sweep):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):
        export_results("tensorboard", results, sweeps=("ppo_smac",))
    folder = results / "exports/tensorboard/ppo_smac"
    logs = sorted(path.parent for path in folder.rglob("events.*"))
    assert len(logs) == len(sweep.runs) == 12 * 6
    values = {}
    for log in logs:
        read = EventAccumulator(str(log))
        read.Reload()
        at = log.relative_to(folder)
        curves = read_curves(sweep.folder / at / "curves.parquet")
        assert [event.step for event in read.Scalars("entropy")] == curves["vector_steps"].tolist()
        assert [event.value for event in read.Scalars("entropy")] == pytest.approx(curves["entropy"])
        if "value" in read.Tags()["scalars"]:
            values.setdefault(at.parts[:2], []).append(read.Scalars("value")[0].value)
    means = {trial: sum(own) / 6 for trial, own in values.items() if len(own) == 6}
    best = sweep.incumbent
    assert len(means) == 11
    assert max(means, key=means.get) == (f"round_{best.round}", f"trial_{best.trial}")
    assert max(means.values()) == pytest.approx(best.score, rel=1e-6)


def test_mlflow_reads_every_trial_and_the_best_one(results, sweep):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    for _ in range(2):
        export_results("mlflow", results)
    client = mlflow.MlflowClient(f"sqlite:///{results / 'exports/mlflow.db'}")
    experiment = client.get_experiment_by_name("ppo_smac")
    assert experiment.tags["market"] == "noise"
    runs = client.search_runs([experiment.experiment_id], order_by=["metrics.score DESC"])
    assert len(runs) == 12
    best = sweep.incumbent
    assert runs[0].data.metrics["score"] == pytest.approx(best.score)
    assert runs[0].data.metrics["value_fold_2_seed_1"] == best.runs[-1]["value"]
    assert runs[0].data.params["gamma"] == str(best.configuration["gamma"])
    assert sorted(run.info.status for run in runs) == ["FAILED"] + ["FINISHED"] * 11
    assert len(client.search_runs([client.get_experiment_by_name("second").experiment_id])) == 8


@pytest.mark.parametrize(
    ("tool", "package"), [("optuna", "optuna"), ("tensorboard", "tensorboard"), ("mlflow", "mlflow-skinny")]
)
def test_a_package_that_is_missing_is_one_line_that_says_what_to_install(results, monkeypatch, tool, package):
    monkeypatch.setitem(sys.modules, tool, None)
    with pytest.raises(
        ValueError, match=rf"needs the package {package}, .*: \.venv/bin/python -m pip install {package}$"
    ):
        export_results(tool, results)


def test_without_a_score_there_is_nothing_to_export(tmp_path):
    with pytest.raises(ValueError, match="holds no trial with a score: run Snakemake first"):
        export_results("deepcave", tmp_path / "results")


def test_a_sweep_that_is_not_there_is_named_and_one_named_twice_is_written_once(results):
    with pytest.raises(ValueError, match=r"has no sweep secnd: there are .*ppo_smac"):
        export_results("deepcave", results, ("ppo_smac", "secnd"))
    export_results("optuna", results, ("ppo_smac", "ppo_smac"))

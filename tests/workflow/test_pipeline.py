import html
import json
import re

import pandas as pd
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.workflow.toy import ROOT, jobs
from workflow_scripts.analysis.report.page import unpacked
from workflow_scripts.sweeps.measures import MEASURES

SWEEP = "results/sweeps/ppo_smac"


def test_every_run_is_known_before_the_first_one(toy):
    assert jobs(toy.snakemake("-n").stdout) == {
        "all": 1,
        "backtest_baselines": 1,
        "backtest_incumbent": 6,  # (rank 1, default, untrained) × 2 seeds
        "collect_trials": 1,
        "compute_features": 1,
        "download_bars": 1,
        "estimate_importance": 1,
        "evaluate_baselines": 1,
        "judge_sweep": 1,
        "open_test_days": 1,
        "plot_equity": 1,
        "plot_importance": 1,
        "compare_sweeps": 1,
        "plot_progress": 1,
        "plot_sharpe": 1,
        "propose_trials_ppo_smac_0": 1,
        "propose_trials_ppo_smac_1": 1,
        "score_trial": 4,
        "split_folds": 1,
        "vary_execution": 1,
        "train_agent": 16,  # 2 rounds × 2 trials × 2 folds × 2 seeds
        "write_report": 1,
    }


def test_a_finished_sweep_has_nothing_to_do(finished):
    said = finished.snakemake("-n").stdout
    assert "Nothing to be done" in said
    assert jobs(said) == {}


def test_the_table_has_a_row_a_run_with_every_hyperparameter(finished):
    trials = pd.read_csv(finished.folder / SWEEP / "trials.csv")
    assert len(trials) == 16
    assert list(trials.columns[:10]) == [
        "sweep",
        "agent",
        "round",
        "trial",
        "budget",
        "periods_per_year",
        "fold",
        "seed",
        "status",
        "sharpe",
    ]
    assert list(trials.columns[10:12]) == ["value", "reason"]
    measures = {f"measure_{name}" for name in MEASURES if name != "sharpe"}
    assert set(trials.columns[12:]) == measures | set(finished.config["search_spaces"]["ppo"])
    assert list(trials["value"]) == list(trials["sharpe"])  # the objective is the Sharpe ratio
    for trial, runs in trials.groupby(["round", "trial"]):
        score = json.loads((finished.folder / SWEEP / "round_{}/trial_{}/score.json".format(*trial)).read_text())
        assert abs(score["score"] - runs["sharpe"].mean()) < 1e-12


def test_the_incumbent_is_the_best_trial_and_the_backtest_trains_it(finished):
    folder = finished.folder / SWEEP
    scores = [json.loads(path.read_text())["score"] for path in folder.glob("round_*/trial_*/score.json")]
    incumbent = yaml.safe_load((folder / "incumbent.yaml").read_text())[0]
    assert incumbent["score"] == max(scores)
    backtested = yaml.safe_load((folder / "backtest/rank_1/config.yaml").read_text())
    assert backtested["configuration"] == incumbent["configuration"]


def test_results_keep_their_schemas(finished):
    for schema, pattern in (("trial", "*/trial_*/config.yaml"), ("sharpe", "*/trial_*/fold_*/seed_*/sharpe.json")):
        validator = Draft202012Validator(yaml.safe_load((ROOT / f"schemas/{schema}.schema.yaml").read_text()))
        paths = list((finished.folder / SWEEP).glob(pattern))
        assert len(paths) in (4, 16)
        for path in paths:
            validator.validate(yaml.safe_load(path.read_text()))


def test_no_fold_holds_a_test_day(finished):
    for path in (finished.folder / "results/markets/toy/folds").glob("*.json"):
        assert json.loads(path.read_text())["validation"]["last_day"] < "2000-10-02"


@pytest.mark.slow
def test_a_second_clone_gives_the_same_bytes(finished, toy):
    done = toy.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    assert toy.bytes_of_results() == finished.bytes_of_results()


def test_the_page_of_a_finished_sweep_has_its_verdict_first_and_every_section(finished):
    page = (finished.folder / "results/report.html").read_text()
    verdict = json.loads((finished.folder / SWEEP / "verdict.json").read_text())
    text = html.unescape(page)
    for question in ("skill", "tuning", "selection"):
        assert verdict[question]["sentence"] in text
    sections = re.findall(r"<h3>(.*?)</h3>", page)
    names = ["Verdict", "Sweep", "Training", "Trading on the test days", "Failures", "Provenance", "All runs"]
    assert sections == [*names, "Folds", "Data"]
    assert "yet" not in re.sub(r"(?s)<(script|style).*?</\1>", "", page)  # nothing is missing
    assert len(json.loads(unpacked(page, "payload"))) > 20


def test_snakemakes_own_report_stands_alone(finished):
    report = finished.folder / "results/snakemake_report.html"
    done = finished.snakemake("--report", str(report))
    assert done.returncode == 0, done.stdout[-3000:]
    page = report.read_text()
    for caption in ("The verdict of ppo_smac", "Growth on the test days", "Importance of the hyperparameters"):
        assert caption in page
    assert '<script src="http' not in page
    assert '<link href="http' not in page

"""What reruns what: each row of the README's promise on the real workflow."""

import os
import shutil
import time

import pandas as pd
import pytest

from tests.workflow.toy import Toy, executed, jobs

SWEEP = "results/sweeps/ppo_smac"
PLOTS = {"plot_equity": 1, "plot_importance": 1, "plot_progress": 1, "plot_sharpe": 1}
# One run of one trial, and what is gathered from it again.
ONE_RUN = {"train_agent": 1, "score_trial": 1, "collect_trials": 1, "judge_sweep": 1, **PLOTS}
RUN = f"{SWEEP}/round_0/trial_1/fold_1/seed_0"


@pytest.fixture
def done(finished, tmp_path):
    """A copy of the finished sweep, with Snakemake's records, free to change."""
    return copy_of(finished, tmp_path)


def copy_of(toy, folder):
    shutil.copytree(toy.folder, folder, dirs_exist_ok=True)
    return Toy(folder)


def run(toy, *arguments):
    finished = toy.snakemake(*arguments)
    assert finished.returncode == 0, finished.stdout[-3000:]
    return {rule: count for rule, count in executed(finished.stdout).items() if rule != "all"}


def change_code(toy, path, old, new):
    file = toy.folder / "workflow_scripts" / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_nothing_changed_and_nothing_runs(done):
    assert run(done) == {}


def test_touching_every_file_runs_nothing(done):
    later = time.time() + 60
    for path in sorted(done.folder.rglob("*"), key=lambda path: path.name):
        if path.is_file() and ".snakemake" not in path.parts:
            later += 0.01
            os.utime(path, (later, later))
    assert run(done) == {}


def test_a_fresh_checkout_with_the_same_results_runs_nothing(done):
    shutil.rmtree(done.folder / ".snakemake")
    assert run(done) == {}


def test_a_comment_runs_nothing(done):
    for path in (done.folder / "workflow_scripts").rglob("*.py"):
        path.write_text("# A comment.\n" + path.read_text())
    assert jobs(done.snakemake("-n").stdout) == {}


def test_rows_of_the_last_fold_rerun_its_runs_and_what_stands_above_them_and_no_proposal(done):
    proposals = {path: path.read_bytes() for path in (done.folder / SWEEP).glob("round_*/proposals.json")}
    last = pd.read_json(done.folder / "results/markets/toy/folds/fold_1.json", typ="series")["validation"]["last_day"]
    prices = pd.read_csv(done.folder / "prices.csv")
    row = prices.index[prices["date"] == last][0]
    prices.loc[row, ["open", "high", "low", "close"]] *= 1.02
    prices.to_csv(done.folder / "prices.csv", index=False)
    assert run(done) == {
        "download_bars": 1,
        "split_folds": 1,
        "train_agent": 8,  # 4 trials × fold 1 × 2 seeds
        "score_trial": 4,
        "evaluate_baselines": 1,
        "collect_trials": 1,
        "estimate_importance": 1,
        "backtest_baselines": 1,
        "backtest_incumbent": 6,
        "judge_sweep": 1,
        **PLOTS,
    }
    assert proposals == {path: path.read_bytes() for path in proposals}


@pytest.mark.slow
def test_a_market_extended_at_its_end_reruns_no_run_of_a_fold(done):
    """Scores are gathered again: Snakemake spares what reads a checkpoint's files, and not what stands above that."""
    done.config["markets"]["toy"]["end"] = "2001-01-31"
    done.write_config()
    ran = run(done)
    assert ran == {
        "download_bars": 1,
        "split_folds": 1,
        "evaluate_baselines": 1,
        "score_trial": 4,
        "collect_trials": 1,
        "backtest_baselines": 1,
        "backtest_incumbent": 6,
        "judge_sweep": 1,
        **PLOTS,
    }


def test_a_round_more_adds_its_jobs_and_aggregation(done):
    done.config["sweeps"]["ppo_smac"]["rounds"] = 3
    done.write_config()
    said = done.snakemake("-n").stdout
    counted = jobs(said)
    assert counted["propose_trials_ppo_smac_2"] == 1
    assert (counted["train_agent"], counted["score_trial"]) == (8, 2)  # 2 trials × 2 folds × 2 seeds
    assert {"download_bars", "split_folds", "propose_trials_ppo_smac_0"}.isdisjoint(counted)


def test_a_seed_more_adds_its_runs(done):
    done.config["seeds"]["tuning"] = [0, 1, 2]
    done.write_config()
    counted = jobs(done.snakemake("-n").stdout)
    assert (counted["train_agent"], counted["score_trial"]) == (8, 4)  # 4 trials × 2 folds × 1 seed
    assert not any(rule.startswith("propose") for rule in counted)


@pytest.mark.slow
def test_a_fold_more_trains_that_fold_alone(done):
    done.config["folds"]["count"] = 3
    done.write_config()
    ran = run(done, "--until", "score_trial")
    assert ran == {"split_folds": 1, "train_agent": 8, "score_trial": 4}  # 4 trials × fold 2 × 2 seeds


def test_a_sweep_more_leaves_the_first_alone(done):
    done.config["sweeps"]["second"] = done.config["sweeps"]["ppo_smac"] | {"seed": 5}
    done.write_config()
    counted = jobs(done.snakemake("-n").stdout)
    assert counted["train_agent"] == 16
    assert counted["judge_sweep"] == 1
    assert "propose_trials_ppo_smac_0" not in counted


@pytest.mark.slow
def test_a_larger_budget_for_the_incumbent_trains_the_backtest_alone(done):
    done.config["backtest"]["budget"] = 96
    done.write_config()
    ran = run(done)
    assert "train_agent" not in ran
    assert ran["backtest_incumbent"] == 4  # (rank 1, default) × 2 seeds; the untrained policy keeps its budget of 0


def test_code_that_training_imports_reruns_every_run_and_no_proposal(done):
    change_code(done, "training/trading_env.py", "LARGEST_TILT = 3.0", "LARGEST_TILT = 2.9")
    counted = jobs(done.snakemake("-n").stdout)
    assert counted["train_agent"] == 16
    assert not any(rule.startswith("propose") for rule in counted)


def test_a_policy_that_was_deleted_reruns_its_run(done):
    before = (done.folder / RUN / "policy.pt").read_bytes()
    (done.folder / RUN / "policy.pt").unlink()
    assert run(done) == ONE_RUN
    assert (done.folder / RUN / "policy.pt").read_bytes() == before


@pytest.mark.slow
def test_a_policy_that_was_truncated_reruns_its_run(done):
    path = done.folder / RUN / "policy.pt"
    before = path.read_bytes()
    path.write_bytes(before[:1000])
    assert run(done) == ONE_RUN
    assert path.read_bytes() == before


def test_a_plots_style_redraws_that_plot(done):
    change_code(done, "analysis/plot_equity.py", "linewidth=1.2", "linewidth=1.3")
    assert run(done) == {"plot_equity": 1}


def test_replay_on_unchanged_scores_gives_the_same_bytes_and_reruns_nothing(done):
    before = done.bytes_of_results()
    ran = run(done, "--config", "replay=true")
    assert "train_agent" not in ran
    assert done.bytes_of_results() == before


def test_a_changed_search_space_of_kept_rounds_is_refused(done):
    done.config["search_spaces"]["ppo"]["learning_rate"]["upper"] = 0.01
    done.write_config()
    said = done.snakemake("-n")
    assert said.returncode != 0
    assert "search_space.learning_rate.upper was 0.001, is now 0.01" in said.stdout
    for way in (
        "give the changed sweep a new name",
        "--config replay=true",
        "or delete results/sweeps/ppo_smac/round_0",
    ):
        assert way in said.stdout


def test_deleting_the_last_round_proposes_it_again_from_the_scores(done):
    before = (done.folder / SWEEP / "round_1/proposals.json").read_bytes()
    shutil.rmtree(done.folder / SWEEP / "round_1")
    counted = jobs(done.snakemake("-n").stdout)
    assert (counted["propose_trials_ppo_smac_1"], counted["train_agent"]) == (1, 8)
    run(done, "--until", "propose_trials_ppo_smac_1")
    assert (done.folder / SWEEP / "round_1/proposals.json").read_bytes() == before

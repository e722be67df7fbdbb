"""What reruns what: each row of the README's promise on the real workflow."""

import os
import re
import shutil
import time
from collections import Counter

import pandas as pd
import pytest

from tests.workflow.toy import executed, jobs
from workflow_scripts.workflow.paths import FILES_OF_RUN

SWEEP = "results/sweeps/ppo_smac"
PLOTS = {
    "compare_sweeps": 1,
    "plot_equity": 1,
    "plot_importance": 1,
    "plot_progress": 1,
    "plot_sharpe": 1,
    "write_report": 1,
}
# One run of one trial, and what is gathered from it again.
ONE_RUN = {
    "train_agent": 1,
    "score_trial": 1,
    "collect_trials": 1,
    "open_test_days": 1,
    **{plot: 1 for plot in PLOTS if plot != "write_report"},  # the page reads what came out equal
}
SPARED_ABOVE_ONE_RUN = {
    "judge_sweep": 1,
    "backtest_incumbent": 6,
    "vary_execution": 1,
    "estimate_importance": 1,
    "write_report": 1,
}
RUN = f"{SWEEP}/round_0/trial_1/fold_1/seed_0"

WRITERS = [
    (r"results/markets/\w+/bars.parquet", "download_bars"),
    (r"results/markets/\w+/features.npz", "compute_features"),
    (r"results/markets/\w+/folds/fold_0.json", "split_folds"),
    (r"results/markets/\w+/baselines.json", "evaluate_baselines"),
    (r"results/sweeps/(\w+)/round_(\d+)/proposals.json", "propose_trials_{0}_{1}"),
    (r"results/sweeps/\w+/round_\d+/trial_\d+/fold_\d+/seed_\d+/sharpe.json", "train_agent"),
    (r"results/sweeps/\w+/round_\d+/trial_\d+/score.json", "score_trial"),
    (r"results/sweeps/\w+/trials.csv", "collect_trials"),
    (r"results/sweeps/\w+/preregistration.json", "open_test_days"),
    (r"results/sweeps/\w+/backtest/\w+/seed_\d+/sharpe.json", "backtest_incumbent"),
    (r"results/sweeps/\w+/backtest/equal_weight/returns.parquet", "backtest_baselines"),
    (r"results/sweeps/\w+/execution.json", "vary_execution"),
    (r"results/sweeps/\w+/importance.json", "estimate_importance"),
    (r"results/sweeps/\w+/verdict.json", "judge_sweep"),
    (r"results/sweeps/\w+/(\w+).svg", "plot_{0}"),
    (r"results/leaderboard.svg", "compare_sweeps"),
    (r"results/report.html", "write_report"),
]


@pytest.fixture
def done(finished, tmp_path):
    """A copy of the finished sweep, with Snakemake's records, free to change."""
    return finished.copy(tmp_path)


def run(toy, *arguments, spared=None):
    """Return the jobs that a run executed, by its own account; the dry run before it and the files must agree.

    ``spared`` counts the jobs that the dry run announces, and that equal bytes from a checkpoint then make needless.
    """
    planned = jobs(toy.snakemake("-n", *arguments).stdout)
    before = modified(toy)
    finished = toy.snakemake(*arguments)
    assert finished.returncode == 0, finished.stdout[-3000:]
    ran = {rule: count for rule, count in executed(finished.stdout).items() if rule != "all"}
    expected = Counter({rule: count for rule, count in planned.items() if rule != "all"})
    expected.subtract(spared or {})
    assert ran == {rule: count for rule, count in expected.items() if count}
    written = Counter(rule_of(path) for path, changed in modified(toy).items() if before.get(path) != changed)
    assert {rule: count for rule, count in written.items() if rule} == ran
    return ran


def modified(toy):
    return {
        path.relative_to(toy.folder).as_posix(): path.stat().st_mtime_ns
        for path in (toy.folder / "results").rglob("*")
        if path.is_file()
    }


def rule_of(path):
    """Return the rule that wrote a file, for one file of each job; nothing for the others."""
    return next(
        (rule.format(*found.groups()) for pattern, rule in WRITERS if (found := re.fullmatch(pattern, path))), None
    )


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


def test_how_runs_start_and_how_long_they_may_take_reruns_nothing(done):
    done.config["training"] |= {"warm_workers": False, "limit_minutes": 5}
    done.write_config()
    assert jobs(done.snakemake("-n").stdout) == {}


def test_a_fresh_checkout_with_the_same_results_runs_nothing(done):
    shutil.rmtree(done.folder / ".snakemake")
    assert run(done) == {}


def test_another_look_back_of_turbulence_downloads_nothing(done):
    done.config["features"]["turbulence_days"] = 50
    done.write_config()
    planned = jobs(done.snakemake("-n").stdout)
    assert planned["compute_features"] == 1
    assert "download_bars" not in planned


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
    # The dry run cannot know which folds the new rows are in.
    assert run(done, spared={"train_agent": 8}) == {
        "download_bars": 1,
        "compute_features": 1,
        "split_folds": 1,
        "train_agent": 8,  # 4 trials × fold 1 × 2 seeds
        "score_trial": 4,
        "evaluate_baselines": 1,
        "collect_trials": 1,
        "estimate_importance": 1,
        "open_test_days": 1,
        "backtest_baselines": 1,
        "backtest_incumbent": 6,
        "vary_execution": 1,
        "judge_sweep": 1,
        **PLOTS,
    }
    assert proposals == {path: path.read_bytes() for path in proposals}


def more_rounds(toy):
    toy.config["sweeps"]["ppo_smac"]["rounds"] = 3


def more_seeds(toy):
    toy.config["seeds"]["tuning"] = [0, 1, 2]


def more_folds(toy):
    toy.config["folds"]["count"] = 3


def more_sweeps(toy):
    """Another sweep, of an agent that was not there."""
    space = toy.config["search_spaces"]["ppo"]
    toy.config["search_spaces"]["sac"] = {name: space[name] for name in ("learning_rate", "net_dims_0", "net_dims_1")}
    toy.config["sweeps"]["second"] = toy.config["sweeps"]["ppo_smac"] | {"agent": "sac"}


def more_days(toy):
    toy.config["markets"]["toy"]["end"] = "2001-01-31"


def more_budget_for_the_incumbent(toy):
    toy.config["backtest"]["budget"] = 96


def other_training_code(toy):
    change_code(toy, "training/environment/kernels.py", "LARGEST_TILT = 3.0", "LARGEST_TILT = 2.9")


ABOVE = {"collect_trials": 1, "estimate_importance": 1, "judge_sweep": 1, **PLOTS}
# Change, the jobs that run, and those that the dry run announces beside them and equal bytes then spare.
# Scores are gathered again: Snakemake spares what reads a checkpoint's files, and not what stands above that.
CHANGES = [
    (
        more_rounds,
        # The third round finds a better trial: rank 1 is trained anew with both final seeds.
        {
            "propose_trials_ppo_smac_2": 1,
            "train_agent": 8,
            "score_trial": 2,
            "open_test_days": 1,
            "backtest_incumbent": 2,
            "vary_execution": 1,
            **ABOVE,
        },
        {"backtest_incumbent": 4},
    ),
    (
        more_seeds,
        {"train_agent": 8, "score_trial": 4, "open_test_days": 1, **ABOVE},
        {"backtest_incumbent": 6, "vary_execution": 1},
    ),
    (
        more_folds,
        {"split_folds": 1, "train_agent": 8, "evaluate_baselines": 1, "score_trial": 4, "open_test_days": 1, **ABOVE},
        {"train_agent": 16, "backtest_incumbent": 6, "vary_execution": 1},
    ),
    (
        more_sweeps,
        {
            "propose_trials_second_0": 1,
            "propose_trials_second_1": 1,
            "train_agent": 16,
            "score_trial": 4,
            "open_test_days": 1,
            "backtest_baselines": 1,
            "backtest_incumbent": 6,
            "vary_execution": 1,
            **ABOVE,
            "judge_sweep": 2,  # the first sweep's verdict counts every trial of the market
        },
        {},
    ),
    (
        more_days,
        {
            "download_bars": 1,
            "compute_features": 1,
            "split_folds": 1,
            "score_trial": 4,
            "collect_trials": 1,
            "open_test_days": 1,
            "backtest_baselines": 1,
            "backtest_incumbent": 6,
            "vary_execution": 1,
            "judge_sweep": 1,
            **PLOTS,
        },
        {"train_agent": 16, "evaluate_baselines": 1, "estimate_importance": 1},
    ),
    (
        more_budget_for_the_incumbent,
        # Rank 1 and the default with two seeds each; the untrained policy keeps its budget of 0.
        {
            "open_test_days": 1,
            "backtest_incumbent": 4,
            "vary_execution": 1,
            "judge_sweep": 1,
            "plot_equity": 1,
            "write_report": 1,
        },
        {"backtest_incumbent": 2},
    ),
    (
        other_training_code,
        {
            "train_agent": 16,
            "evaluate_baselines": 1,
            "backtest_baselines": 1,
            "score_trial": 4,
            "open_test_days": 1,
            "backtest_incumbent": 6,
            "vary_execution": 1,
            **ABOVE,
        },
        {},
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("change", "ran", "spared"), CHANGES)
def test_a_change_runs_the_jobs_that_one_counts_by_hand(done, change, ran, spared):
    change(done)
    done.write_config()
    assert run(done, spared=spared) == ran


@pytest.mark.parametrize(("change", "ran", "spared"), CHANGES)
def test_the_dry_run_announces_them(done, change, ran, spared):
    change(done)
    done.write_config()
    announced = jobs(done.snakemake("-n").stdout)
    assert announced == Counter(ran) + Counter(spared) + Counter(all=1)
    assert not any(rule.startswith("propose_trials_ppo_smac_") for rule in announced if not rule.endswith("_2"))


def test_files_that_were_deleted_rerun_their_run(done):
    lost = [done.folder / RUN / name for name in ("policy.pt", "weights.parquet", "curves.parquet")]
    before = [path.read_bytes() for path in lost]
    for path in lost:
        path.unlink()
    assert run(done, spared=SPARED_ABOVE_ONE_RUN) == ONE_RUN
    assert [path.read_bytes() for path in lost] == before


@pytest.mark.parametrize(
    ("rule", "lost"),
    [
        *(("backtest_incumbent", f"rank_1/seed_10/{name}") for name in FILES_OF_RUN.values()),
        ("backtest_incumbent", "default/seed_11"),
        ("backtest_baselines", "equal_weight/returns.parquet"),
        ("backtest_baselines", "equal_weight"),
    ],
)
def test_the_dry_run_announces_what_a_backtest_lost(done, rule, lost):
    """A file or a whole folder, though the verdict that was made of it stands."""
    lose(done.folder / SWEEP / "backtest" / lost)
    announced = jobs(done.snakemake("-n").stdout)
    trainings = ("train_agent", "backtest_incumbent", "backtest_baselines")
    assert {name: announced[name] for name in trainings if name in announced} == {rule: 1}


@pytest.mark.parametrize("name", ["returns.parquet", "."])
def test_the_dry_run_announces_what_a_run_lost(done, name):
    lose(done.folder / RUN / name)
    assert jobs(done.snakemake("-n").stdout)["train_agent"] == 1


def rounds_read(toy, number, *arguments):
    """Return the rounds whose scores a round's proposals name as input, by a dry run."""
    announced = toy.snakemake("-n", *arguments).stdout
    inputs = re.search(rf"checkpoint propose_trials_ppo_smac_{number}:\n    input: (.*)\n", announced)[1]
    return sorted({int(found) for found in re.findall(r"round_(\d+)/trial_\d+/score\.json", inputs)})


def test_proposals_name_the_round_before_and_all_rounds_where_that_one_is_kept_or_replayed(done):
    done.config["sweeps"]["ppo_smac"]["rounds"] = 4
    done.write_config()
    assert [rounds_read(done, number) for number in (2, 3)] == [[0, 1], [2]]
    assert rounds_read(done, 3, "--config", "replay=true") == [0, 1, 2]


def test_proposals_wait_for_a_run_of_any_round_before(done):
    lose(done.folder / RUN)
    more_rounds(done)
    done.write_config()
    assert done.snakemake().returncode == 0
    sweep = done.folder / SWEEP
    proposed = (sweep / "round_2/proposals.json").stat().st_mtime
    assert proposed > max(score.stat().st_mtime for score in sweep.glob("round_[01]/trial_*/score.json"))


@pytest.mark.parametrize(
    ("lost", "rule"),
    [
        ("sweeps/ppo_smac/trials.csv", "collect_trials"),
        ("sweeps/ppo_smac/importance.json", "estimate_importance"),
        ("sweeps/ppo_smac/execution.json", "vary_execution"),
        ("sweeps/ppo_smac/backtest/default/config.yaml", "open_test_days"),
        ("markets/toy/folds", "split_folds"),
        ("markets/toy/baselines.json", "evaluate_baselines"),
        ("markets/toy/sealed.npz", "compute_features"),
    ],
)
def test_the_dry_run_announces_what_only_other_jobs_read(done, lost, rule):
    lose(done.folder / "results" / lost)
    assert jobs(done.snakemake("-n").stdout)[rule] == 1


def test_a_market_that_is_lost_is_made_again_and_trains_nothing(done):
    before = done.bytes_of_results()
    lose(done.folder / "results/markets/toy")
    finished = done.snakemake()
    assert finished.returncode == 0, finished.stdout[-3000:]
    assert executed(finished.stdout)["train_agent"] == executed(finished.stdout)["backtest_incumbent"] == 0
    assert done.bytes_of_results() == before


def lose(path):
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.slow
def test_a_policy_that_was_truncated_reruns_its_run(done):
    path = done.folder / RUN / "policy.pt"
    before = path.read_bytes()
    path.write_bytes(before[:1000])
    # A dry run removes nothing, so that it cannot count the jobs that follow.
    assert "policy.pt is damaged: a run of Snakemake removes it" in done.snakemake("-n").stdout
    finished = done.snakemake()
    assert finished.returncode == 0, finished.stdout[-3000:]
    assert {rule: count for rule, count in executed(finished.stdout).items() if rule != "all"} == ONE_RUN
    assert path.read_bytes() == before


def test_a_plots_style_redraws_that_plot(done):
    change_code(done, "analysis/plot_equity.py", "linewidth=1.2", "linewidth=1.3")
    assert run(done) == {"plot_equity": 1}


def test_a_verdict_that_changes_makes_the_page_anew_and_trains_nothing(done):
    done.config["backtest"]["confidence"] = 0.9
    done.write_config()
    above = {"judge_sweep": 1, "plot_equity": 1, "write_report": 1}
    assert run(done, spared={"backtest_incumbent": 6, "vary_execution": 1}) == {"open_test_days": 1, **above}


def test_the_style_of_the_page_makes_it_anew(done):
    path = done.folder / "workflow_scripts/analysis/report/page.css"
    path.write_text(path.read_text() + "h2 { font-style: italic; }\n")
    assert run(done) == {"write_report": 1}


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

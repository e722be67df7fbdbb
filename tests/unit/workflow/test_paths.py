from pathlib import Path

import pytest

from workflow_scripts.workflow.paths import (
    BACKTEST_RUN,
    RUN,
    TRIAL,
    candidate_of,
    fold_and_seed,
    folders,
    from_results,
    levels_below,
    read_back,
    root_of,
)


def test_a_path_is_named_from_its_results_on_whatever_folder_they_lie_in():
    for below in ("sweeps/my_results/round_0", "sweeps/results/round_0/trial_1", "write_report.log"):
        for root in ("", "/a/", "results/controls/", "/results/"):
            assert from_results(Path(f"{root}results/{below}")) == f"results/{below}"
    assert from_results(Path("/a/results")) == "results"
    assert from_results(Path("/a/elsewhere/round_0")) == "/a/elsewhere/round_0"


def test_a_level_builds_a_path_and_reads_it_back():
    keys = {"sweep": "ppo", "round": "0", "trial": "12", "fold": "3", "seed": "100"}
    assert read_back(RUN, Path("/elsewhere") / RUN.format(**keys)) == keys


def test_every_level_lies_below_another_folder_as_below_the_working_folder():
    keys = {"sweep": "ppo", "round": "0", "trial": "12", "fold": "3", "seed": "100"}
    levels = levels_below(Path("results/controls"))
    assert levels["RUN"] == f"results/controls/{RUN}"
    assert levels["RESULTS"] == "results/controls/results"
    assert not levels.keys() & {"MANIFEST", "NAME", "WINDOW"}
    assert read_back(RUN, Path(levels["RUN"].format(**keys))) == keys
    assert levels_below(Path())["RUN"] == RUN


@pytest.mark.parametrize("path", ["results/sweeps/ppo/round_00", "results/sweeps/Ppo/round_0", "round_0"])
def test_a_path_of_another_level_is_refused(path):
    with pytest.raises(ValueError, match="does not lie where"):
        read_back("results/sweeps/{sweep}/round_{round}", Path(path))


def test_fold_and_seed_of_a_run_are_read_from_its_files():
    assert fold_and_seed(Path("anywhere/fold_2/seed_101/sharpe.json")) == (2, 101)
    assert fold_and_seed(Path("anywhere/fold_2/seed_101")) == (2, 101)


def test_the_candidate_of_a_backtest_is_read_from_its_files():
    assert candidate_of(Path("anywhere/backtest/rank_1/seed_100/returns.parquet")) == "rank_1"


def test_folders_come_in_the_order_of_their_numbers(tmp_path):
    for trial in (10, 9, 1):
        (tmp_path / TRIAL.format(sweep="a", round=0, trial=trial)).mkdir(parents=True)
    found = folders(TRIAL, tmp_path, sweep="a")
    assert [path.name for path in found] == ["trial_1", "trial_9", "trial_10"]
    assert folders(BACKTEST_RUN, tmp_path, sweep="a") == []


def test_a_link_to_results_lies_where_it_lies_and_a_folder_of_another_name_is_none(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    assert root_of(tmp_path / "results") == tmp_path
    with pytest.raises(ValueError, match=r"disk is no folder of results: it is called 'results', whatever folder"):
        root_of(tmp_path / "disk")


def test_a_copy_beside_a_folder_is_not_listed(tmp_path):
    for name in ("trial_0", "trial_1", "trial_1.bak", "trial_1_old", "trial_"):
        (tmp_path / "results/sweeps/ppo/round_0" / name).mkdir(parents=True)
    assert [path.name for path in folders(TRIAL, tmp_path)] == ["trial_0", "trial_1"]

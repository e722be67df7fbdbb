import os

import pandas as pd
import pytest

from workflow_scripts.analysis.counted import counted_backtest, counted_scores
from workflow_scripts.workflow.files import write_json


@pytest.fixture
def sweep(tmp_path):
    """A sweep of two rounds of two trials, of which its table has the first."""
    for second, place in enumerate(("round_0/trial_0", "round_0/trial_1", "round_1/trial_0", "round_1/trial_1")):
        write_json(tmp_path / place / "score.json", {})
        os.utime(tmp_path / place / "score.json", (second, second))
    table = pd.DataFrame({"round": [0, 0, 0], "trial": [0, 0, 1], "fold": [0, 1, 0]})
    table.to_csv(tmp_path / "trials.csv", index=False)
    return tmp_path


def places(paths):
    return [f"{path.parts[-3]}/{path.parts[-2]}" for path in paths]


def test_trials_of_rounds_that_were_taken_back_do_not_count(sweep):
    os.utime(sweep / "trials.csv", (9, 9))
    assert places(counted_scores(sweep)) == ["round_0/trial_0", "round_0/trial_1"]


def test_trials_that_came_after_the_table_count_and_so_do_all_without_it(sweep):
    os.utime(sweep / "trials.csv", (2, 2))
    assert len(counted_scores(sweep)) == 4
    (sweep / "trials.csv").unlink()
    assert len(counted_scores(sweep)) == 4


@pytest.mark.parametrize(("more", "of_ensembles"), [({}, []), ({"ensemble": 2}, ["ensemble/seed_0"])])
def test_runs_on_the_test_days_are_those_that_the_preregistration_names(sweep, more, of_ensembles):
    for place in ("rank_1/seed_0", "rank_1/seed_1", "rank_1/seed_2", "rank_2/seed_0", "ensemble/seed_0"):
        (sweep / "backtest" / place).mkdir(parents=True)
    (sweep / "backtest/ensemble/seed_1").mkdir()
    assert len(counted_backtest(sweep)) == 6
    write_json(sweep / "preregistration.json", {"candidates": {"rank_1": {}}, "seeds": [0, 1], **more})
    left = [f"{path.parent.name}/{path.name}" for path in counted_backtest(sweep)]
    assert left == [*of_ensembles, "rank_1/seed_0", "rank_1/seed_1"]

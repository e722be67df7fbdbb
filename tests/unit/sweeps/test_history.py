import pytest

from workflow_scripts.sweeps.history import Score, costs, rank, read_score, write_score


def trial(number, value=None, status="ok"):
    return Score("toy", 0, number, 100, status, None if status == "ok" else status, value, None, {})


def test_trials_rank_by_score_then_undefined_then_flat_then_failed():
    trials = [trial(0, status="failed"), trial(1, -3.0), trial(2, status="flat"), trial(3, 1.0), trial(4, 1.0)]
    trials.append(trial(5, status="undefined"))
    assert [score.trial for score in rank(trials)] == [3, 4, 1, 5, 2, 0]


def test_a_crash_is_told_as_the_worst_cost_that_was_seen():
    assert costs([trial(0, 1.5), trial(1, status="failed"), trial(2, -0.5)]) == [-1.5, 0.5, 0.5]


def test_a_sweep_without_a_score_says_the_most_common_reason():
    with pytest.raises(ValueError, match="none of 3 trials of toy has a score; most often: flat"):
        costs([trial(0, status="flat"), trial(1, status="failed"), trial(2, status="flat")])


def test_a_score_reads_back_and_a_damaged_one_is_named(tmp_path):
    write_score(trial(3, 1.25), tmp_path / "score.json")
    assert read_score(tmp_path / "score.json") == trial(3, 1.25)
    (tmp_path / "score.json").write_text((tmp_path / "score.json").read_text()[:40])
    with pytest.raises(ValueError, match=r"score\.json is damaged"):
        read_score(tmp_path / "score.json")

import pytest

from workflow_scripts.analysis.standing import read_scores
from workflow_scripts.sweeps.history import Score, write_score


def test_trials_of_a_centred_objective_stand_as_the_tuner_compared_them(tmp_path):
    for trial, values in enumerate([(2.0, 4.0), (0.0, 2.0)]):
        runs = [{"fold": fold, "seed": 0, "status": "ok", "value": value} for fold, value in enumerate(values)]
        mean = sum(values) / 2
        score = Score("toy", 0, trial, 8, "ok", None, mean, 1.0, {}, runs, objective="centred_mean_minus_se")
        write_score(score, tmp_path / f"round_0/trial_{trial}/score.json")
    # In each run the two lie 1 above and 1 below what they have in common, without any error between the runs.
    assert [score.score for score in read_scores(tmp_path)] == pytest.approx([1.0, -1.0])

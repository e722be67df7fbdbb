import math

from workflow_scripts.analysis.standing import read_scores, standing
from workflow_scripts.sweeps.history import Score, write_score
from workflow_scripts.workflow.files import write_json


def test_trials_of_a_centred_objective_stand_as_the_tuner_compared_them(tmp_path):
    for trial, values in enumerate([(2.0, 4.0), (0.0, 2.0)]):
        runs = [{"fold": fold, "seed": 0, "status": "ok", "value": value} for fold, value in enumerate(values)]
        mean = sum(values) / 2
        score = Score("toy", 0, trial, 8, "ok", None, mean, 1.0, {}, runs, objective="centred_mean_minus_se")
        write_score(score, tmp_path / f"round_0/trial_{trial}/score.json")
        for fold, _ in enumerate(values):
            write_json(tmp_path / f"round_0/trial_{trial}/fold_{fold}/seed_0/sharpe.json", {})
    scores = read_scores(tmp_path, math.inf)
    # In each run the two lie 1 above and 1 below what they have in common, without any error between the runs.
    assert [standing((0, trial), scores, None).score for trial in (0, 1)] == ["1.00", "-1.00"]
    (tmp_path / "round_0/trial_1/fold_1/seed_0/sharpe.json").unlink()  # it will be scored anew
    assert len(read_scores(tmp_path, math.inf)) == 1

import json

import pandas as pd
import pytest
import yaml

from workflow_scripts.sweeps.collect_trials import collect_trials
from workflow_scripts.sweeps.history import Score, write_score


def test_a_row_per_run_has_its_value_its_measures_and_the_hyperparameters(tmp_path):
    run = {"fold": 0, "seed": 1, "status": "ok", "sharpe": 1.5, "value": 3.0, "reason": None}
    run["measures"] = {"sharpe": 1.5, "alpha": 0.1, "calmar": None}
    score = Score("toy", 0, 0, 100, "ok", None, 3.0, None, {"alpha": 0.2}, [run])
    write_score(score, tmp_path / "score.json")
    files = (tmp_path / "trials.csv", tmp_path / "incumbent.yaml", tmp_path / "candidates.yaml")
    collect_trials("sac", "{}", (tmp_path / "score.json",), 1, *files)
    table = pd.read_csv(files[0])
    assert list(table)[:6] == ["sweep", "agent", "round", "trial", "budget", "periods_per_year"]
    assert list(table)[6:10] == ["fold", "seed", "status", "sharpe"]
    assert list(table)[10:] == ["value", "reason", "measure_alpha", "measure_calmar", "alpha"]
    assert (table.value[0], table.measure_alpha[0], table.alpha[0]) == (3.0, 0.1, 0.2)
    assert table.measure_calmar.isna().all()


def written(folder, scores, top):
    """The ranks' trials."""
    paths = [folder / f"score_{place}.json" for place, _ in enumerate(scores)]
    for path, score in zip(paths, scores, strict=True):
        write_score(score, path)
    files = (folder / "trials.csv", folder / "incumbent.yaml", folder / "candidates.yaml")
    collect_trials("ppo", json.dumps({"gamma": 0.9}), tuple(paths), top, *files)
    candidates = yaml.safe_load(files[2].read_text(encoding="utf-8"))
    return [candidates[f"rank_{place + 1}"] for place in range(top)]


def judged(trial, gamma, score, budget=90, phases=()):
    status = "ok" if score is not None else "flat"
    run = {"fold": 0, "seed": 1, "status": status, "sharpe": score, "value": score, "reason": None, "measures": {}}
    return Score("toy", 0, trial, budget, status, None, score, None, {"gamma": gamma}, [run], None, list(phases))


def test_ranks_are_configurations_that_differ(tmp_path):
    scores = [judged(0, 0.9, 3.0), judged(1, 0.9, 3.0), judged(2, 0.95, 2.0), judged(3, 0.99, 1.0)]
    assert [each["configuration"]["gamma"] for each in written(tmp_path, scores, 3)] == [0.9, 0.95, 0.99]


def test_where_too_few_have_a_score_those_of_a_lower_budget_follow_and_then_those_without(tmp_path):
    low = [
        judged(place, gamma, score, 30) for place, (gamma, score) in enumerate([(0.9, 9.0), (0.5, 8.0), (0.4, None)])
    ]
    full = [judged(0, 0.9, 1.0), judged(1, 0.8, None)]
    ranks = written(tmp_path, [*low, *full], 4)
    assert [each["configuration"]["gamma"] for each in ranks] == [0.9, 0.5, 0.8, 0.4]
    assert {each["budget"] for each in ranks} == {90}
    with pytest.raises(ValueError, match="4 trainings that differ do not fill 5 ranks: lower backtest"):
        written(tmp_path, [*low, *full], 5)


def test_members_of_a_population_that_end_alike_are_two_where_they_came_by_other_ways(tmp_path):
    ways = [[{"budget": 30, "configuration": {"gamma": gamma}}] for gamma in (0.5, 0.6, 0.5)]
    scores = [judged(place, 0.9, 3.0 - place, phases=way) for place, way in enumerate(ways)]
    ranks = written(tmp_path, [*scores, judged(3, 0.8, 0.0, phases=ways[0])], 3)
    assert [each["trial"] for each in ranks] == [0, 1, 3]

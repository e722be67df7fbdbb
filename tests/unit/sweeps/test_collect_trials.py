import pandas as pd

from workflow_scripts.sweeps.collect_trials import collect_trials
from workflow_scripts.sweeps.history import Score, write_score


def test_a_row_per_run_has_its_value_its_measures_and_the_hyperparameters(tmp_path):
    run = {"fold": 0, "seed": 1, "status": "ok", "sharpe": 1.5, "value": 3.0, "reason": None}
    run["measures"] = {"sharpe": 1.5, "alpha": 0.1, "calmar": None}
    score = Score("toy", 0, 0, 100, "ok", None, 3.0, None, {"alpha": 0.2}, [run])
    write_score(score, tmp_path / "score.json")
    files = (tmp_path / "trials.csv", tmp_path / "incumbent.yaml")
    collect_trials("sac", (tmp_path / "score.json",), 1, *files)
    table = pd.read_csv(files[0])
    assert list(table)[:6] == ["sweep", "agent", "round", "trial", "budget", "periods_per_year"]
    assert list(table)[6:10] == ["fold", "seed", "status", "sharpe"]
    assert list(table)[10:] == ["value", "reason", "measure_alpha", "measure_calmar", "alpha"]
    assert (table.value[0], table.measure_alpha[0], table.alpha[0]) == (3.0, 0.1, 0.2)
    assert table.measure_calmar.isna().all()

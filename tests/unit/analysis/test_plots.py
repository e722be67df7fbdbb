"""What the plots draw of trials without a number."""

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.analysis.plot_progress import _error_of_difference, plot_progress
from workflow_scripts.analysis.plot_sharpe import plot_sharpe
from workflow_scripts.sweeps.history import Score, write_score


def trial(place, values, status="ok"):
    runs = [{"fold": fold, "seed": 0, "value": value} for fold, value in enumerate(values)]
    score = float(np.mean(values)) if status == "ok" else None
    return Score("toy", 0, place, 100, status, None, score, None, {}, runs, objective="calmar")


WITHOUT = [trial(place, [None, None], status) for place, status in enumerate(("undefined", "flat", "failed"), 3)]


@pytest.mark.parametrize("scored", [[trial(0, [1.0, 2.0]), trial(1, [0.5, 2.5])], [trial(0, [1.0])], []])
def test_trials_without_a_score_are_drawn_as_what_they_are(tmp_path, scored):
    paths = []
    for score in [*scored, *WITHOUT]:
        paths.append(tmp_path / f"score_{score.trial}.json")
        write_score(score, paths[-1])
    days = {"date": pd.to_datetime(["2021-01-04", "2021-01-05"]), "benchmark": [0.1, -0.1], "equal_weight": [0.0, 0.0]}
    pd.DataFrame(days).to_parquet(tmp_path / "fold_0.parquet", index=False)
    files = (tuple(paths), (tmp_path / "fold_0.parquet",))
    plot_progress("toy", *files, tmp_path / "progress.svg")
    plot_sharpe("toy", files[0], "{}", files[1], tmp_path / "sharpe.svg")
    for name in ("progress", "sharpe"):
        drawn = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        assert "nan" not in drawn
        assert "Calmar ratio" in drawn


def test_a_bar_needs_two_runs_that_both_trials_have():
    first = trial(0, [1.0, 2.0])
    assert _error_of_difference(first, first) == 0
    assert _error_of_difference(trial(1, [1.5, 3.5]), first) == pytest.approx(0.5)
    assert np.isnan(_error_of_difference(trial(1, [1.5]), first))
    assert np.isnan(_error_of_difference(WITHOUT[0], first))

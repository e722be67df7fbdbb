import numpy as np
import pandas as pd
import pytest

from workflow_scripts.analysis.baselines import baseline_scores, baseline_values
from workflow_scripts.sweeps import objectives

SHARPE, EXCESS = objectives.find("sharpe"), objectives.find("excess_sharpe")


@pytest.fixture
def folds(tmp_path):
    """Two folds of two days: equal weight earns 0.01 and 0.03 beyond the benchmark; one holds nothing in the second."""
    written = []
    for fold, held in enumerate(([0.01, 0.03], [0.0, 0.0])):
        days = {"date": pd.to_datetime(["2021-01-04", "2021-01-05"]), "benchmark": [0.1, 0.3]}
        written.append(tmp_path / f"fold_{fold}.parquet")
        pd.DataFrame(days | {"equal_weight": [0.11, 0.33], "buy_and_hold": held}).to_parquet(written[-1], index=False)
    return written


def test_a_baseline_is_worth_what_a_run_with_its_returns_is(folds):
    year = np.sqrt(2 * 252)
    values = baseline_values(folds, EXCESS)
    assert values["equal_weight"] == pytest.approx({0: year, 1: year})
    assert values["benchmark"] == {}
    assert baseline_values(folds, SHARPE)["buy_and_hold"] == pytest.approx({0: year})


def test_a_baseline_that_one_fold_leaves_undefined_has_no_score(folds):
    year = np.sqrt(2 * 252)
    assert baseline_scores(folds, SHARPE) == pytest.approx({"benchmark": year, "equal_weight": year})
    assert baseline_scores(folds, EXCESS) == pytest.approx({"equal_weight": year, "buy_and_hold": -year})

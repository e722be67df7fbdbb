import json

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.analysis.estimate_importance import estimate_importance
from workflow_scripts.analysis.importance import METHODS, TooFewTrialsError, estimate
from workflow_scripts.analysis.plot_importance import plot_importance

SPACE = {
    "matters": {"type": "float", "lower": 1e-5, "upper": 1e-3, "log": True, "default": 1e-4},
    "dead": {"type": "int", "lower": 1, "upper": 64, "log": False, "default": 8},
    "idle": {"type": "categorical", "choices": ["x", "y"], "default": "x"},
    "fixed": {"type": "constant", "default": 3},
}


def trials(count):
    rng = np.random.default_rng(0)
    rows = []
    for trial in range(count):
        learning = float(np.exp(rng.uniform(np.log(1e-5), np.log(1e-3))))
        values = {
            "matters": learning,
            "dead": int(rng.integers(1, 65)),
            "idle": str(rng.choice(["x", "y"])),
            "fixed": 3,
        }
        for fold in range(2):
            for seed in range(2):
                value = -abs(np.log(learning / 1e-4)) + fold + rng.normal(0, 0.1)
                rows.append({"round": 0, "trial": trial, "fold": fold, "seed": seed, "status": "ok", "value": value})
                rows[-1] |= values
    return pd.DataFrame(rows)


def test_the_hyperparameter_that_matters_comes_first_and_dead_ones_near_zero():
    found, undefined = estimate(trials(80), SPACE, resamples=4, seed=0)
    assert (set(found), undefined) == (set(METHODS), {})
    for shares in found.values():
        assert set(shares) == {"matters", "dead", "idle"}
        assert shares["matters"]["mean"] > 0.75
        assert shares["dead"]["mean"] < 0.2
        assert shares["idle"]["mean"] < 0.1
        assert sum(share["mean"] for share in shares.values()) == pytest.approx(1)


def test_trials_without_a_score_in_every_run_do_not_count():
    table = trials(6)
    table.loc[table["trial"] > 2, "value"] = np.nan
    with pytest.raises(TooFewTrialsError, match=r"needs 4 trials .* and there are 3"):
        estimate(table, SPACE, resamples=2, seed=0)


@pytest.mark.parametrize("value", [0.0, 1.3])
def test_trials_that_are_all_worth_the_same_have_no_importance(tmp_path, value):
    table = trials(8).assign(value=value, budget=100)
    table.to_csv(tmp_path / "trials.csv", index=False)
    estimate_importance(tmp_path / "trials.csv", json.dumps(SPACE), 3, tmp_path / "importance.json")
    content = json.loads((tmp_path / "importance.json").read_text(encoding="utf-8"))
    assert content["methods"] == {}
    assert content["reason"].startswith(
        "fanova: 3 of 3 bootstraps have no importance: nothing in them varies; ped_anova"
    )
    plot_importance("toy", tmp_path / "importance.json", tmp_path / "importance.svg")
    assert (tmp_path / "importance.svg").exists()


def test_a_method_that_sees_no_difference_is_missing_and_says_so(tmp_path):
    """PED-ANOVA compares the best quarter with all trials: where all but one are equal they are the same."""
    table = trials(12)
    table["value"] = np.where(table.trial == 0, 2.0, 1.0)
    found, undefined = estimate(table, SPACE, resamples=3, seed=0)
    assert set(found) == {"fanova", "local"}
    assert list(undefined) == ["ped_anova"]
    content = {"methods": found, "undefined": undefined, "resamples": 3, "reason": None}
    (tmp_path / "importance.json").write_text(json.dumps(content), encoding="utf-8")
    plot_importance("toy", tmp_path / "importance.json", tmp_path / "importance.svg")

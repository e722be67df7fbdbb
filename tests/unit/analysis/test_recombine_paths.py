import json

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.analysis.recombine_paths import recombine_paths
from workflow_scripts.data.folds import combinatorial
from workflow_scripts.sweeps.history import Score, write_score
from workflow_scripts.training.sharpe import sharpe_ratio

PART = 30
DATES = pd.bdate_range("2020-01-01", periods=4 * PART)
FOLDS = combinatorial(4 * PART, 4, 2, 2, 2)  # 6 folds, 3 paths


def write_table(path, column, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"date": pd.bdate_range("2020-01-01", periods=len(values)), column: values}).to_parquet(path)


def earned(fold, part):
    """Return what the policy of a fold earned on a part, unlike all others."""
    return np.random.default_rng([fold, part]).normal(0.001, 0.01, PART - 1)


@pytest.fixture
def sweep(tmp_path):
    """Folds, and one trial with two seeds of which the second earns twice as much."""
    for number, fold in enumerate(FOLDS):
        runs = [{"first_day": f"{DATES[part.start]:%Y-%m-%d}", "bars": PART} for part in fold.validation]
        described = {"validation": {"runs": runs, "paths": list(fold.paths)}}
        (tmp_path / f"fold_{number}.json").write_text(json.dumps(described))
        numbers = [part.start // PART for part in fold.validation]
        same_for_all = np.concatenate([earned(99, part) for part in numbers])
        write_table(tmp_path / f"fold_{number}.parquet", "benchmark", same_for_all)
        for seed in (0, 1):
            rows = np.concatenate([earned(number, part) for part in numbers]) + seed * 0.001
            write_table(tmp_path / f"round_0/trial_0/fold_{number}/seed_{seed}/returns.parquet", "daily_return", rows)
    return tmp_path


def judged(sweep, status="ok", seeds=(0, 1), folds=6):
    runs = [
        {"fold": fold, "seed": seed, "status": status, "reason": None if status == "ok" else "it diverged"}
        for fold in range(folds)
        for seed in seeds
    ]
    score = 1.0 if status == "ok" else None
    write_score(Score("toy", 0, 0, 64, status, None, score, None, {}, runs), sweep / "round_0/trial_0/score.json")
    files = [tuple(sweep / f"fold_{number}.{kind}" for number in range(6)) for kind in ("json", "parquet")]
    recombine_paths((sweep / "round_0/trial_0/score.json",), *files, sweep / "paths.json")
    return json.loads((sweep / "paths.json").read_text())


def test_a_path_joins_each_part_once_by_the_policy_that_its_fold_trained_without_it(sweep):
    stated = judged(sweep, seeds=(0,))
    # The first time that a part validates is on path 0, the second on path 1, the third on path 2.
    by_hand = []
    for path in range(3):
        times = {
            part: [n for n, fold in enumerate(FOLDS) if range(part * PART, (part + 1) * PART) in fold.validation]
            for part in range(4)
        }
        by_hand.append(sharpe_ratio(np.concatenate([earned(times[part][path], part) for part in range(4)])))
    trial = stated["trials"]["round_0/trial_0"]
    np.testing.assert_allclose(trial["sharpe"], by_hand)
    assert (stated["paths"], stated["days"], stated["incumbent"]) == (3, 4 * (PART - 1), "round_0/trial_0")
    assert trial["mean"] == pytest.approx(np.mean(by_hand))
    assert trial["standard_deviation"] == pytest.approx(np.std(by_hand, ddof=1))
    assert trial["lowest"] == pytest.approx(min(by_hand))


def test_the_benchmark_is_the_same_on_every_path(sweep):
    expected = sharpe_ratio(np.concatenate([earned(99, part) for part in range(4)]))
    assert judged(sweep)["benchmark"]["sharpe"] == pytest.approx(expected)


def test_a_path_has_the_mean_over_seeds(sweep):
    first, both, second = (judged(sweep, seeds=seeds)["trials"]["round_0/trial_0"] for seeds in ((0,), (0, 1), (1,)))
    assert both["seeds"] == 2
    assert both["mean"] == pytest.approx((first["mean"] + second["mean"]) / 2)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"status": "failed"}, "12 of 12 runs have no returns: failed, it diverged"),
        ({"folds": 4}, "it was judged on 4 of 6 folds"),
    ],
)
def test_a_trial_with_holes_is_left_out_with_its_reason(sweep, more, reason):
    stated = judged(sweep, **more)
    assert (stated["trials"], stated["left_out"]) == ({}, {"round_0/trial_0": reason})


def test_returns_of_other_days_than_the_parts_are_refused(sweep):
    write_table(sweep / "round_0/trial_0/fold_3/seed_0/returns.parquet", "daily_return", np.zeros(7))
    with pytest.raises(ValueError, match="has 7 returns, and the parts of its fold 58"):
        judged(sweep)

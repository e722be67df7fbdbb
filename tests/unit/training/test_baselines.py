import json

import numpy as np
import pytest

from workflow_scripts.data.bars import write_bars
from workflow_scripts.data.folds import cut_fold, walk_forward, write_fold
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.markets import synthetic_bars
from workflow_scripts.training.evaluate_baselines import evaluate_baselines
from workflow_scripts.training.evaluation import run_baseline
from workflow_scripts.training.oracle import oracle_episode
from workflow_scripts.training.sharpe import sharpe_ratio
from workflow_scripts.training.trading_env import EnvironmentSettings


@pytest.fixture(scope="module")
def planted():
    bars = synthetic_bars(4, 400, 0.005, 10, 0.01, seed=1)
    features = compute_features(bars, turbulence_days=60)
    fold = walk_forward(339, 1, 130, 200, 5)[0]
    return bars, cut_fold(features, fold)[0], features.indicators[list(fold.validation), :, -1]


def test_the_oracle_beats_equal_weight_and_blindness_does_not(planted):
    _, fold, signal = planted
    environment = EnvironmentSettings()
    equal = sharpe_ratio(run_baseline("equal_weight", fold.validation, environment).daily_returns)
    assert sharpe_ratio(oracle_episode(fold.validation, signal, environment)[0].daily_returns) > equal + 2
    stale = np.roll(signal, 100, axis=0)
    assert sharpe_ratio(oracle_episode(fold.validation, stale, environment)[0].daily_returns) < equal + 2


def test_dearer_trades_cost_the_oracle(planted):
    _, fold, signal = planted
    sharpes = [
        sharpe_ratio(oracle_episode(fold.validation, signal, EnvironmentSettings(cost_pct=cost))[0].daily_returns)
        for cost in (0.0, 0.002, 0.01)
    ]
    assert sharpes == sorted(sharpes, reverse=True)


def test_the_baselines_of_each_fold_are_written_with_the_oracle_beside_them(planted, tmp_path):
    bars, fold, _ = planted
    write_bars(bars, tmp_path / "bars.parquet")
    write_fold(fold, {}, tmp_path / "fold_0.npz")
    evaluate_baselines((tmp_path / "fold_0.npz",), tmp_path / "bars.parquet", tmp_path / "baselines.json", oracle=True)
    (row,) = json.loads((tmp_path / "baselines.json").read_text())
    assert row["fold"] == 0
    assert row["oracle"] > row["equal_weight"]
    assert set(row["oracle_parameters"]) == {"gain", "speed"}


@pytest.mark.parametrize("name", ["equal_weight", "buy_and_hold"])
def test_a_baseline_that_can_buy_nothing_is_refused_in_numbers(planted, name):
    _, fold, _ = planted
    with pytest.raises(ValueError, match=rf"{name} cannot buy a single lot: of 100000 .* initial_cash is 1,000,000"):
        run_baseline(name, fold.validation, EnvironmentSettings(lot_size=100_000))

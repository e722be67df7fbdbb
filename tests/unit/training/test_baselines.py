import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.fold_files import write_fold
from workflow_scripts.data.folds import cut_fold, walk_forward
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.data.universes import MarketFeatures
from workflow_scripts.training.environment.baselines import run_baseline, run_benchmark
from workflow_scripts.training.environment.oracle import oracle_episode
from workflow_scripts.training.environment.settings import BASELINES, EnvironmentSettings
from workflow_scripts.training.evaluate_baselines import evaluate_baselines
from workflow_scripts.training.sharpe import sharpe_ratio


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
    MarketFeatures.of(bars, 60).write(tmp_path / "features.npz")
    write_fold(fold, {}, tmp_path / "fold_0.npz")
    table = tmp_path / "baselines/fold_0.parquet"
    evaluate_baselines(
        (tmp_path / "fold_0.npz",), tmp_path / "baselines.json", (table,), features=tmp_path / "features.npz"
    )
    (row,) = json.loads((tmp_path / "baselines.json").read_text())
    assert row["fold"] == 0
    assert row["oracle"] > row["equal_weight"]
    assert set(row["oracle_parameters"]) == {"gain", "speed"}
    returns = pd.read_parquet(table)
    assert list(returns) == ["date", "benchmark", "equal_weight", "buy_and_hold", "oracle"]
    assert list(returns["date"].dt.strftime("%Y-%m-%d")) == list(fold.validation.dates[1:])
    assert sharpe_ratio(returns["buy_and_hold"].to_numpy()) == row["buy_and_hold"]


def test_the_benchmark_buys_a_fifth_of_the_way_per_day_and_holds_equal_weights_then(planted):
    """At no cost on prices that stand still: 0.2, then 0.2 of the 0.8 that is left, of the value is traded."""
    _, fold, _ = planted
    still = replace(fold.validation, close=np.full((40, 4), 10.0), dates=fold.validation.dates[:40])
    for mode in ("tilt", "weights", "long_short"):
        turnover = run_benchmark(still, EnvironmentSettings(action_mode=mode, start="cash", cost_pct=0.0)).turnover
        np.testing.assert_allclose(turnover[:3], [0.2, 0.16, 0.128], rtol=1e-6)
    moved = run_benchmark(fold.validation, EnvironmentSettings(rebalance_rate=1.0, start="cash"))
    equal = run_baseline("equal_weight", fold.validation, EnvironmentSettings(start="cash"))
    np.testing.assert_allclose(moved.daily_returns, equal.daily_returns, rtol=1e-12)


def test_in_whole_shares_the_benchmark_orders_what_is_missing_to_equal_weight(planted):
    """1000 in cash and prices of 10: 25 shares of each of four tickers at no cost, at once if an order may be 30."""
    _, fold, _ = planted
    still = replace(fold.validation, close=np.full((9, 4), 10.0), dates=fold.validation.dates[:9])
    settings = {"action_mode": "shares", "initial_cash": 1000.0, "cost_pct": 0.0, "start": "cash"}
    at_once = run_benchmark(still, EnvironmentSettings(max_stock=30, **settings))
    assert at_once.turnover.tolist() == [1.0] + [0.0] * 7
    by_scale = run_benchmark(still, EnvironmentSettings(max_stock=10, action_scale=3.0, **settings))
    assert by_scale.turnover.tolist() == at_once.turnover.tolist()
    by_tens = run_benchmark(still, EnvironmentSettings(max_stock=10, **settings))
    assert by_tens.turnover.tolist() == pytest.approx([0.4, 0.4, 0.2] + [0.0] * 5)


@pytest.mark.parametrize("mode", ["tilt", "weights", "shares", "long_short"])
def test_all_start_with_the_same_equal_weights_and_then_nobody_who_has_no_opinion_trades_on_still_prices(planted, mode):
    _, fold, _ = planted
    still = replace(fold.validation, close=np.full((9, 4), 10.0), dates=fold.validation.dates[:9])
    for name in BASELINES:
        episode = run_baseline(name, still, EnvironmentSettings(action_mode=mode, initial_cash=1000.0))
        np.testing.assert_allclose(episode.start, 0.25, rtol=1e-15)
        np.testing.assert_allclose(episode.turnover, 0, atol=1e-7)  # of weights that are float32


def test_from_equal_weights_buy_and_hold_earns_the_mean_growth_and_pays_no_fee(planted):
    _, fold, _ = planted
    episode = run_baseline("buy_and_hold", fold.validation, EnvironmentSettings(cost_pct=0.05))
    grown = np.prod(1 + episode.daily_returns)
    assert grown == pytest.approx((fold.validation.close[-1] / fold.validation.close[0]).mean(), rel=1e-12)
    assert not episode.turnover.any()


def test_the_benchmark_is_invested_from_the_first_day_on_where_from_cash_it_buys_in(planted):
    """From cash a fifth a day takes ten days to buy nine tenths: that ramp is no lack of skill."""
    _, fold, _ = planted
    first = {
        start: run_benchmark(fold.validation, EnvironmentSettings(start=start)).weights[0].sum()
        for start in ("cash", "benchmark")
    }
    assert first == {"cash": pytest.approx(0.2, rel=1e-3), "benchmark": pytest.approx(1, rel=1e-12)}


@pytest.mark.parametrize("name", ["equal_weight", "buy_and_hold"])
def test_a_baseline_that_can_buy_nothing_is_refused_in_numbers(planted, name):
    _, fold, _ = planted
    with pytest.raises(ValueError, match=rf"{name} cannot buy a single lot: of 100000 .* initial_cash is 1,000,000"):
        run_baseline(name, fold.validation, EnvironmentSettings(lot_size=100_000))


def test_in_whole_shares_the_baselines_buy_whole_ones_as_an_agent_must(planted):
    _, fold, _ = planted
    poor = {"initial_cash": 2000, "start": "benchmark"}
    whole, lots, parts = (
        [run_baseline(name, fold.validation, EnvironmentSettings(**poor, **how)).weights for name in BASELINES[1:]]
        for how in ({"action_mode": "shares"}, {"action_mode": "shares", "lot_size": 1}, {})
    )
    for in_shares, in_lots, in_parts in zip(whole, lots, parts, strict=True):
        np.testing.assert_array_equal(in_shares, in_lots)
        assert np.abs(in_shares - in_parts).max() > 1e-3

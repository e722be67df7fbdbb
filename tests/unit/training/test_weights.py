from dataclasses import replace

import numpy as np
import pytest
import torch

from workflow_scripts.training.backtest_baselines import backtest_baselines
from workflow_scripts.training.environment.baselines import run_baseline, run_benchmark, run_episodes
from workflow_scripts.training.environment.settings import BASELINES, EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.sharpe import Episode, read_returns
from workflow_scripts.training.weights import STEP, Weights, contributions, read_weights, returns_of, write_weights

FEES = {"cost_pct": 0.002, "sell_tax_pct": 0.001}
SETTINGS = {
    "tilt": EnvironmentSettings(),
    "tilt at full rate": EnvironmentSettings(rebalance_rate=1.0, **FEES),
    "weights": EnvironmentSettings(action_mode="weights", rebalance_rate=0.7, **FEES),
    "shares": EnvironmentSettings(action_mode="shares", max_stock=1000, **FEES),
    "lots with a least fee": EnvironmentSettings(lot_size=10, min_fee=5.0, initial_cash=5e4, **FEES),
    "long and short": EnvironmentSettings(
        action_mode="long_short", leverage=2.0, borrow_cost=0.3, risk_free=0.1, rebalance_rate=0.7, **FEES
    ),
    "whole lots, long and short": EnvironmentSettings(
        action_mode="long_short", leverage=2.0, lot_size=10, min_fee=5.0, initial_cash=5e4, borrow_cost=0.3, **FEES
    ),
    "interest on cash": EnvironmentSettings(start="cash", risk_free=0.5),
    "from cash": EnvironmentSettings(start="cash", **FEES),
}


def episodes_of_chance(segment, environment, count=3):
    env = make_env(segment, environment, "shared", num_envs=count)
    chance = torch.Generator().manual_seed(0)
    wide = 3 if environment.action_mode == "long_short" else 1
    return run_episodes(
        env, segment, lambda _: torch.randn(count, env.action_dim, generator=chance).clamp(-1, 1) * wide
    )


@pytest.mark.parametrize("environment", SETTINGS.values(), ids=SETTINGS)
def test_daily_returns_are_rebuilt_from_weights_prices_and_fees(fold, tmp_path, environment):
    for episode in episodes_of_chance(fold.validation, environment):
        write_weights(episode, fold.tickers, tmp_path / "weights.parquet")
        kept = read_weights(tmp_path / "weights.parquet")
        assert kept.tickers == fold.tickers
        assert kept.dates.astype(str).tolist() == episode.dates.tolist()
        assert np.abs(kept.traded).sum(axis=1) == pytest.approx(episode.turnover, abs=1e-11)
        assert episode.turnover.max() > 0.01
        rebuilt = returns_of(kept, fold.validation.close, environment)
        assert np.abs(rebuilt - episode.daily_returns).max() < 1e-12


@pytest.mark.parametrize("start", ["cash", "benchmark"])
@pytest.mark.parametrize("name", ["equal_weight", "buy_and_hold", "benchmark"])
def test_a_baselines_returns_are_rebuilt_too(fold, tmp_path, name, start):
    environment = EnvironmentSettings(start=start, risk_free=0.2, **FEES)
    if name == "benchmark":
        episode = run_benchmark(fold.validation, environment)
    else:
        episode = run_baseline(name, fold.validation, environment)
    write_weights(episode, fold.tickers, tmp_path / "weights.parquet")
    rebuilt = returns_of(read_weights(tmp_path / "weights.parquet"), fold.validation.close, environment)
    assert np.abs(rebuilt - episode.daily_returns).max() < 1e-12


def test_the_backtest_of_the_baselines_keeps_their_weights_beside_their_returns(fold, fold_file, tmp_path):
    backtest_baselines(fold_file, tmp_path, EnvironmentSettings(**FEES))
    for name in BASELINES:
        rebuilt = returns_of(
            read_weights(tmp_path / name / "weights.parquet"), fold.validation.close, EnvironmentSettings(**FEES)
        )
        kept = read_returns(tmp_path / name / "returns.parquet").to_numpy()
        assert np.abs(rebuilt - kept).max() < 1e-12


def test_two_tickers_bought_from_cash_at_one_percent_of_fee():
    """Half is bought of a and a quarter of b; then a rises by 10 %: 1 + 0.5 × 0.1 of what the fee left."""
    after = 1 - 0.01 * 0.75
    kept = Weights(
        np.array(["2021-01-05", "2021-01-06"], dtype="datetime64[D]"),
        ("a", "b"),
        np.array([[0.5, 0.25], [0.5, 0.25]]) / after,
        np.array([[0.5, 0.25], [0.0, 0.0]]),
        np.zeros(2),
    )
    close = np.array([[10.0, 20.0], [10.0, 20.0], [11.0, 20.0]])
    assert returns_of(kept, close, EnvironmentSettings(cost_pct=0.01)) == pytest.approx([after - 1, 0.05 / after])


def test_an_account_that_is_closed_loses_all_on_one_day_and_earns_nothing_after_it(fold, tmp_path):
    """Short of all it is worth in two tickers, of which one rises by 250 %."""
    close = fold.validation.close.copy()
    close[10:, 0] *= 3.5
    segment = replace(fold.validation, close=close)
    environment = EnvironmentSettings(action_mode="long_short", rebalance_rate=1.0, risk_free=0.1)
    env = make_env(segment, environment, "shared", num_envs=1)
    (episode,) = run_episodes(env, segment, lambda _: torch.tensor([[-3.0, -3.0, -1.0]]))
    assert episode.daily_returns[9] == -1
    assert not episode.daily_returns[10:].any()
    assert not episode.weights[9:].any()
    assert not episode.turnover[10:].any()
    assert np.isfinite(episode.sharpe)
    write_weights(episode, fold.tickers, tmp_path / "weights.parquet")
    rebuilt = returns_of(read_weights(tmp_path / "weights.parquet"), close, environment)
    assert np.abs(rebuilt - episode.daily_returns).max() < 1e-12


def test_what_the_tickers_brought_is_the_return_before_fees(fold, tmp_path):
    environment = EnvironmentSettings(cost_pct=0.01)
    episode = episodes_of_chance(fold.validation, environment)[0]
    write_weights(episode, fold.tickers, tmp_path / "weights.parquet")
    brought = contributions(read_weights(tmp_path / "weights.parquet"), episode.daily_returns)
    assert brought.shape == episode.weights.shape
    assert brought.sum(axis=1) - 0.01 * episode.turnover == pytest.approx(episode.daily_returns, abs=1e-11)


def test_a_number_takes_six_bytes_or_fewer(tmp_path):
    days, tickers = 252, [f"ticker_{number}" for number in range(20)]
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(21), days)[:, :20]
    dates = (np.datetime64("2021-01-01") + np.arange(days)).astype(str)
    traded = rng.normal(0, 0.002, weights.shape)
    episode = Episode(dates, np.zeros(days), np.zeros(days), weights=weights, traded=traded)
    write_weights(episode, tickers, tmp_path / "weights.parquet")
    assert (tmp_path / "weights.parquet").stat().st_size < 6 * 2 * weights.size
    kept = read_weights(tmp_path / "weights.parquet")
    assert np.abs(kept.weight - weights).max() <= STEP / 2


def test_a_failed_run_has_no_weights(tmp_path):
    write_weights(None, ("a", "b"), tmp_path / "weights.parquet")
    kept = read_weights(tmp_path / "weights.parquet")
    assert (kept.dates.size, kept.weight.size) == (0, 0)


def test_damaged_weights_are_named(fold, tmp_path):
    path = tmp_path / "weights.parquet"
    write_weights(None, fold.tickers, path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"weights\.parquet is damaged"):
        read_weights(path)


def test_an_episode_without_weights_earns_the_same(fold):
    env = [make_env(fold.validation, SETTINGS["tilt"], "shared", num_envs=2) for _ in range(2)]
    action = torch.tensor([[0.5] * len(fold.tickers), [-0.5] * len(fold.tickers)])
    full, lean = (
        run_episodes(each, fold.validation, lambda _: action, noted)
        for each, noted in zip(env, (True, False), strict=True)
    )
    for one, other in zip(full, lean, strict=True):
        assert one.daily_returns.tobytes() == other.daily_returns.tobytes()
        assert one.turnover.tobytes() == other.turnover.tobytes()
        assert (one.weights.shape, other.weights, other.traded) == (fold.validation.close[1:].shape, None, None)

import numpy as np
import pandas as pd
import pytest
import torch

from workflow_scripts.data.bars import INDICATORS
from workflow_scripts.data.folds import cut_fold, walk_forward
from workflow_scripts.data.indicators import compute_features, volatility
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import make_env
from workflow_scripts.training.learners.on_policy import PolicyGradient


def bars(tickers=3, days=140, seed=5):
    return synthetic_bars(tickers, days, 0.001, 10, 0.01, seed).drop(columns="signal")


def test_28_tickers_give_the_plans_283_numbers():
    features = compute_features(bars(tickers=28), turbulence_days=60)
    data, _ = cut_fold(features, walk_forward(79, 1, 50, 20, 5)[0])
    env = make_env(data.train, EnvironmentSettings(), "flat", num_envs=2)
    agent = PolicyGradient(data.train, env, PPO(), architecture="flat")
    assert agent.act.inputs(env.state()).shape == (2, 283)


def ranging_bars(days):
    """Bars of two tickers, whose high and low lie apart."""
    rng = np.random.default_rng(0)
    close = 100 * np.cumprod(1 + 0.01 * rng.standard_normal((days, 2)), axis=0)
    high, low = close * (1 + 0.01 * rng.random((days, 2))), close * (1 - 0.01 * rng.random((days, 2)))
    dates = pd.bdate_range("2020-01-01", periods=days)
    tables = [
        {"date": dates, "ticker": name, "open": c, "high": h, "low": low_, "close": c, "volume": 1.0}
        for name, c, h, low_ in zip("AB", close.T, high.T, low.T, strict=True)
    ]
    return pd.concat(map(pd.DataFrame, tables)).sort_values(["date", "ticker"], ignore_index=True)


def directional_movement(bars, weight):
    """Welles Wilder's DX, in loops: each smoothed value takes ``weight`` of the day and the rest of the day before."""
    high, low, close = (bars[name].to_numpy() for name in ("high", "low", "close"))
    up, down, true_range, expected = 0.0, 0.0, 0.0, []
    for day in range(1, len(bars)):
        rise, fall = high[day] - high[day - 1], low[day - 1] - low[day]
        spans = (high[day] - low[day], abs(high[day] - close[day - 1]), abs(low[day] - close[day - 1]))
        up += weight * ((rise if rise > max(fall, 0) else 0.0) - up)
        down += weight * ((fall if fall > max(rise, 0) else 0.0) - down)
        true_range += weight * (max(spans) - true_range)
        plus, minus = up / true_range, down / true_range
        expected.append(100 * abs(plus - minus) / (plus + minus))
    return np.asarray(expected)


def test_dx_30_is_smoothed_as_wilder_does_and_not_by_a_span_of_30_days():
    table = ranging_bars(1500)
    found = compute_features(table, turbulence_days=60).indicators[600:, 0, INDICATORS.index("dx_30")]
    own = table[table["ticker"] == "A"]
    np.testing.assert_allclose(found, directional_movement(own, 1 / 30)[660:], rtol=1e-6)
    of_a_span = directional_movement(own, 2 / 31)[660:]
    assert np.corrcoef(found, of_a_span)[0, 1] < 0.95


def test_volatility_is_the_baskets_annualised_standard_deviation_in_percent():
    returns = np.tile([0.01, -0.01], 20)
    close = pd.DataFrame({name: 100 * np.cumprod(1 + returns) for name in "AB"})
    assert volatility(close)[-1] == pytest.approx(np.std(returns[-21:], ddof=1) * np.sqrt(252) * 100)


def test_the_markets_own_volatility_takes_the_place_of_the_realised_one():
    with_vix = bars()
    days = with_vix["date"].map({day: number for number, day in enumerate(sorted(with_vix["date"].unique()))})
    with_vix["volatility:^VIX"] = 10.0 + days
    features, without = (compute_features(table, turbulence_days=60) for table in (with_vix, bars()))
    assert list(features.market[:, 1]) == [10.0 + day for day in range(61, 140)]
    assert features.volatility == "close of ^VIX"
    assert without.volatility == "realised volatility of the equal-weight basket over 21 days, in percent"
    for name in ("indicators", "scale_free"):  # it is the market's, and no ticker's
        np.testing.assert_array_equal(getattr(features, name), getattr(without, name))
    np.testing.assert_array_equal(features.market[:, 0], without.market[:, 0])


def test_a_market_shorter_than_its_warm_up_is_refused():
    with pytest.raises(ValueError, match="has 61 days, and its features need a warm-up of 61"):
        compute_features(bars(days=61), turbulence_days=60)


def test_a_price_that_stands_still_is_named():
    still = bars()
    still.loc[still["ticker"] == "S2", ["open", "high", "low", "close"]] = 100.0
    with pytest.raises(ValueError, match=r"S2 on .*: the feature"):
        compute_features(still, turbulence_days=60)


@pytest.mark.parametrize("day", [70, 100, 125])
def test_no_feature_observation_or_action_looks_ahead(day):
    """Every price after the day changes, and all that is known or done up to it stays the same to the last bit."""
    original = bars()
    dates = np.sort(original["date"].unique())
    shaken = original.copy()
    after = shaken["date"] > dates[day]
    factor = np.random.default_rng(0).uniform(0.7, 1.4, after.sum())
    for column in ("open", "high", "low", "close"):
        shaken.loc[after, column] *= factor
    known = day - 61 + 1
    pair = [compute_features(table, turbulence_days=60) for table in (original, shaken)]
    for name in ("close", "indicators", "scale_free", "market"):
        first, second = (getattr(features, name) for features in pair)
        assert first[:known].tobytes() == second[:known].tobytes()
        assert first[known:].tobytes() != second[known:].tobytes()
    if known < 12:
        return
    fold = walk_forward(79, 1, known - 6, 70 - known, 2)[0]
    steps = []
    for architecture in ("shared", "flat"):
        for features in pair:
            data, _ = cut_fold(features, fold)
            env = make_env(data.train, EnvironmentSettings(), architecture, num_envs=2)
            agent = PolicyGradient(data.train, env, PPO(net_dims_0=16, net_dims_1=16), architecture)
            agent.act.show(agent.act.tabulate(data.validation))
            env = make_env(data.validation, EnvironmentSettings(), architecture, num_envs=2)
            state, seen = env.state(), []
            while env.day + fold.validation.start < known:
                with torch.no_grad():
                    action = agent.act(state)
                seen += [state.numpy().tobytes(), agent.act.table[env.day].numpy().tobytes(), action.numpy().tobytes()]
                state, _, _ = env.step(action)
            steps.append(seen)
    assert len(steps[0]) > 3
    assert steps[0] == steps[1]
    assert steps[2] == steps[3]

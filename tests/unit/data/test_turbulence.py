import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import ledoit_wolf

from workflow_scripts.data.shrinkage import describe_covariance, describe_rule
from workflow_scripts.data.sources.embedded import Embedded
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.data.turbulence import turbulence


def closes(tickers, days, seed=0):
    """Return random walks with a common factor, as stocks have it."""
    rng = np.random.default_rng(seed)
    moves = 0.01 * rng.standard_normal((days, tickers)) + 0.01 * rng.standard_normal((days, 1))
    return pd.DataFrame(100 * np.cumprod(1 + moves, axis=0))


def by_pseudo_inverse(close, days):
    """Return turbulence as its definition has it, a general pseudo-inverse a day."""
    returns = close.to_numpy()[1:] / close.to_numpy()[:-1] - 1
    distances = np.full(len(close), np.nan)
    for day in range(days, len(returns)):
        past = returns[day - days : day]
        deviation = returns[day] - past.mean(axis=0)
        distances[day + 1] = deviation @ np.linalg.pinv(np.atleast_2d(np.cov(past, rowvar=False))) @ deviation
    return distances


def test_turbulence_of_a_day_compares_it_with_the_days_before():
    close = pd.DataFrame({"A": [1.0, 1.1, 1.0, 1.1, 1.0, 1.1, 1.2], "B": [1.0, 1.0, 1.2, 1.2, 1.0, 1.1, 1.1]})
    returns = close.pct_change().to_numpy()[1:]
    past, today = returns[:5], returns[5]
    gap = today - past.mean(axis=0)
    expected = gap @ np.linalg.inv(np.cov(past, rowvar=False)) @ gap
    found = turbulence(close, days=5)
    assert np.isnan(found[:6]).all()
    assert found[6] == pytest.approx(expected)


def test_on_the_shipped_market_it_is_the_pseudo_inverses_to_eight_digits():
    bars = Embedded.of({"source": "embedded", "start": "2018-01-02"}).read(None)[0]
    close = bars.pivot(index="date", columns="ticker", values="close").loc["2018":]
    assert close.shape[1] == 20
    np.testing.assert_allclose(turbulence(close, 252), by_pseudo_inverse(close, 252), rtol=1e-8)


@pytest.mark.parametrize("singular", ["a price stands still", "a ticker follows another"])
def test_a_singular_covariance_is_inverted_on_the_space_that_it_spans(singular):
    close = closes(5, 120)
    if singular == "a price stands still":
        close.loc[20:100, 3] = close.loc[20, 3]
    else:
        close[3] = 2 * close[4]
    found, expected = turbulence(close, 40), by_pseudo_inverse(close, 40)
    assert np.isfinite(found[41:]).all()
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize(("tickers", "days"), [(20, 40), (30, 40), (90, 40), (130, 252)])
def test_with_many_tickers_the_covariance_is_shrunk_as_scikit_learn_shrinks_it(tickers, days):
    close = closes(tickers, days + 30)
    returns = close.to_numpy()[1:] / close.to_numpy()[:-1] - 1
    found = turbulence(close, days)
    assert np.isnan(found[: days + 1]).all()
    for day in range(days, len(returns)):
        past = returns[day - days : day]
        gap = returns[day] - past.mean(axis=0)
        covariance, intensity = ledoit_wolf(past)
        assert 0 < intensity < 1
        assert found[day + 1] == pytest.approx(gap @ np.linalg.solve(covariance, gap), rel=1e-8)


def test_what_the_covariance_is_is_said_in_numbers():
    assert describe_covariance(125, 252) == "sample covariance of 252 days for 125 tickers"
    assert describe_covariance(126, 252).startswith("covariance of 252 days for 126 tickers, shrunk")
    # 252 days are shrunk for 126 tickers, as the rule says that is known before the days are.
    assert describe_rule(126, chosen_by_fold=False).endswith("is at most 252, twice its tickers")


@pytest.mark.parametrize("tickers", [3, 40])
def test_later_days_change_no_bit_whether_other_or_more(tickers):
    bars = synthetic_bars(tickers, 120, 0.001, 10, 0.01, seed=5)
    close = bars.pivot(index="date", columns="ticker", values="close")
    whole, shorter = turbulence(close, 60), turbulence(close[:100], 60)
    other = close.copy()
    other.iloc[100:] *= np.random.default_rng(0).uniform(0.7, 1.4, (20, tickers))
    assert whole[:100].tobytes() == shorter.tobytes() == turbulence(other, 60)[:100].tobytes()
    assert np.isfinite(whole[61:]).all()

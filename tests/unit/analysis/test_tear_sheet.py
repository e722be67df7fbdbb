"""The tear sheet's numbers are those of quantstats on the same returns, where the two mean the same by a name."""

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.analysis.report import trading
from workflow_scripts.analysis.report.elements import name_of
from workflow_scripts.sweeps.daily import Daily
from workflow_scripts.sweeps.measures import MEASURES, Record

quantstats = pytest.importorskip("quantstats", reason="quantstats is not installed")

DAYS = pd.bdate_range("2021-01-04", periods=500)
RNG = np.random.default_rng(0)
BENCHMARK = RNG.normal(0.0004, 0.01, 500)
TUNED = 0.9 * BENCHMARK + RNG.standard_t(4, 500) * 0.003 + 0.0001


@pytest.fixture
def returns():
    days = DAYS.to_numpy().astype("datetime64[D]")
    columns = {"rank_1": TUNED, "benchmark": BENCHMARK}
    return {
        name: Daily(days, {"daily_return": values, "turnover": np.zeros(500)}, 252) for name, values in columns.items()
    }


@pytest.fixture
def series():
    return pd.Series(TUNED, DAYS), pd.Series(BENCHMARK, DAYS)


def test_the_measures_are_those_of_quantstats(returns, series):
    stats, (tuned, benchmark) = quantstats.stats, series
    table = trading._measures(returns)
    said = {row[0]: row[1] for row in table.rows}
    greeks = stats.greeks(tuned, benchmark)
    assert said["Sharpe ratio (annual)"] == pytest.approx(stats.sharpe(tuned), rel=1e-9)
    assert said["Sortino ratio (annual)"] == pytest.approx(stats.sortino(tuned), rel=1e-9)
    assert said["Calmar ratio (annual)"] == pytest.approx(stats.calmar(tuned), rel=1e-9)
    assert said["total return (%)"] == pytest.approx(100 * stats.comp(tuned), rel=1e-9)
    assert said["deepest drawdown (%)"] == pytest.approx(-100 * stats.max_drawdown(tuned), rel=1e-9)
    assert said["alpha to benchmark (% a year)"] == pytest.approx(100 * greeks["alpha"], rel=1e-9)
    assert said["beta to benchmark (slope)"] == pytest.approx(greeks["beta"], rel=1e-9)
    assert table.rows[0][2] == pytest.approx(stats.sharpe(benchmark), rel=1e-9)
    assert MEASURES["omega"](Record(TUNED)) == pytest.approx(stats.omega(tuned), rel=1e-9)


def test_the_worst_days_are_those_of_quantstats_where_the_last_one_counts_whole(returns, series):
    """Of 500 days the worst 5 % are 25; quantstats cuts at their quantile, which lies between the 25th and the next."""
    said = {row[0]: row[1] for row in trading._measures(returns).rows}["CVaR 5 % (% a day)"]
    assert said == pytest.approx(-100 * quantstats.stats.cvar(series[0], method="historical"), rel=1e-9)


def test_the_months_are_those_of_quantstats(returns, series):
    (table,) = trading._months(returns["rank_1"])
    theirs = quantstats.stats.monthly_returns(series[0])
    for year, *months, whole in table.rows:
        assert months == [None if value == 0 else f"{100 * value:+.1f}" for value in theirs.loc[year].iloc[:12]]
        assert whole == f"{100 * theirs.loc[year].iloc[12]:+.1f}"


def test_rolling_sharpe_and_drawdown_are_those_of_quantstats(returns, series):
    (figure,) = trading._rolling(returns)
    drawn = {trace["name"]: trace["y"] for trace in figure.data}
    theirs = quantstats.stats.rolling_sharpe(series[0], rolling_period=trading.ROLLING).dropna()
    np.testing.assert_allclose(np.asarray(drawn[name_of("rank_1")], float), theirs, rtol=1e-3)
    below = {trace["name"]: trace["y"] for trace in trading._drawdown(returns).data}
    theirs = 100 * quantstats.stats.to_drawdown_series(series[0])
    np.testing.assert_allclose(np.asarray(below[name_of("rank_1")], float), theirs, atol=1e-2)

"""Each measure on returns whose value a reader checks by hand."""

import math

import numpy as np
import pytest

from workflow_scripts.sweeps.measures import MEASURES, Record, UndefinedError, take, take_all
from workflow_scripts.training.sharpe import sharpe_ratio


def measured(name, daily_returns, benchmark=None, turnover=None, periods_per_year=1):
    arrays = [None if values is None else np.asarray(values, float) for values in (daily_returns, benchmark, turnover)]
    return take(name, MEASURES[name], Record(*arrays, periods_per_year))


def test_a_sharpe_ratio_is_mean_over_deviation_times_the_root_of_a_year():
    # mean 0.02; variance (0.01² + 0.01²) / 1; 0.02 / √0.0002 × √4
    assert measured("sharpe", [0.01, 0.03], periods_per_year=4) == pytest.approx(2 * math.sqrt(2))


def test_the_sharpe_ratio_of_a_run_is_the_one_that_training_states():
    daily_returns = np.random.default_rng(0).normal(0.001, 0.01, 250)
    assert take("sharpe", MEASURES["sharpe"], Record(daily_returns)) == sharpe_ratio(daily_returns)


def test_half_in_cash_has_no_alpha_half_the_beta_and_the_sharpe_ratio_of_what_it_holds():
    """The other half earns the risk-free rate of 4 a year, 1 a period."""
    benchmark = np.array([3.0, 2.0, 5.0, -1.0])
    half = Record((benchmark + 1) / 2, benchmark, None, 4, risk_free=4.0)
    whole = Record(benchmark, benchmark, None, 4, risk_free=4.0)
    assert take("alpha", MEASURES["alpha"], half) == pytest.approx(0, abs=1e-12)
    assert take("beta", MEASURES["beta"], half) == pytest.approx(0.5)
    for name in ("sharpe", "sortino"):
        assert take(name, MEASURES[name], half) == pytest.approx(take(name, MEASURES[name], whole))


def test_the_total_return_compounds():
    assert measured("total_return", [0.5, -0.5, 1.0]) == pytest.approx(1.5 * 0.5 * 2 - 1)


def test_a_sortino_ratio_counts_losses_over_all_days():
    # mean 0.01; downside √((0.02² + 0) / 2) = 0.02 / √2; × √2
    assert measured("sortino", [0.04, -0.02], periods_per_year=2) == pytest.approx(
        0.01 / (0.02 / math.sqrt(2)) * 2**0.5
    )


def test_omega_is_what_the_days_gained_over_what_they_lost():
    assert measured("omega", [0.03, -0.01, 0.01, -0.01]) == pytest.approx(2)


def test_the_deepest_drawdown_is_a_fraction_of_its_peak():
    assert measured("max_drawdown", [1.0, -0.25, -0.5, 3.0]) == pytest.approx(1 - 0.75 * 0.5)  # 2 → 0.75
    assert measured("max_drawdown", [-0.25, 0.1]) == pytest.approx(0.25)  # from the start
    assert measured("max_drawdown", [0.1, 0.2]) == 0


def test_a_calmar_ratio_is_annual_growth_over_the_deepest_drawdown():
    # Two days of a year of one day: 1.5 × 0.96 = 1.2² → 20 % a year; drawdown 4 %.
    assert measured("calmar", [0.5, -0.04]) == pytest.approx(0.2 / 0.04)


def test_cvar_is_the_mean_loss_of_the_worst_twentieth_of_days():
    assert measured("cvar", [-0.06, *[0.01] * 19]) == pytest.approx(0.06)
    assert measured("cvar", [-0.02, -0.06, *[0.01] * 28]) == pytest.approx((0.06 + 0.02 / 2) / 1.5)
    assert measured("cvar", [0.01] * 40) == pytest.approx(-0.01)


def test_turnover_is_counted_a_year():
    assert measured("annual_turnover", [0.0, 0.0], turnover=[0.1, 0.3], periods_per_year=10) == pytest.approx(2)


def test_skewness_and_raw_kurtosis_are_moments_of_z():
    # Three of 1 and one of −3 in units of 0.01: variance 3, z³ = (3 − 27) / 4 / 3√3, z⁴ = (3 + 81) / 4 / 9
    daily_returns = [0.01, 0.01, 0.01, -0.03]
    assert measured("skewness", daily_returns) == pytest.approx(-6 / 3**1.5)
    assert measured("kurtosis", daily_returns) == pytest.approx(21 / 9)


def test_alpha_and_beta_are_a_line_through_the_benchmarks_days():
    benchmark = [0.01, -0.01, 0.02]
    daily_returns = [0.001 + 2 * value for value in benchmark]
    assert measured("beta", daily_returns, benchmark) == pytest.approx(2)
    assert measured("alpha", daily_returns, benchmark, periods_per_year=252) == pytest.approx(0.252)


def test_an_information_ratio_is_alpha_over_the_risk_beside_the_benchmark():
    # On the line 0.01 + benchmark with residuals ±0.02, which are uncorrelated with it: √(4 × 0.02² / 2) = 0.02 √2
    daily_returns, benchmark = [0.03 + 0.01, -0.01 + 0.01, 0.03 - 0.01, -0.01 - 0.01], [0.01, 0.01, -0.01, -0.01]
    assert measured("alpha", daily_returns, benchmark) == pytest.approx(0.01)
    assert measured("information_ratio", daily_returns, benchmark, periods_per_year=2) == pytest.approx(0.5)


VARIES = list(np.sin(np.arange(30)) / 100)


@pytest.mark.parametrize(
    ("name", "daily_returns", "benchmark", "reason"),
    [
        ("sharpe", [0.01], None, "1 daily returns are too few: it takes 2"),
        ("sharpe", [1e-4] * 252, None, "252 daily returns do not vary"),
        ("sortino", [0.01, 0.02], None, "no day lost"),
        ("omega", [0.01, 0.02], None, "no day lost"),
        ("calmar", [0.01, 0.02], None, "there is no drawdown"),
        ("calmar", [100.0, -0.5], None, "calmar is not finite"),
        ("cvar", [0.01] * 19, None, "5% of 19 days are less than a day"),
        ("annual_turnover", [0.01], None, "no turnover was kept"),
        ("skewness", [1e-4] * 252, None, "252 daily returns do not vary"),
        ("kurtosis", [0.0] * 9, None, "9 daily returns do not vary"),
        ("alpha", [0.01, 0.02], None, "there is no benchmark"),
        ("beta", [0.01, 0.02], [0.0, 0.0], "2 daily returns of the benchmark do not vary"),
        ("information_ratio", VARIES, VARIES, "30 residuals do not vary"),
        ("information_ratio", VARIES[:2], VARIES[:2], "2 residuals are too few: it takes 3"),
        ("total_return", [], None, "there are no daily returns"),
    ],
)
def test_what_is_undefined_says_why(name, daily_returns, benchmark, reason):
    days_a_year = 1000 if "finite" in reason else 252
    with pytest.raises(UndefinedError, match=f"^{reason}$"):
        measured(name, daily_returns, benchmark, periods_per_year=days_a_year)


@pytest.mark.parametrize("growth", [1 + 1e-5, 1 + 1e-4, 1.01, 0.999])
def test_constant_growth_has_no_dispersion_however_its_values_are_rounded(growth):
    values = 1e6 * growth ** np.arange(300)
    assert take_all(Record(values[1:] / values[:-1] - 1))[0]["sharpe"] is None


def test_a_table_of_measures_has_a_number_or_a_reason_for_each():
    values, reasons = take_all(Record(np.asarray(VARIES)))
    assert list(values) == list(MEASURES)
    assert reasons == {
        **dict.fromkeys(("alpha", "beta", "information_ratio"), "there is no benchmark"),
        "annual_turnover": "no turnover was kept",
    }
    assert {name for name, value in values.items() if value is None} == set(reasons)

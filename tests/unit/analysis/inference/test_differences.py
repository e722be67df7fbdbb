import os
from pathlib import Path

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from scipy.stats import t as student

from workflow_scripts.analysis.inference.differences import (
    alphas,
    bootstrap_sharpe_difference,
    difference,
    regress_on_benchmark,
    sharpe_difference_hac_error,
    sharpe_ratios,
)
from workflow_scripts.analysis.inference.long_run import (
    cosine_degrees,
    long_run_variance,
    parzen_covariance,
    stationary_bootstrap_variance,
)
from workflow_scripts.analysis.inference.power import sharpe_difference_error
from workflow_scripts.analysis.inference.seeds import MeanOverSeeds, mean_over_seeds


def pair(days=1000, seed=0, correlation=0.9):
    rng = np.random.default_rng(seed)
    benchmark = rng.normal(0.0005, 0.01, days)
    own = 0.0005 + correlation * (benchmark - 0.0005) + np.sqrt(1 - correlation**2) * rng.normal(0, 0.01, days)
    return own, benchmark


def published(name):
    """Return Ledoit and Wolf's returns; not ours to copy: `mutual.csv` and `hedge.csv`, 120 rows of two numbers."""
    folder = os.environ.get("LEDOIT_WOLF_DATA")
    if folder is None:
        pytest.skip("LEDOIT_WOLF_DATA names no folder with the paper's returns (the authors' site has them)")
    return np.loadtxt(Path(folder) / f"{name}.csv", delimiter=",").T


def test_ledoit_and_wolfs_hedge_funds_where_their_returns_are_at_hand():
    first, second = published("hedge")
    assert np.subtract(*sharpe_ratios(np.stack([first, second]))[0]) == pytest.approx(-0.446318, abs=5e-7)
    assert sharpe_difference_hac_error(first, second) == pytest.approx(0.317627, abs=5e-7)
    assert sharpe_difference_hac_error(first, second, prewhiten=True) == pytest.approx(0.387269, abs=5e-7)


def test_alpha_of_ledoit_and_wolfs_mutual_funds_where_their_returns_are_at_hand():
    fit = regress_on_benchmark(*published("mutual"))
    assert [fit.alpha, fit.alpha_error, fit.beta] == pytest.approx([0.466939, 0.217521, 0.452092], abs=5e-7)


def test_hac_errors_of_an_example_of_our_own_stay_what_they_were_when_the_published_ones_came_out():
    # RandomState draws the same on every version; the numbers are those of the code that gave the two tests above.
    draws = np.random.RandomState(0).standard_normal((120, 2))
    draws[1:] += 0.3 * draws[:-1]
    first, second = draws[:, 0] + 0.2, 0.5 * draws[:, 0] + draws[:, 1] + 0.4
    assert sharpe_difference_hac_error(first, second) == pytest.approx(0.110506, abs=5e-7)
    assert sharpe_difference_hac_error(first, second, prewhiten=True) == pytest.approx(0.131132, abs=5e-7)
    fit = regress_on_benchmark(first, second)
    assert [fit.alpha, fit.alpha_error, fit.beta] == pytest.approx([-0.041122, 0.102186, 0.458094], abs=5e-7)


def test_hac_errors_of_independent_days_are_memmels():
    own, benchmark = pair(20_000)
    for prewhiten in (False, True):
        error = sharpe_difference_hac_error(own, benchmark, prewhiten)
        assert error == pytest.approx(sharpe_difference_error(20_000, 0.9), rel=0.05)


@pytest.mark.parametrize("estimate", [long_run_variance, lambda x: parzen_covariance(x[:, None])[0, 0]])
def test_the_long_run_variance_of_ar1_is_its_closed_form(estimate):
    shocks = np.random.default_rng(3).normal(size=200_000)
    series = np.empty_like(shocks)
    series[0] = shocks[0]
    for day in range(1, len(shocks)):
        series[day] = 0.4 * series[day - 1] + shocks[day]
    assert estimate(series - series.mean()) == pytest.approx(1 / (1 - 0.4) ** 2, rel=0.1)


def test_the_stationary_bootstrap_resamples_what_its_closed_form_says():
    series = np.random.default_rng(8).normal(size=300).cumsum()
    rows = StationaryBootstrap(10, series, seed=np.random.default_rng(0))
    means = rows.apply(np.mean, 4000)
    assert stationary_bootstrap_variance(series, 10) == pytest.approx(300 * means.var(), rel=0.06)


def test_two_years_average_over_25_cosines_and_a_mean_is_students_t_with_as_many_degrees():
    assert cosine_degrees(504) == 25
    draws = np.random.default_rng(4).normal(size=(20_000, 60))
    statistics = draws.mean(axis=1) / np.sqrt(long_run_variance(draws) / 60)
    assert np.mean(np.abs(statistics) > student.isf(0.025, cosine_degrees(60))) == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize("estimand", ["sharpe", "alpha", "information_ratio"])
def test_influences_say_what_leaving_out_a_day_does(estimand):
    own, benchmark = pair(400)
    value, influences = difference(own[None], benchmark, estimand)
    for day in (0, 17, 250):
        without, _ = difference(np.delete(own, day)[None], np.delete(benchmark, day), estimand)
        assert (value[0] - without[0]) * 399 == pytest.approx(influences[0, day], rel=0.05, abs=0.02 * influences.std())
    assert influences.mean() == pytest.approx(0, abs=1e-12)


def test_alpha_is_that_of_ordinary_least_squares():
    own, benchmark = pair()
    assert alphas(own, benchmark)[0] == pytest.approx(regress_on_benchmark(own, benchmark).alpha)


def test_half_in_cash_has_no_alpha_and_the_same_sharpe_ratio_though_it_loses_less_in_a_bear_market():
    benchmark = np.random.default_rng(5).normal(-0.001, 0.01, 500)
    half = benchmark[None] / 2
    assert (half - benchmark).mean() > 0
    assert difference(half, benchmark, "alpha")[0] == pytest.approx(0, abs=1e-15)
    assert difference(half, benchmark, "sharpe")[0] == pytest.approx(0, abs=1e-12)


def test_a_benchmark_that_never_moves_has_no_beta():
    with pytest.raises(ValueError, match=r"earns 0\.01 on each of 9 days: there is no beta"):
        regress_on_benchmark(np.arange(9.0), np.full(9, 0.01))


def test_the_studentised_bootstrap_agrees_with_the_error_it_starts_from():
    own, benchmark = pair(500)
    result = bootstrap_sharpe_difference(own, benchmark, block=5, resamples=499)
    low, high = result.interval
    assert (high - low) / 2 == pytest.approx(1.96 * result.standard_error, rel=0.15)
    assert (result.p_value < 0.05) == (low > 0 or high < 0)
    better = bootstrap_sharpe_difference(own + 0.002, benchmark, block=5, resamples=499)
    assert better.p_value == pytest.approx(1 / 500)


def test_seeds_that_agree_count_days_once():
    own, benchmark = pair(504)
    values, influences = difference(np.stack([own] * 5), benchmark, "sharpe")
    alone, alike = mean_over_seeds(values[:1], influences[:1]), mean_over_seeds(values, influences)
    assert alike.standard_error == pytest.approx(alone.standard_error)
    assert alike.degrees == pytest.approx(25) == alone.degrees


def test_seeds_that_differ_in_skill_leave_their_spread_however_many_the_days():
    benchmark = np.random.default_rng(6).normal(0, 0.01, 100_000)
    skill = np.array([-0.1, 0.0, 0.1])
    noise = np.random.default_rng(7).normal(0, 0.01, (3, 100_000))
    result = mean_over_seeds(*difference(skill[:, None] * 0.01 + noise, benchmark, "information_ratio"))
    assert result.standard_error == pytest.approx(0.1 / np.sqrt(2) / np.sqrt(3), rel=0.1)
    assert result.degrees == pytest.approx(2, rel=0.1)  # three seeds less one


def test_seeds_that_differ_by_the_luck_of_days_have_an_interval_of_the_size_of_that_luck():
    # What parts these seeds from each other their mean does not keep: W is 0, and V is small beside s².
    apart = np.random.default_rng(8).normal(0, 1, (2, 500))
    influences = np.stack([*apart, -apart.sum(axis=0)]) + np.random.default_rng(9).normal(0, 0.1, 500)
    result = mean_over_seeds(np.array([-0.04, 0.0, 0.04]), influences)
    of_seeds = 0.04 / np.sqrt(3)
    low, high = result.interval(0.95)
    assert (high - low) / 2 < student.isf(0.025, 2) * of_seeds * 1.1
    assert result.standard_error > of_seeds


def test_two_seeds_that_differ_are_judged_by_students_t_of_one_degree():
    result = MeanOverSeeds(1.0, 0.1, 25.0, seed_weight=1.0)
    assert result.interval(0.95)[0] == pytest.approx(1 - 12.7062 * 0.1, abs=1e-4)
    assert result.p_value() == pytest.approx(2 * student.sf(10, 1))


@pytest.mark.parametrize("degrees", [1, 3, 6, 10, 100])
@pytest.mark.parametrize("statistic", [0.01, 2.5, 40.0, 1e30])
def test_two_seeds_have_a_p_value_at_which_their_interval_touches_zero(degrees, statistic):
    result = MeanOverSeeds(-statistic, 1.0, degrees, seed_weight=0.7)
    p_value = result.p_value()
    assert 0 < p_value <= 1
    if p_value > 1e-14:  # 1 − confidence loses digits below
        assert result.interval(1 - p_value)[1] == pytest.approx(0, abs=0.05 * statistic)

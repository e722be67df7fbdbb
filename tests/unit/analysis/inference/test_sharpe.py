import math

import numpy as np
import pytest
from skfolio import measures

from workflow_scripts.analysis.inference.selection import moments
from workflow_scripts.analysis.inference.sharpe import (
    aggregation_factor,
    minimum_track_record,
    probabilistic_sharpe_ratio,
    sharpe_standard_error,
)


def test_a_year_of_monthly_returns_leaves_a_sharpe_ratio_of_one_half_an_error_of_three_tenths():
    assert sharpe_standard_error(0.5, 12) == pytest.approx(0.306186, abs=5e-7)  # √(1.125 / 12)
    assert sharpe_standard_error(0.5, 60) == pytest.approx(0.136931, abs=5e-7)


def test_twelve_months_multiply_by_the_root_of_twelve_and_by_less_where_months_resemble_the_next():
    assert aggregation_factor(12, 0.0) == pytest.approx(math.sqrt(12))
    assert aggregation_factor(12, 0.2) == pytest.approx(2.878849, abs=5e-7)  # Lo (2002): 2.88


def test_psr_of_the_papers_two_years_is_98_percent_if_normal_and_91_with_its_skewness_and_kurtosis():
    assert probabilistic_sharpe_ratio(1.585 / math.sqrt(12), 0, 24, -2.448, 10.164) == pytest.approx(0.913234, abs=5e-7)
    assert probabilistic_sharpe_ratio(1.585 / math.sqrt(12), 0, 24) == pytest.approx(0.981591, abs=5e-7)


def test_psr_from_moments_is_skfolios_from_returns():
    returns = np.random.default_rng(0).standard_t(5, 400) * 0.01 + 0.001
    sharpe = returns.mean() / returns.std(ddof=1)
    assert probabilistic_sharpe_ratio(sharpe, 0.02, 400, *moments(returns)) == pytest.approx(
        measures.probabilistic_sharpe_ratio(returns, 0.02), abs=1e-3
    )


@pytest.mark.parametrize(("periods_a_year", "years"), [(252, 2.7310), (52, 2.8288), (12, 3.2398)])
def test_a_sharpe_ratio_of_two_exceeds_one_after_about_three_years(periods_a_year, years):
    root = math.sqrt(periods_a_year)
    assert minimum_track_record(2 / root, 1 / root) / periods_a_year == pytest.approx(years, abs=5e-5)


def test_a_sharpe_ratio_of_three_exceeds_two_and_a_half_after_a_generation_of_skewed_months():
    root = math.sqrt(12)
    months = minimum_track_record(3 / root, 2.5 / root, skewness=-0.72, kurtosis=5.78)
    assert months / 12 == pytest.approx(27.353, abs=5e-4)


def test_no_track_record_shows_what_is_not_there():
    with pytest.raises(ValueError, match=r"no track record shows that a Sharpe ratio of 0\.1 exceeds 0\.1"):
        minimum_track_record(0.1, 0.1)


def test_moments_that_no_distribution_has_are_refused():
    with pytest.raises(ValueError, match=r"no distribution: 100 returns, skewness 30"):
        probabilistic_sharpe_ratio(0.5, 0, 100, 30, 3)

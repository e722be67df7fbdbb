import numpy as np
import pytest
from scipy.stats import norm

from workflow_scripts.analysis.statistics import (
    annualised_sharpes,
    bootstrap_mean_sharpes,
    expected_maximum_sharpe,
    percentile_interval,
    probabilistic_sharpe_ratio,
)
from workflow_scripts.sweeps.measures import UndefinedError
from workflow_scripts.training.sharpe import sharpe_ratio


def test_psr_of_normal_returns_is_the_z_score_of_the_sharpe_ratio():
    # (0.1 − 0) √100 / √(1 + 0.5 × 0.01)
    expected = norm.cdf(1 / np.sqrt(1.005))
    assert probabilistic_sharpe_ratio(0.1, 0.0, 101) == pytest.approx(expected)


def test_psr_at_its_own_sharpe_is_one_half_and_negative_skew_lowers_it():
    assert probabilistic_sharpe_ratio(0.1, 0.1, 250, -1.0, 8.0) == 0.5
    assert probabilistic_sharpe_ratio(0.1, 0, 250, -1.0, 8.0) < probabilistic_sharpe_ratio(0.1, 0, 250)


def test_psr_of_the_papers_example():
    # Bailey and López de Prado (2012): monthly Sharpe 0.458 over 24 months, skewness −2.448, kurtosis 10.164: 0.982
    assert probabilistic_sharpe_ratio(0.458, 0.0, 24, 0.0, 3.0) == pytest.approx(0.982, abs=0.002)
    assert probabilistic_sharpe_ratio(0.458, 0.0, 24, -2.448, 10.164) == pytest.approx(0.913, abs=0.002)


def test_the_best_of_many_without_skill_is_what_simulation_says():
    draws = np.random.default_rng(0).normal(0, 0.05, (20_000, 50)).max(axis=1).mean()
    assert expected_maximum_sharpe(50, 0.05**2) == pytest.approx(draws, rel=0.02)
    assert expected_maximum_sharpe(1, 0.1) == 0


def test_annualised_sharpes_are_the_runs_own():
    returns = np.random.default_rng(1).normal(0.001, 0.01, (2, 3, 100))
    assert annualised_sharpes(returns)[1, 2] == pytest.approx(sharpe_ratio(returns[1, 2]))


def test_returns_without_dispersion_have_no_sharpe_ratio_in_a_table_either():
    rows = np.stack([np.full(252, 1e-4), np.zeros(252), np.where(np.arange(252) % 2, 0.01, -0.01)])
    assert np.isnan(annualised_sharpes(rows)).tolist() == [True, True, False]


def test_a_draw_without_trades_is_undefined_and_the_interval_is_of_the_others():
    returns = np.random.default_rng(1).normal(0, 0.01, (2, 252))
    returns[:, :200] = 0
    draws = bootstrap_mean_sharpes({"a": returns}, 2000, 0)["a"]
    assert np.isnan(draws).sum() == 44
    assert percentile_interval(draws, 0.95) == percentile_interval(draws[~np.isnan(draws)], 0.95)


def test_an_interval_of_fewer_than_nineteen_defined_draws_in_twenty_is_none():
    draws = np.arange(100.0)
    draws[:5] = np.nan
    low, high = percentile_interval(draws, 0.95)
    assert 5 <= low < high <= 99
    draws[5] = np.nan
    with pytest.raises(UndefinedError, match="6 of 100 bootstrap draws have no Sharpe ratio"):
        percentile_interval(draws, 0.95)


@pytest.mark.parametrize("rows", [np.zeros((2, 300)), np.full((2, 300), 1e-4), np.eye(8)[:2]])
def test_a_series_without_a_block_length_of_its_own_is_resampled_all_the_same(rows):
    other = np.random.default_rng(2).normal(0, 0.01, (1, rows.shape[1]))
    draws = bootstrap_mean_sharpes({"a": rows, "b": other}, 20, seed=0)
    assert np.isfinite(draws["b"]).all()


def test_moments_that_no_distribution_has_are_undefined():
    with pytest.raises(UndefinedError, match="no distribution: 250 days, skewness 2"):
        probabilistic_sharpe_ratio(1.0, 0.0, 250, skewness=2.0, kurtosis=1.0)


def series(shift=0.0, days=500, seeds=5):
    rng = np.random.default_rng(2)
    market = rng.normal(0.0005, 0.01, days)
    return {
        "a": market + shift + rng.normal(0, 0.001, (seeds, days)),
        "b": market + rng.normal(0, 0.001, (1, days)),
    }


def test_the_bootstrap_gives_a_sharpe_ratio_its_standard_error():
    draws = bootstrap_mean_sharpes({"b": series()["b"]}, 1000, seed=0)["b"]
    assert draws.std() == pytest.approx(np.sqrt(252 / 500), rel=0.2)  # Lo (2002): √(1/T) a day


def test_differences_are_paired_by_day_and_so_far_surer_than_levels():
    draws = bootstrap_mean_sharpes(series(), 500, seed=0)
    assert (draws["a"] - draws["b"]).std() < 0.3 * draws["a"].std()


def test_an_advantage_is_found_and_no_advantage_is_not():
    better = bootstrap_mean_sharpes(series(shift=0.0005), 500, seed=0)
    assert percentile_interval(better["a"] - better["b"], 0.95)[0] > 0
    equal = bootstrap_mean_sharpes(series(), 500, seed=0)
    low, high = percentile_interval(equal["a"] - equal["b"], 0.95)
    assert low < 0 < high


def test_the_same_seed_draws_the_same():
    first, second = (bootstrap_mean_sharpes(series(), 50, seed=4) for _ in range(2))
    assert first["a"].tobytes() == second["a"].tobytes()

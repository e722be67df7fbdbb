import math

import numpy as np
import pytest
from arch.bootstrap import StepM
from scipy.stats import norm
from skfolio import measures

from workflow_scripts.analysis.inference.selection import (
    deflated_sharpe_ratio,
    effective_trials,
    expected_maximum_sharpe,
    haircut_sharpe,
    minimum_backtest_years,
    moments,
    probability_of_overfitting,
    superior_ability,
)


def test_the_best_of_a_hundred_without_skill_shows_two_and_a_half_standard_errors():
    assert expected_maximum_sharpe(100, 1) == pytest.approx(2.530603, abs=5e-7)
    assert expected_maximum_sharpe(10, 1) == pytest.approx(1.574598, abs=5e-7)
    assert expected_maximum_sharpe(1, 1) == 0


def test_the_papers_strategy_is_deflated_below_95_percent_by_a_hundred_trials_and_not_by_46():
    # Bailey and López de Prado (2014): 2.5 a year of 250 days, variance ½ a year, 1250 days, skewness −3, kurtosis 10
    for trials, probability in ((100, 0.900397), (46, 0.950502)):
        ratio = deflated_sharpe_ratio(2.5 / math.sqrt(250), 0.5 / 250, trials, 1250, -3, 10)
        assert ratio == pytest.approx(probability, abs=5e-7)


def test_the_deflated_ratio_is_skfolios_where_every_trial_is_given():
    returns = np.random.default_rng(0).normal(0.0005, 0.01, (12, 500))
    ratios = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
    best = int(ratios.argmax())
    own = deflated_sharpe_ratio(ratios[best], ratios.var(ddof=1), 12, 500, *moments(returns[best]))
    assert own == pytest.approx(measures.deflated_sharpe_ratio(returns[best], ratios), abs=1e-3)


def test_the_best_of_45_trials_shows_a_sharpe_ratio_of_one_in_five_years_by_chance():
    assert minimum_backtest_years(45) == pytest.approx(4.99809, abs=5e-6)
    assert minimum_backtest_years(12) == pytest.approx(2.77160, abs=5e-6)


def test_two_hundred_trials_leave_three_tenths_of_a_sharpe_ratio_of_three_quarters():
    haircut = haircut_sharpe(0.75, 240, 200, 12)
    assert [haircut.p_value, haircut.sharpe] == pytest.approx([0.185161, 0.297142], abs=5e-7)
    assert haircut_sharpe(-0.75, 240, 1, 12).sharpe == pytest.approx(-0.75)
    assert haircut_sharpe(0.1, 240, 200, 12).sharpe == pytest.approx(0)


def test_effective_trials_are_all_where_independent_two_where_alike_and_about_the_clusters_between():
    rng = np.random.default_rng(1)
    shared = rng.normal(size=(1, 5000))
    assert effective_trials(rng.normal(size=(20, 5000))) == pytest.approx(20, rel=0.01)
    assert effective_trials(shared + 0.01 * rng.normal(size=(20, 5000))) == 2
    clusters = np.repeat(rng.normal(size=(3, 5000)), 4, axis=0)
    assert effective_trials(clusters) == pytest.approx(3, rel=0.01)


def test_overfitting_of_noise_is_one_half_and_of_one_better_trial_none():
    returns = np.random.RandomState(0).standard_normal((20, 480))
    assert probability_of_overfitting(returns, blocks=8).probability == 0.5
    returns[0] += 1
    assert probability_of_overfitting(returns, blocks=8).probability == 0


def test_overfitting_stands_beside_its_null():
    rng = np.random.default_rng(2)
    null = [probability_of_overfitting(rng.normal(size=(12, 240)), permutations=100) for _ in range(100)]
    assert np.mean([result.p_value <= 0.05 for result in null]) <= 0.1
    assert np.mean([result.probability for result in null]) == pytest.approx(
        np.mean([result.null_mean for result in null]), abs=0.06
    )
    skilled = rng.normal(size=(12, 240)) + np.linspace(0, 1, 12)[:, None]
    assert probability_of_overfitting(skilled).p_value < 0.05


def test_halves_need_an_even_number_of_blocks():
    with pytest.raises(ValueError, match="12 trials, 100 days, 7 blocks"):
        probability_of_overfitting(np.zeros((12, 100)), blocks=7)


def test_superior_ability_of_noise_and_of_one_better_trial():
    random = np.random.RandomState(0)
    benchmark, losses = random.standard_normal(500), random.standard_normal((500, 12))
    noise = superior_ability((benchmark[:, None] - losses).T, block=5, seed=23456)
    assert noise.p_value == pytest.approx(0.624)
    assert noise.superior == ()
    losses[:, 3] -= 0.3
    better = superior_ability((benchmark[:, None] - losses).T, block=5, seed=23456)
    assert better.p_value == pytest.approx(1 / 1001)  # of a thousand resamples and the data
    assert better.superior == (3,)


def test_luck_of_independent_trials_is_the_expected_maximum():
    gains = np.random.default_rng(3).normal(size=(12, 2000))
    gains -= gains.mean(axis=1, keepdims=True)
    luck = superior_ability(gains, block=1)
    median = norm.ppf(0.5 ** (1 / 12)) / math.sqrt(2000)  # of the largest of twelve normals
    assert luck.median_of_luck == pytest.approx(median, rel=0.1)
    assert luck.low_of_luck < luck.median_of_luck < luck.high_of_luck


def test_a_quiet_trial_behind_noisy_ones_is_seen_in_its_standard_errors():
    gains = np.random.default_rng(6).normal(0, 1, (12, 750))
    gains[:11] -= gains[:11].mean(axis=1, keepdims=True)
    gains[11] = 0.1 * (gains[11] - gains[11].mean()) + 0.02  # 5.5 standard errors above nothing
    test = superior_ability(gains, block=1)
    assert test.p_value > 0.5
    assert test.studentised_p_value < 0.01
    gains[11] -= 0.02
    assert superior_ability(gains, block=1).studentised_p_value > 0.5


def test_a_ratio_beyond_all_doubt_keeps_its_size_under_the_haircut():
    cut = haircut_sharpe(40, 2520, 12, 252)
    assert (cut.p_value, cut.sharpe) == (0, 40)
    assert haircut_sharpe(10, 2520, 12, 252).sharpe == pytest.approx(9.7, abs=0.3)


def test_trials_that_stand_out_are_those_of_archs_stepm():
    gains = np.random.default_rng(4).normal(np.linspace(-0.1, 0.4, 12)[:, None], 1, (12, 500))
    step = StepM(np.zeros(500), -gains.T, block_size=5, seed=0)
    step.compute()
    assert superior_ability(gains, block=5).superior == tuple(step.superior_models)


def test_every_trial_may_stand_out_step_by_step():
    scale = np.array([[10.0], [1.0], [0.1]])
    gains = (
        np.random.default_rng(5).normal(0.3, 1, (3, 500)) * scale
    )  # the noise of the first hides the others at first
    assert superior_ability(gains, block=1).superior == (0, 1, 2)

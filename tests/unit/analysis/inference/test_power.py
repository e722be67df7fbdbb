import math

import numpy as np
import pytest

from workflow_scripts.analysis.inference.evidence import always_valid_e_value, always_valid_p_value
from workflow_scripts.analysis.inference.power import (
    days_to_detect,
    detectable_sharpe_difference,
    power_of_sharpe_difference,
    sharpe_difference_error,
)


def test_two_years_show_a_difference_of_one_eighth_between_twins_and_of_nine_tenths_between_siblings():
    assert detectable_sharpe_difference(504, 0.9) == pytest.approx(0.885939, abs=5e-7)
    assert detectable_sharpe_difference(504, 0.998) == pytest.approx(0.125291, abs=5e-7)


def test_the_detectable_difference_is_found_in_four_cases_of_five():
    assert power_of_sharpe_difference(0.885939, 504, 0.9) == pytest.approx(0.8, abs=1e-5)


def test_half_the_difference_takes_four_times_the_days():
    assert days_to_detect(0.88594, 0.9) == 504
    assert days_to_detect(0.88594 / 2, 0.9) == pytest.approx(4 * 504, abs=1)


def test_the_error_is_what_simulated_pairs_show():
    rng = np.random.default_rng(0)
    first = rng.normal(0.1, 1, (4000, 250))
    second = 0.1 + 0.9 * (first - 0.1) + math.sqrt(1 - 0.81) * rng.normal(0, 1, (4000, 250))
    ratios = [rows.mean(axis=1) / rows.std(axis=1, ddof=1) for rows in (first, second)]
    assert sharpe_difference_error(250, 0.9, 0.1, 0.1) == pytest.approx(np.std(ratios[0] - ratios[1]), rel=0.03)


def test_no_days_show_no_difference():
    with pytest.raises(ValueError, match="no number of days"):
        days_to_detect(0, 0.9)


def test_an_e_value_beyond_all_floats_is_the_largest_of_them():
    assert math.isfinite(always_valid_e_value(1e4))
    assert always_valid_p_value(always_valid_e_value(1e4)) < 1e-300


def test_a_z_of_three_is_an_e_value_of_eleven():
    assert always_valid_e_value(3, 2) == pytest.approx(11.5964, abs=5e-5)
    assert always_valid_p_value(always_valid_e_value(3, 2)) == pytest.approx(1 / 11.5964, abs=5e-6)
    assert always_valid_p_value(always_valid_e_value(0, 2)) == 1


def test_looking_after_every_day_finds_nothing_where_there_is_nothing_in_95_of_100_cases():
    steps = np.random.default_rng(1).normal(size=(2000, 500))
    z = steps.cumsum(axis=1) / np.sqrt(np.arange(1, 501))
    variances = np.arange(1, 501) / 50  # one prior for the effect: its variance in units of the error grows with days
    e_values = np.exp(variances * z**2 / (2 * (1 + variances))) / np.sqrt(1 + variances)
    assert e_values[3, 99] == pytest.approx(always_valid_e_value(z[3, 99], 2.0))
    assert np.mean(e_values.max(axis=1) >= 20) <= 0.05
    assert np.mean(np.abs(z).max(axis=1) >= 1.96) > 0.3  # what a p-value read every day would find

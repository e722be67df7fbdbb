import numpy as np
import pytest
from scipy.stats import dunnett
from scipy.stats import t as student

from workflow_scripts.analysis.inference.comparisons import (
    beyond_by_luck,
    critical_value,
    luck_of,
    p_value_beyond_reference,
    reach_beyond_reference,
    reach_of_best,
)


def test_what_folds_give_all_trials_is_no_luck():
    # 1 2 | 3 6: residuals of ±0.5, one degree of freedom, so a variance of 1 on each of two folds.
    luck = luck_of(np.array([[1.0, 2.0], [3.0, 6.0]]))
    assert (luck.error, luck.degrees) == (pytest.approx(1 / 2**0.5), 1)
    assert luck_of(np.array([[1.0, 2.0, 9.0], [4.0, 5.0, 12.0]])).error == 0
    assert luck_of(np.array([[1.0, 2.0]])) is None
    assert luck_of(np.array([[1.0], [2.0]])) is None


def test_the_best_of_one_is_students_t():
    assert critical_value(1, 5, 0.025) == pytest.approx(student.isf(0.025, 5), abs=1e-4)
    assert critical_value(1, 22, 0.05, shared=False) == pytest.approx(student.isf(0.05, 22), abs=1e-5)


def test_several_trials_against_one_reference_are_dunnetts_test():
    samples = np.random.default_rng(0).normal(np.reshape([0.0, 1.0, 0.0, 0.5], (4, 1)), size=(4, 6))
    found = dunnett(*samples[1:], control=samples[0], alternative="greater", rng=np.random.default_rng(1))
    assert beyond_by_luck(found.statistic.max(), 3, degrees=20) == pytest.approx(found.pvalue.min(), abs=1e-3)


@pytest.mark.parametrize("shared", [True, False])
def test_no_probability_is_below_zero_however_far_a_statistic_lies(shared):
    for count in (1, 12, 100):
        for degrees in (1, 22, 400):
            assert 0 <= beyond_by_luck(1e4, count, degrees, shared) < 1e-2


def test_an_interval_ends_at_zero_where_the_p_value_is_its_tail():
    luck = luck_of(np.random.default_rng(0).normal(size=(12, 3)))
    reach = reach_beyond_reference(luck, 11, 0.95)
    assert p_value_beyond_reference(reach, luck, 11) == pytest.approx(0.025, abs=1e-6)


def draws(folds, interaction, trials=13, seeds=2, repetitions=400):
    """Values (repetitions, trials, folds) of equal configurations, means over seeds, with a level for each fold."""
    rng = np.random.default_rng(0)
    of_seeds = rng.standard_normal((repetitions, trials, folds, seeds)).mean(axis=-1)
    of_runs = interaction * rng.standard_normal((repetitions, trials, folds))
    return rng.standard_normal((repetitions, 1, folds)) + of_seeds + of_runs


@pytest.mark.parametrize("interaction", [0, 1])
def test_the_best_of_twelve_equal_configurations_looks_better_than_the_default_in_one_case_of_twenty(interaction):
    found = []
    for values in draws(3, interaction):
        best = float(values[1:].mean(axis=1).max() - values[0].mean())
        found.append(p_value_beyond_reference(best, luck_of(values), 12) < 0.05)
    assert 0.02 < np.mean(found) < 0.08  # three standard errors around 5 %


@pytest.mark.parametrize("interaction", [0, 1])
def test_the_interval_of_the_best_covers_its_true_value(interaction):
    covered = [
        abs(values.mean(axis=1).max()) <= reach_of_best(values, len(values), 0.95) for values in draws(3, interaction)
    ]
    assert np.mean(covered) > 0.92

import pytest
from ConfigSpace import ConfigurationSpace, Float
from dehb import DEHB

from workflow_scripts.sweeps.hyperband import hyperband
from workflow_scripts.sweeps.optimizers.base import Round, pairs
from workflow_scripts.sweeps.optimizers.random import Random
from workflow_scripts.sweeps.optimizers.smac_hyperband import SmacHyperband
from workflow_scripts.workflow.model import SettingError


def test_most_optimizers_have_rounds_of_one_size():
    assert Random(round_size=4, budget=100).schedule(3, 6) == [Round(4, 100, 6)] * 3


def test_the_rungs_of_the_plan():
    rungs = SmacHyperband(min_budget=100_000, budget=1_000_000).schedule(7, 6)
    first = [(9, 111_111), (3, 333_333), (1, 1_000_000), (3, 333_333), (1, 1_000_000), (3, 1_000_000)]
    assert [(rung.size, rung.budget) for rung in rungs] == [*first, (9, 111_111)]


def test_with_runs_as_fidelity_the_lowest_rung_judges_on_a_tenth_of_the_runs():
    by_runs = SmacHyperband(fidelity="runs", min_runs=1, eta=10, budget=100)
    assert by_runs.schedule(3, 10) == [Round(10, 100, 1), Round(1, 100, 10), Round(2, 100, 10)]


@pytest.mark.parametrize(
    ("settings", "rounds", "reason"),
    [
        ({"budget": 90}, 3, "min_budget: .* needs one of at most 90 vector steps / eta = 30, not None"),
        ({"budget": 90, "min_budget": 31}, 3, "min_budget: .* at most 90 vector steps / eta = 30, not 31"),
        ({"fidelity": "runs", "min_runs": 3}, 3, "min_runs: .* needs one of at most 6 runs / eta = 2, not 3"),
        ({"budget": 90, "min_budget": 10}, 2, "rounds: no trial gets the full budget before round 3 of .*rounds is 2"),
    ],
)
def test_brackets_without_a_lowest_or_a_full_rung_are_refused(settings, rounds, reason):
    with pytest.raises(SettingError, match=reason):
        SmacHyperband(**settings).check(rounds, 6)
    SmacHyperband(budget=90, min_budget=10).check(3, 6)


def test_the_first_runs_are_all_folds_with_the_first_seed():
    assert pairs([0, 1, 2], [7, 8]) == [(0, 7), (1, 7), (2, 7), (0, 8), (1, 8), (2, 8)]


@pytest.mark.parametrize(("low", "high", "eta"), [(100, 900, 3), (1, 16, 2), (10, 1000, 10), (5, 100, 3), (7, 7, 3)])
def test_brackets_are_those_of_the_package(tmp_path, low, high, eta):
    space = ConfigurationSpace(seed=0)
    space.add(Float("x", (0, 1)))
    theirs = DEHB(
        cs=space,
        f=print,
        min_fidelity=low * 0.999,
        max_fidelity=high,
        eta=eta,
        n_workers=1,
        output_path=tmp_path,
        log_level="ERROR",
    )
    laid = []
    for bracket in range(2 * theirs.max_SH_iter):
        counts, fidelities = theirs._get_next_iteration(bracket)
        laid += [(int(size), round(float(budget))) for size, budget in zip(counts, fidelities, strict=True)]
    assert hyperband(low, high, eta, len(laid)) == laid

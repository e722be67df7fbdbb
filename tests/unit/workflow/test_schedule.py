import pytest
from ConfigSpace import ConfigurationSpace, Float
from dehb import DEHB

from workflow_scripts.workflow.schedule import Round, continues, hyperband, pairs, schedule

SWEEP = {"optimizer": "smac", "round_size": 4, "rounds": 3, "budget": 100, "min_budget": None, "eta": 3}


def test_most_optimizers_have_rounds_of_one_size():
    assert schedule(SWEEP, 6) == [Round(4, 100, 6)] * 3


def test_the_rungs_of_the_plan():
    sweep = SWEEP | {"optimizer": "dehb", "rounds": 7, "min_budget": 100_000, "budget": 1_000_000}
    sizes = [(round_.size, round_.budget) for round_ in schedule(sweep, 6)]
    first = [(9, 111_111), (3, 333_333), (1, 1_000_000), (3, 333_333), (1, 1_000_000), (3, 1_000_000)]
    assert sizes == [*first, (9, 111_111)]


def test_with_runs_as_fidelity_the_lowest_rung_judges_on_a_tenth_of_the_runs():
    sweep = SWEEP | {"optimizer": "dehb", "fidelity": "runs", "min_runs": 1, "eta": 10, "rounds": 3}
    assert schedule(sweep, 10) == [Round(10, 100, 1), Round(1, 100, 10), Round(2, 100, 10)]


def test_the_first_runs_are_all_folds_with_the_first_seed():
    assert pairs([0, 1, 2], [7, 8]) == [(0, 7), (1, 7), (2, 7), (0, 8), (1, 8), (2, 8)]


def test_rungs_continue_where_it_is_asked_for_and_populations_always():
    asked = [
        continues({"optimizer": optimizer, "continue_training": wanted})
        for optimizer in ("pb2", "dehb", "smac")
        for wanted in (True, False)
    ]
    assert asked == [True, True, True, False, False, False]


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

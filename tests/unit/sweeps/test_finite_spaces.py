"""In a space that has an end no configuration is judged twice at one budget, and every proposal comes to an end."""

import subprocess
import sys
import time

import pytest

from tests.unit.sweeps.test_optimizers import optimizer_of
from tests.waiting import PATIENCE
from workflow_scripts.sweeps.history import Score, identity
from workflow_scripts.sweeps.optimizers.base import EqualRounds, Proposal, Request
from workflow_scripts.sweeps.optimizers.random import Random
from workflow_scripts.sweeps.proposals import choose
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.workflow.time_limits import time_limit

SIX = {
    "gamma": {"type": "categorical", "choices": [0.9, 0.95, 0.99], "default": 0.9},
    "repeat_times": {"type": "int", "lower": 1, "upper": 2, "log": False, "default": 2},
    "batch_size": {"type": "constant", "default": 64},
}
TWELVE = SIX | {"net_dims_0": {"type": "categorical", "choices": [16, 32], "default": 16}}
WIDE = {
    "learning_rate": {"type": "float", "lower": 1e-5, "upper": 1e-3, "log": True, "default": 3e-4},
    "buffer": {"type": "int", "lower": 1, "upper": 10**9, "log": True, "default": 1000},
}


def play(optimizer, space, rounds, fixed=()):
    """The scores of a sweep in which a trial is as good as its numbers are small."""
    history = []
    for number in range(rounds):
        laid = optimizer.schedule(number + 1, 1)
        for trial, each in enumerate(choose(optimizer, Request(space, history, laid, seed=0, fixed=fixed))):
            values = to_dict(each.configuration)
            score = -sum(value for value in values.values() if value < 1000)
            history.append(
                Score("toy", number, trial, laid[-1].budget, "ok", None, score, None, values, [{}], each.parent)
            )
    return history


@pytest.mark.parametrize("name", ["smac", "smac_gp", "tpe", "optuna_gp", "random", "sobol"])
def test_six_trials_of_six_points_are_all_of_them_over_the_rounds(name):
    optimizer, space = optimizer_of(name, round_size=2), build_space(SIX, PPO)
    history = play(optimizer, space, 3)
    assert len({identity(score.configuration) for score in history}) == 6
    with pytest.raises(ValueError, match="each of the 6 configurations that there are was proposed before"):
        choose(optimizer, Request(space, history, optimizer.schedule(4, 1), seed=0))


@pytest.mark.parametrize("name", ["dehb", "smac_hyperband"])
def test_no_rung_judges_a_configuration_that_one_of_its_budget_has_judged(name):
    """9, 3 and 1 trials, then 3 and 1, then 3: of twelve points nine differ at 10, six at 30 and five at 90."""
    history = play(optimizer_of(name), build_space(TWELVE, PPO), 6)
    judged = {
        budget: [identity(each.configuration) for each in history if each.budget == budget] for budget in (10, 30, 90)
    }
    assert [len(each) for each in judged.values()] == [9, 6, 5]
    assert [len(set(each)) for each in judged.values()] == [9, 6, 5]


@pytest.mark.parametrize("name", ["pbt", "pb2"])
@pytest.mark.parametrize(
    "free",
    [
        {"gamma": SIX["gamma"]},
        {"repeat_times": {"type": "int", "lower": 1, "upper": 4, "log": False, "default": 2}},
        {"gamma": SIX["gamma"], "repeat_times": SIX["repeat_times"]},
    ],
)
def test_no_two_members_go_on_from_one_training_with_one_configuration(name, free):
    fixed = {"net_dims_0": {"type": "constant", "default": 16}, "batch_size": SIX["batch_size"]}
    space = build_space(free | fixed, PPO)
    history = play(optimizer_of(name, round_size=3), space, 5, fixed=tuple(fixed))
    for number in range(5):
        members = [(each.parent, identity(each.configuration)) for each in history if each.round == number]
        assert len(set(members)) == 3
    clones = [each for each in history if each.parent not in (None, each.trial)]
    assert len(clones) == 4
    before = {(each.round, each.trial): each.configuration for each in history}
    assert all(each.configuration != before[each.round - 1, each.parent] for each in clones)


class Stubborn(EqualRounds):
    """A user's own optimizer, which asks for the default configuration again and again."""

    def propose(self, request):
        """Return it as often as there are places."""
        return [Proposal(request.space.get_default_configuration())] * request.size


def test_an_optimizer_of_the_users_that_repeats_itself_judges_something_new_instead():
    history = play(Stubborn(round_size=2), build_space(SIX, PPO), 3)
    assert len({identity(score.configuration) for score in history}) == 6
    assert history == play(Stubborn(round_size=2), build_space(SIX, PPO), 3)


@pytest.mark.parametrize("name", ["smac", "smac_gp", "tpe", "optuna_gp"])
def test_a_whole_number_up_to_a_milliard_is_proposed_without_counting_to_it(name):
    history = play(optimizer_of(name, round_size=2, initial_design=2), build_space(WIDE, PPO), 2)
    assert all(type(score.configuration["buffer"]) is int for score in history)


def test_a_draw_among_points_that_are_all_but_one_taken_finds_the_last():
    numbers = {"horizon_len": {"type": "int", "lower": 1, "upper": 2000, "log": False, "default": 1}}
    space = build_space(numbers | {"batch_size": {"type": "constant", "default": 1}}, PPO)
    optimizer = Random(round_size=1)
    history = [
        Score("toy", 0, place, 6144, "ok", None, 0.0, None, {"batch_size": 1, "horizon_len": place + 1})
        for place in range(2000)
        if place != 1234
    ]
    [last] = choose(optimizer, Request(space, history, optimizer.schedule(2, 1), seed=0))
    assert last.configuration["horizon_len"] == 1235


def test_a_proposal_that_takes_too_long_is_given_up_in_words():
    with pytest.raises(TimeoutError, match="no end"), time_limit(0.2 / 60, "no end"):
        while True:
            pass
    time.sleep(0.3)  # the limit is gone with its block


def test_compiled_code_that_never_comes_back_ends_the_process_and_says_where_it_was(request):
    stuck = (
        "from workflow_scripts.workflow.time_limits import time_limit\n"
        "with time_limit(0.2 / 60, 'late', grace_seconds=0.3):\n    sum(range(10**12))"
    )
    command = [sys.executable, "-c", stuck]
    done = subprocess.run(
        command, cwd=request.config.rootpath, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Timeout (")
    assert "line 3 in <module>" in done.stderr

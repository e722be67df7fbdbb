"""What a round starts from and what it continues, whichever optimizer chooses."""

import pytest

from tests.unit.sweeps.test_optimizers import RUNGS, SPACE, ask, judged, optimizer_of
from workflow_scripts.sweeps.optimizers.base import Request
from workflow_scripts.sweeps.proposals import choose, same_below, warm_start
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.agents.ppo import PPO


def request(number, history):
    return Request(build_space(SPACE, PPO), history, RUNGS[: number + 1], seed=0)


@pytest.mark.parametrize("name", ["dehb", "smac_hyperband"])
def test_a_promoted_trial_continues_the_one_it_was_promoted_from(name):
    continuing = optimizer_of(name, continue_training=True)
    low = choose(continuing, request(0, []))
    assert [proposal.parent for proposal in low] == [None] * 9
    history = judged([proposal.configuration for proposal in low], 0, 10)
    middle = choose(continuing, request(1, history))
    assert all(low[proposal.parent].configuration == proposal.configuration for proposal in middle)
    anew = choose(optimizer_of(name), request(1, history))
    assert [proposal.parent for proposal in anew] == [None] * 3


def test_a_new_configuration_or_a_new_bracket_continues_nothing():
    drawn = build_space(SPACE, PPO).sample_configuration(10)
    history = judged(drawn[:9], 0, 10)
    assert same_below(drawn[2], request(1, history)) == 2
    assert same_below(drawn[9], request(1, history)) is None
    assert same_below(drawn[2], request(0, history)) is None
    later = judged(drawn[:1], 2, 90)
    assert same_below(drawn[0], request(3, history + later)) is None
    assert same_below(drawn[2], request(1, judged(drawn[:9], 0, 10, "failed"))) is None


@pytest.mark.parametrize("name", ["smac", "tpe", "random", "dehb", "pb2"])
def test_a_warm_started_sweep_begins_with_the_default_and_the_best_of_another(name):
    warm = judged(ask("random", [], 0, 12, seed=5))
    best = sorted(warm, key=lambda score: -score.score)[:2]
    optimizer = optimizer_of(name, round_size=9)
    space = build_space(SPACE, PPO)
    first = choose(optimizer, Request(space, [], optimizer.schedule(1, 1), 0), warm, top=2)
    assert first[0].configuration == space.get_default_configuration()
    assert [to_dict(proposal.configuration) for proposal in first[1:3]] == [score.configuration for score in best]
    assert len(first) == 9


def test_a_warm_start_that_the_optimizer_proposes_too_takes_one_place():
    space, optimizer = build_space(SPACE, PPO), optimizer_of("smac", round_size=5)
    asked = Request(space, [], optimizer.schedule(1, 1), 0)
    cold = [proposal.configuration for proposal in choose(optimizer, asked)]
    first = [proposal.configuration for proposal in choose(optimizer, asked, judged(cold[4:]), top=1)]
    assert first == [cold[0], cold[4], cold[2], cold[3], cold[1]]


def test_what_another_space_had_is_moved_into_this_one():
    wide = SPACE | {"learning_rate": SPACE["learning_rate"] | {"upper": 1e-2, "default": 5e-3}}
    del wide["activation"]
    warm = judged([build_space(wide, PPO).get_default_configuration()])
    start = warm_start(build_space(SPACE, PPO), warm, top=3)
    assert [to_dict(configuration) for configuration in start] == [
        {"activation": "relu", "batch_size": 64, "horizon_len": 64, "learning_rate": 3e-4, "repeat_times": 2},
        {"activation": "relu", "batch_size": 64, "horizon_len": 64, "learning_rate": 1e-3, "repeat_times": 2},
    ]


def test_a_low_rungs_lucky_trial_warms_nothing():
    space = build_space(SPACE, PPO)
    low, full = space.sample_configuration(2)
    high_rate, low_rate = sorted((low, full), key=lambda each: -each["learning_rate"])
    warm = judged([high_rate], 0, 10) + judged([low_rate], 1, 90)  # the higher score, at the lower budget
    assert warm_start(space, warm, top=1)[1] == low_rate


def test_failed_trials_warm_nothing():
    space = build_space(SPACE, PPO)
    warm = judged(space.sample_configuration(3), status="failed")
    assert warm_start(space, warm, top=3) == [space.get_default_configuration()]

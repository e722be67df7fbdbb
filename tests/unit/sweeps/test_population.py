import itertools

import numpy as np
import pytest
from ConfigSpace import Float, Integer

from workflow_scripts.sweeps.history import Score
from workflow_scripts.sweeps.optimizers.base import Request
from workflow_scripts.sweeps.optimizers.pb2 import PB2
from workflow_scripts.sweeps.optimizers.pbt import PBT
from workflow_scripts.sweeps.populations import moved
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.agents.ppo import PPO

SPACE = {
    "learning_rate": {"type": "float", "lower": 1e-5, "upper": 1e-3, "log": True, "default": 3e-4},
    "batch_size": {"type": "int", "lower": 16, "upper": 256, "log": True, "default": 64},
    "gamma": {"type": "float", "lower": 0.9, "upper": 1.0, "log": False, "default": 0.95},
    "net_dims_0": {"type": "int", "lower": 16, "upper": 256, "log": False, "default": 64},
    "activation": {"type": "categorical", "choices": ["relu", "tanh"], "default": "relu"},
}
SIZE = 8


def judged(members, round_, score):
    return [
        Score(
            sweep="toy",
            round=round_,
            trial=place,
            budget=50 * (round_ + 1),
            status="ok" if (value := score(place, member)) is not None else "failed",
            reason=None if value is not None else "diverged",
            score=value,
            standard_error=None,
            configuration=to_dict(member.configuration),
            parent=member.parent,
        )
        for place, member in enumerate(members)
    ]


def ask(history, round_, method="pb2", seed=0):
    optimizer = {"pbt": PBT, "pb2": PB2}[method](round_size=SIZE, interval=50, quantile=0.25)
    request = Request(build_space(SPACE, PPO), history, optimizer.schedule(round_ + 1, 1), seed, fixed=("net_dims_0",))
    return optimizer.propose(request)


def play(method, rounds, score, seed=0):
    history, asked = [], []
    for number in range(rounds):
        asked.append(ask(history, number, method, seed))
        history += judged(asked[-1], number, score)
    return asked, history


@pytest.mark.parametrize("method", ["pbt", "pb2"])
def test_the_worst_continue_the_best_and_the_rest_themselves(method):
    scores = [3.0, 8.0, 1.0, 5.0, 7.0, 2.0, 4.0, 6.0]
    asked, history = play(method, 1, lambda place, _: scores[place])
    after = ask(history, 1, method)
    assert [member.parent for place, member in enumerate(after) if place not in (2, 5)] == [0, 1, 3, 4, 6, 7]
    assert {after[2].parent, after[5].parent} <= {1, 4}
    for place in (0, 1, 3, 4, 6, 7):
        assert after[place].configuration == asked[0][place].configuration


@pytest.mark.parametrize("method", ["pbt", "pb2"])
def test_a_clone_takes_its_parents_hyperparameters_and_architecture(method):
    asked, _history = play(method, 4, lambda place, _: float(place))
    for before, after in itertools.pairwise(asked):
        for place in (0, 1):
            parent, clone = before[after[place].parent].configuration, after[place].configuration
            assert after[place].parent in (6, 7)
            assert clone["net_dims_0"] == parent["net_dims_0"]
            assert clone != parent


@pytest.mark.parametrize("method", ["pbt", "pb2"])
def test_where_all_tie_the_first_are_continued_and_the_last_replaced(method):
    _, history = play(method, 1, lambda *_: 1.0)
    after = ask(history, 1, method)
    assert [member.parent for member in after[:6]] == list(range(6))
    assert {after[6].parent, after[7].parent} <= {0, 1}


@pytest.mark.parametrize("method", ["pbt", "pb2"])
def test_failed_members_are_replaced_and_never_continued(method):
    _, history = play(method, 1, lambda place, _: None if place < 5 else float(place))
    after = ask(history, 1, method)
    assert all(member.parent in (6, 7) for member in after[:5])
    assert [member.parent for member in after[5:]][-2:] == [6, 7]
    _, history = play(method, 1, lambda *_: None)
    with pytest.raises(ValueError, match="none of 8 trials of toy has a score; most often: diverged"):
        ask(history, 1, method)


@pytest.mark.parametrize("method", ["pbt", "pb2"])
def test_the_same_scores_give_the_same_members(method):
    score = lambda place, member: float(np.log(member.configuration["learning_rate"]) + place / 10)  # noqa: E731
    assert play(method, 4, score) == play(method, 4, score)
    assert play(method, 4, score)[0] != play(method, 4, score, seed=1)[0]


def test_pb2_learns_which_hyperparameters_gain():
    gained = {}

    def score(place, member):
        """Members gain while their gamma is high; the rest does not matter."""
        before = gained.get(member.parent, 0.0)
        return before + 10 * (float(member.configuration["gamma"]) - 0.9)

    chosen, history = [], []
    for number in range(8):
        members = ask(history, number)
        rows = judged(members, number, score)
        chosen.append([m.configuration["gamma"] for m, row in zip(members, rows, strict=True) if m.parent != row.trial])
        gained = {row.trial: row.score for row in rows}
        history += rows
    assert np.mean([gamma for round_ in chosen[4:] for gamma in round_]) > 0.97


def test_pb2_spreads_the_members_of_a_round():
    _, history = play("pb2", 4, lambda place, member: 100 * float(member.configuration["gamma"]) + place / 10)
    clones = [member for place, member in enumerate(ask(history, 4)) if member.parent != place]
    assert len({member.configuration["learning_rate"] for member in clones}) == len(clones)


@pytest.mark.parametrize(
    ("entry", "value", "factor", "expected"),
    [
        (Integer("n", (1, 10)), 1, 1.2, 2),
        (Integer("n", (1, 10)), 2, 0.8, 1),
        (Integer("n", (1, 10)), 1, 0.8, 1),  # its lower bound
        (Integer("n", (1, 100)), 50, 1.2, 60),
        (Integer("n", (0, 10)), 0, 0.8, 2),
        (Integer("n", (0, 2)), 0, 1.2, 1),
        (Float("x", (0.0, 1.0)), 0.5, 1.2, 0.6),
        (Float("x", (0.0, 1.0)), 0.0, 0.8, 0.2),
        (Float("x", (-1.0, 1.0)), 0.0, 0.8, -0.4),
    ],
)
def test_a_small_whole_number_moves_by_one_and_zero_is_left(entry, value, factor, expected):
    assert moved(entry, value, factor) == pytest.approx(expected)

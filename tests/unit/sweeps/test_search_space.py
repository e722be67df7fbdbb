from copy import copy

import numpy as np
import pytest

from workflow_scripts.sweeps.designs import initial_points
from workflow_scripts.sweeps.history import Score
from workflow_scripts.sweeps.optimizers.base import Request
from workflow_scripts.sweeps.optimizers.smac import Smac
from workflow_scripts.sweeps.optimizers.smac_gp import SmacGP
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.agents.ppo import PPO

TERMS = {
    "batch_size": {"type": "int", "lower": 64, "upper": 2048, "log": True, "default": 64},
    "horizon_len": {"type": "int", "lower": 16, "upper": 512, "log": True, "default": 64},
    "repeat_times": {"type": "int", "lower": 1, "upper": 8, "log": False, "default": 4},
}


def test_no_configuration_leaves_zero_updates():
    space = build_space(TERMS, PPO, seed=1)
    sampled = [to_dict(configuration) for configuration in space.sample_configuration(300)]
    assert all(c["horizon_len"] * c["repeat_times"] >= c["batch_size"] for c in sampled)
    clause = space.forbidden_clauses[0]
    assert clause.is_forbidden_value({"batch_size": 100, "horizon_len": 99, "repeat_times": 1})
    assert not clause.is_forbidden_value({"batch_size": 100, "horizon_len": 100, "repeat_times": 1})
    assert str(copy(clause)) == "Forbidden: a batch_size and horizon_len that leave no update"


def test_the_clause_judges_vectors_as_it_judges_values():
    space = build_space(TERMS, PPO)

    clause = space.forbidden_clauses[0]
    vectors = np.random.default_rng(0).random((200, 3))
    names = list(space.keys())
    expected = [
        clause.is_forbidden_value({name: space[name].to_value(v) for name, v in zip(names, row, strict=True)})
        for row in vectors
    ]
    assert 0 < sum(expected) < 200
    assert [clause.is_forbidden_vector(row) for row in vectors] == expected
    assert clause.is_forbidden_vector_array(vectors.T).tolist() == expected


PRIOR = {
    "rate": {"type": "float", "lower": 1e-5, "upper": 1e-1, "log": True, "default": 1e-2, "prior_strength": 30},
    "width": {"type": "int", "lower": 0, "upper": 100, "log": False, "default": 20, "prior_strength": 8},
}


def test_a_prior_has_its_mode_at_the_default_and_leaves_the_rest_possible():
    """Beta(1 + 30 × 0.75, 1 + 30 × 0.25): mean 23.5 / 32 of the logarithmic range, standard deviation 0.077."""
    drawn = build_space(PRIOR, PPO, seed=0).sample_configuration(2000)
    positions = np.asarray([(np.log10(each["rate"]) + 5) / 4 for each in drawn])
    assert abs(positions.mean() - 23.5 / 32) < 0.01
    assert abs(positions.std() - 0.0768) < 0.005
    widths = np.asarray([each["width"] for each in drawn])
    assert abs(widths.mean() - 26) < 1
    assert widths.max() > 60


def test_the_initial_design_is_drawn_from_the_priors():
    points = initial_points(build_space(PRIOR, PPO), 65, seed=0)[1:]
    assert abs(np.mean([point["width"] for point in points]) - 26) < 1
    assert abs(np.median([np.log10(point["rate"]) for point in points]) + 2) < 0.1


@pytest.mark.parametrize("kind", [Smac, SmacGP])
def test_smac_keeps_to_a_narrow_prior_at_first(kind):
    space = build_space(PRIOR, PPO)
    history = [
        Score("toy", 0, place, 1, "ok", None, 0.0, None, to_dict(point))
        for place, point in enumerate(initial_points(space, 4, seed=0))
    ]
    optimizer = kind(round_size=4, initial_design=4)
    proposed = optimizer.propose(Request(space, history, optimizer.schedule(2, 1), seed=0))
    assert all(1e-3 < each.configuration["rate"] < 1e-1 for each in proposed)


def test_values_are_plain_python_in_the_order_of_their_names():
    entries = {"z": {"type": "constant", "default": 3}, "a": {"type": "categorical", "choices": [1, 2], "default": 2}}
    configuration = to_dict(build_space(entries, PPO).get_default_configuration())
    assert list(configuration.items()) == [("a", 2), ("z", 3)]
    assert all(type(value) is int for value in configuration.values())

from copy import copy

import numpy as np

from workflow_scripts.sweeps.search_space import build_space, to_dict

TERMS = {
    "batch_size": {"type": "int", "lower": 64, "upper": 2048, "log": True, "default": 64},
    "horizon_len": {"type": "int", "lower": 16, "upper": 512, "log": True, "default": 64},
    "repeat_times": {"type": "int", "lower": 1, "upper": 8, "log": False, "default": 4},
}


def test_no_configuration_leaves_zero_updates():
    space = build_space(TERMS, seed=1)
    sampled = [to_dict(configuration) for configuration in space.sample_configuration(300)]
    assert all(c["horizon_len"] * c["repeat_times"] >= c["batch_size"] for c in sampled)
    clause = space.forbidden_clauses[0]
    assert clause.is_forbidden_value({"batch_size": 100, "horizon_len": 99, "repeat_times": 1})
    assert not clause.is_forbidden_value({"batch_size": 100, "horizon_len": 100, "repeat_times": 1})
    assert str(copy(clause)) == "Forbidden: horizon_len * repeat_times < batch_size"


def test_the_clause_judges_vectors_as_it_judges_values():
    space = build_space(TERMS)

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


def test_values_are_plain_python_in_the_order_of_their_names():
    entries = {"z": {"type": "constant", "default": 3}, "a": {"type": "categorical", "choices": [1, 2], "default": 2}}
    configuration = to_dict(build_space(entries).get_default_configuration())
    assert list(configuration.items()) == [("a", 2), ("z", 3)]
    assert all(type(value) is int for value in configuration.values())

"""What a hyperparameter or a whole space cannot have is refused when the Snakefile is parsed, whoever spells it."""

import copy
import math

import pytest
import yaml

from tests.unit.config.test_model import change, read
from tests.workflow.toy import CONFIG
from workflow_scripts.config.describe import config_schema
from workflow_scripts.config.spaces import SHIPPED, default_configuration, extent, read_space
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.agents.base import PACKAGE, Agent, agent_of
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.workflow import registry
from workflow_scripts.workflow.model import SettingError


def space_of(tmp_path, text, agent="ppo"):
    """A search space from its file's text, read as YAML reads it."""
    path = tmp_path / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return read_space(path, agent_of(agent))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate: {type: constant, default: -0.001}", "learning_rate.default: -0.001 is not > 0"),
        ("learning_rate: {type: constant, default: fast}", "learning_rate.default: 'fast' is not a valid number"),
        ("learning_rate: {type: constant, default: true}", "learning_rate.default: true is not a number"),
        ("learning_rate: {type: constant, default: .nan}", "learning_rate.default: nan is not a finite number"),
        ("learning_rate: {lower: 0.1, upper: 10.0, default: 0.5}", "learning_rate.upper: 10.0 is not ≤ 1"),
        ("gamma: {type: constant, default: 1.5}", "gamma.default: 1.5 is not ≤ 1"),
        ("gamma: {type: categorical, choices: [0.9, 1.5], default: 0.9}", "gamma.choices: 1.5 is not ≤ 1"),
        ("net_dims_0: {type: constant, default: 0}", "net_dims_0.default: 0 is not ≥ 1"),
        (
            "net_dims_0: {type: int, lower: 1, upper: 1000000000, default: 64}",
            "net_dims_0.upper: 1000000000 is not ≤ 2^14",
        ),
        ("ratio_clip: {lower: -1, upper: 0.4, default: 0.2}", "ratio_clip.lower: -1 is not > 0"),
        ("batch_size: {type: constant, default: 0}", "batch_size.default: 0 is not ≥ 1"),
        (
            "batch_size: {type: categorical, choices: [64, 64.5], default: 64}",
            "batch_size.choices: 64.5 is not a valid integer",
        ),
        (
            "batch_size: {lower: 64, upper: 128, default: 64}",
            "batch_size.type: is float, and the agent takes whole numbers",
        ),
        ("batch_size: {type: int, lower: 64, upper: 4194304, default: 64}", "batch_size.upper: 4194304 is not ≤ 2^20"),
        (
            "gamma: {choices: [0.9, 0.99], default: 0.9}",
            "gamma.choices: type float does not read it; type categorical would",
        ),
        (
            "gamma: {type: categorical, choices: [0.9], default: 0.9, lower: 0.5}",
            "gamma.lower: type categorical does not read it; type float or int would",
        ),
        ("gamma: {type: constant, default: 0.9, log: true}", "gamma.log: type constant does not read it"),
        ("gamma: {type: categorical, choices: [0.9, 9e-1], default: 0.9}", "gamma.choices: 0.9 is named 2 times"),
        (
            "gamma: {lower: 0.9, upper: 0.9000000001, default: 0.9}",
            "gamma: lower 0.9 and upper 0.9000000001 are",
        ),
        ("gamma: {lower: 0.9, upper: 0.99, default: 0.95, prior_strength: -1}", "gamma.prior_strength: -1 is not > 0"),
        ("gamma: 0.9", "gamma: 0.9 is not a mapping such as"),
    ],
)
def test_a_value_that_the_agent_does_not_take_is_named_with_its_bound(tmp_path, text, message):
    with pytest.raises(SettingError) as error:
        space_of(tmp_path, text)
    assert str(error.value).startswith(message)


def test_text_that_is_a_number_is_one_and_whole_numbers_are_whole(tmp_path):
    """YAML 1.1 reads 3e-4, which has no point, as text."""
    space = space_of(
        tmp_path,
        "learning_rate: {type: constant, default: 3e-4}\n"
        "lambda_entropy: {type: categorical, choices: [1e-4, 1e-2], default: 1e-2}\n"
        "batch_size: {type: categorical, choices: [64.0, 128.0], default: 64}\n",
    )
    assert space["learning_rate"].default == 3e-4
    assert space["lambda_entropy"].choices == (1e-4, 1e-2)
    assert space["batch_size"].choices == (64, 128)
    assert all(type(choice) is int for choice in space["batch_size"].choices)


@pytest.mark.parametrize("name", registry.names(PACKAGE))
def test_every_hyperparameter_of_every_agent_has_a_lower_and_an_upper_bound(name):
    properties = registry.find(PACKAGE, name, Agent).model_json_schema()["properties"]
    assert [key for key, entry in properties.items() if not is_bounded(entry)] == []


def test_every_number_of_the_configuration_has_a_lower_and_an_upper_bound():
    assert sorted(set(unbounded(config_schema(), "config"))) == []


def is_bounded(entry):
    return {"minimum", "exclusiveMinimum"} & set(entry) and {"maximum", "exclusiveMaximum"} & set(entry)


def unbounded(node, path):
    """The keys of a JSON schema whose numbers lack a bound."""
    if isinstance(node, list):
        for each in node:
            yield from unbounded(each, path)
    elif isinstance(node, dict):
        kinds = [node["type"]] if isinstance(node.get("type"), str) else node.get("type", [])
        listed = {"const", "enum"} & set(node) or "configurations" in path
        if {"integer", "number"} & set(map(str, kinds)) and not listed and not is_bounded(node):
            yield path
        for key, value in node.items():
            yield from unbounded(
                value, path if key in ("properties", "oneOf", "anyOf", "items", "$defs") else f"{path}.{key}"
            )


TERMS = [
    ("ppo", "batch_size: {type: int, lower: 512, upper: 65536, log: true, default: 512}"),
    ("ppo", "horizon_len: {type: int, lower: 1, upper: 64, default: 64}"),
    ("ppo", "repeat_times: {lower: 0.1, upper: 16.0, default: 16.0}"),
    (
        "a2c",
        "repeat_times: {type: categorical, choices: [1, 8, 64], default: 64}\n"
        "horizon_len: {type: int, lower: 4, upper: 64, default: 32}",
    ),
    ("sac", "horizon_len: {type: int, lower: 1, upper: 8, default: 4}"),
    ("td3", "repeat_times: {lower: 0.001, upper: 1.0, log: true, default: 0.5}"),
]


@pytest.mark.parametrize(("agent", "text"), TERMS)
def test_what_leaves_no_update_is_forbidden_whichever_terms_the_space_names(tmp_path, agent, text):
    kind = agent_of(agent)
    entries = {name: entry.spelled() for name, entry in space_of(tmp_path, text, agent).items()}
    space = build_space(entries, kind, seed=0)
    free = build_space(entries, kind, seed=0)
    free._dag.unconditional_forbiddens.clear()
    drawn = [to_dict(each) for each in free.sample_configuration(200)]
    assert 0 < sum(bool(kind.leaves_update(values)) for values in drawn) < 200
    assert all(kind.leaves_update(to_dict(each)) for each in space.sample_configuration(200))
    for values in drawn:
        assert any(clause.is_forbidden_value(values) for clause in space.forbidden_clauses) != kind.leaves_update(
            values
        )
    assert {name for clause in space.forbidden_clauses for name in (clause.left.name, clause.right.name)} == set(
        entries
    )


def test_a_space_in_which_nearly_everything_is_forbidden_is_refused_in_numbers(tmp_path):
    with pytest.raises(SettingError) as error:
        space_of(
            tmp_path,
            "batch_size: {type: int, lower: 1, upper: 1048576, default: 8}\n"
            "horizon_len: {type: int, lower: 1, upper: 2, default: 2}",
        )
    assert str(error.value) == (
        "0 of 2000 configurations drawn at random leave an update, and 20 have to: lower batch_size, or raise "
        "horizon_len or repeat_times (the space has batch_size, horizon_len)"
    )


def test_points_are_counted_where_there_is_an_end_of_them(tmp_path):
    """Of 3 horizons × 4 batches, with repeat_times 1, those allow 32 ≥ 32; 48 ≥ 32, 48; 64 ≥ 32, 48, 64: six."""
    text = (
        "horizon_len: {type: categorical, choices: [32, 48, 64], default: 64}\n"
        "batch_size: {type: categorical, choices: [32, 48, 64, 96], default: 64}\n"
        "repeat_times: {type: constant, default: 1}\n"
    )
    space = space_of(tmp_path, text)
    assert extent(space, agent_of("ppo")).points == 6
    more = space_of(tmp_path, f"{text}net_dims_0: {{type: int, lower: 16, upper: 20, default: 16}}")
    assert extent(more, agent_of("ppo")).points == 30
    assert extent(more, agent_of("ppo"), fixed=("net_dims_0",)).points == 6
    endless = space_of(tmp_path, f"{text}gamma: {{lower: 0.9, upper: 0.99, default: 0.95}}")
    assert math.isinf(extent(endless, agent_of("ppo")).points)


@pytest.mark.parametrize("name", registry.names(PACKAGE))
def test_the_shipped_spaces_have_no_end_and_few_forbidden(name):
    found = extent(read_space(SHIPPED / f"{name}.yaml", agent_of(name)), agent_of(name))
    assert math.isinf(found.points)
    assert found.hits > 1600


TWO = {"net_dims_0": {"type": "categorical", "choices": [16, 32], "default": 16}}
CHOICES = {"gamma": {"type": "categorical", "choices": [0.9, 0.95, 0.99], "default": 0.9}}
PB2 = {"agent": "ppo", "market": "toy", "optimizer": "pb2", "rounds": 3, "round_size": 3, "interval": 16}
MANUAL = {"agent": "ppo", "market": "toy", "optimizer": "manual", "rounds": 1, "round_size": 2, "budget": 32}
BRACKETS = {"agent": "ppo", "market": "toy", "optimizer": "dehb", "rounds": 6, "min_budget": 10, "budget": 90}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"search_spaces/ppo": TWO},
            "sweeps.ppo_smac.search_space: the rounds need 4 configurations that differ, and FILE has 2 "
            "that leave an update: lower rounds or round_size, or widen the space",
        ),
        (
            {"search_spaces/ppo": TWO, "sweeps/x": BRACKETS, "sweeps/ppo_smac/rounds": 1},
            "sweeps.x.search_space: the rounds need 9 configurations that differ, and FILE has 2",
        ),
        (
            {"search_spaces/ppo": TWO, "sweeps/ppo_smac": PB2 | {"round_size": 2}},
            "sweeps.ppo_smac.search_space: the rounds need 2 configurations that differ, and FILE has 1 "
            "that change during a training (net_dims_0, net_dims_1, dropout do not)",
        ),
        (
            {"search_spaces/ppo": CHOICES, "sweeps/ppo_smac": PB2 | {"round_size": 4}},
            "sweeps.ppo_smac.search_space: the rounds need 4 configurations that differ, and FILE has 3",
        ),
        ({"sweeps/ppo_smac/budget": 10**15}, "sweeps.ppo_smac.budget: 1000000000000000 is not ≤ 10^9"),
        ({"training/num_envs": 10**9}, "training.num_envs: 1000000000 is not ≤ 2^16"),
        ({"seeds/tuning": [0, 2**40]}, "seeds.tuning.1: 1099511627776 is not < 2^32"),
        ({"sweeps/ppo_smac/seed": 2**32}, "sweeps.ppo_smac.seed: 4294967296 is not < 2^32"),
        (
            {"sweeps/ppo_smac/rounds": 1000, "sweeps/ppo_smac/round_size": 1000},
            "sweeps.ppo_smac.rounds: 1000000 trials with 4000000 runs are more than the 10^6 that Snakemake can plan",
        ),
        (
            {"sweeps/ppo_smac": PB2 | {"interval": 10**9}},
            "sweeps.ppo_smac.rounds: 3000000000 vector steps of a run are not ≤ 10^9",
        ),
        (
            {"sweeps/x": BRACKETS | {"fidelity": "runs", "min_runs": 1}},
            "sweeps.x.min_budget: fidelity: runs does not read it; fidelity: steps would",
        ),
        (
            {"sweeps/x": BRACKETS | {"min_runs": 1}},
            "sweeps.x.min_runs: fidelity: steps does not read it; fidelity: runs would",
        ),
        (
            {"sweeps/ppo_smac/objective": "mean_minus_se", "folds/count": 1, "seeds/tuning": [0]},
            "sweeps.ppo_smac.objective: mean_minus_se needs 2 runs of a trial, and some trials have 1: raise "
            "folds.count, seeds.tuning or min_runs, or name another objective",
        ),
        (
            {"sweeps/ppo_smac/warm_start": {"top": 5}},
            "sweeps.ppo_smac.warm_start.top: is not read without warm_start.sweep: name the sweep to start from",
        ),
        (
            {"sweeps/ppo_smac": MANUAL | {"configurations": [{}, {"learning_rate": 3e-4 + 1e-18}]}},
            "sweeps.ppo_smac.configurations.1: is configuration 0 again, which would be judged twice",
        ),
        ({"backtest/top": 5}, "backtest.top: 5 ranks need as many configurations, and sweep ppo_smac is sure of 4"),
        (
            {"sweeps/ppo_smac": MANUAL | {"configurations": [{"learning_rat": 1}, {}]}},
            "sweeps.ppo_smac.configurations.0.learning_rat: unknown key; did you mean learning_rate?",
        ),
        (
            {"sweeps/ppo_smac": MANUAL | {"configurations": [{}, {"learning_rate": 0.5}]}},
            "sweeps.ppo_smac.configurations.1.learning_rate: 0.5 is outside [1e-05, 0.001]",
        ),
        (
            {"sweeps/ppo_smac": MANUAL | {"configurations": [{}, {"horizon_len": 20.5}]}},
            "sweeps.ppo_smac.configurations.1.horizon_len: 20.5 is not a valid integer",
        ),
        (
            {"sweeps/ppo_smac": MANUAL | {"configurations": [{}, {"net_dims_0": 17}]}},
            "sweeps.ppo_smac.configurations.1.net_dims_0: 17 is not among [16]",
        ),
        (
            {"sweeps/ppo_smac": MANUAL | {"configurations": [{}, {"horizon_len": 16}]}},
            "sweeps.ppo_smac.configurations.1.horizon_len: 16 × repeat_times 1 / batch_size 32 leaves no update",
        ),
        (
            {"sweeps/ppo_smac": MANUAL | {"configurations": [{}, {"horizon_len": 32}]}},
            "sweeps.ppo_smac.configurations.1: is configuration 0 again, which would be judged twice",
        ),
        (
            {
                "sweeps/x": MANUAL
                | {"configurations": [{}, {"learning_rate": 1e-4}], "warm_start": {"sweep": "ppo_smac", "top": 1}}
            },
            "sweeps.x.warm_start: optimizer manual judges what is listed, and a warm start would take its places",
        ),
    ],
)
def test_what_no_single_entry_can_say_is_one_line_with_both_numbers(tmp_path, monkeypatch, changes, message):
    config = copy.deepcopy(CONFIG)
    for path, value in changes.items():
        change(config, path, value)
    with pytest.raises(SettingError) as error:
        read(config, tmp_path, monkeypatch)
    assert str(error.value).startswith(message.replace("FILE", "search_spaces/ppo.yaml"))


def test_choices_are_of_one_kind_and_numbers_have_the_decimals_of_a_configuration(tmp_path):
    """ConfigSpace makes 1.0 of 1 beside 0.5, and keeps thirteen decimals."""
    text = (
        "gamma: {type: categorical, choices: [0, 0.5, 1], default: 1}\nlearning_rate: {lower: 1.0e-5, upper: 1.0e-3, "
    )
    read = space_of(tmp_path, text + f"log: true, default: {1e-3 / 3!r}}}")
    assert list(map(type, read["gamma"].choices)) == [float] * 3
    built = build_space({name: entry.spelled() for name, entry in read.items()}, PPO)
    default = default_configuration(read)
    assert to_dict(built.get_default_configuration()) == default
    assert {name: str(value) for name, value in default.items()} == {"gamma": "1.0", "learning_rate": "0.0003333333333"}


def test_what_is_just_enough_is_taken(tmp_path, monkeypatch):
    config = copy.deepcopy(CONFIG)
    config["search_spaces"]["ppo"] = TWO | CHOICES
    config["backtest"]["top"] = 3
    config["sweeps"] = {
        "six": {"agent": "ppo", "market": "toy", "optimizer": "tpe", "rounds": 3, "round_size": 2, "budget": 32},
        "members": PB2,
        "listed": MANUAL | {"rounds": 3, "round_size": 1, "configurations": [{}, {"gamma": 0.95}, {"gamma": 0.99}]},
    }
    assert set(read(config, tmp_path, monkeypatch).sweeps) == {"six", "members", "listed"}


def test_listed_values_are_as_the_search_space_has_them(tmp_path, monkeypatch):
    config = copy.deepcopy(CONFIG)
    listed = yaml.safe_load("[{learning_rate: 1e-4}, {learning_rate: 5.0e-4, horizon_len: 32.0}]")
    config["sweeps"] = {"listed": MANUAL | {"configurations": listed}}
    first, second = read(config, tmp_path, monkeypatch).sweeps["listed"].optimizer.configurations
    assert first == {"learning_rate": 1e-4}
    assert second == {"learning_rate": 5e-4, "horizon_len": 32}
    assert type(second["horizon_len"]) is int

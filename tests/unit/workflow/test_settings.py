from dataclasses import fields

import yaml

from workflow_scripts.training.on_policy import PPOSettings
from workflow_scripts.workflow.settings import HYPERPARAMETERS, UPDATE_DEFAULTS, flags, gpus_of_a_run


def test_the_agents_hyperparameters_are_those_that_their_training_reads():
    assert {"ppo": tuple(sorted(field.name for field in fields(PPOSettings)))} == HYPERPARAMETERS
    assert {name: getattr(PPOSettings(), name) for name in UPDATE_DEFAULTS} == UPDATE_DEFAULTS


def test_the_shipped_space_is_the_plans(request):
    space = yaml.safe_load((request.config.rootpath / "config.yaml").read_text())["search_spaces"]["ppo"]
    assert set(space) == set(HYPERPARAMETERS["ppo"])
    assert {name: entry["default"] for name, entry in space.items()} == {
        name: getattr(PPOSettings(), name) for name in space
    }
    assert space["learning_rate"] == {"type": "float", "lower": 1e-5, "upper": 1e-3, "log": True, "default": 3e-4}


def test_flags_are_quoted_and_in_a_fixed_order():
    assert flags(b={"y_z": 1, "x": "a b"}, a={"none": None, "k": True}) == "--a.k True --b.x 'a b' --b.y-z 1"


def test_a_run_on_the_cpu_asks_for_no_gpu():
    assert gpus_of_a_run("cpu") == 0
    assert gpus_of_a_run("cuda") == 1

"""What the shipped configuration and search spaces say."""

import pathlib

import pytest
import yaml

from workflow_scripts.config.model import read_config
from workflow_scripts.config.spaces import SHIPPED, default_configuration, read_space
from workflow_scripts.training.agents.base import PACKAGE, Agent
from workflow_scripts.workflow import registry

AGENTS = registry.names(PACKAGE)


@pytest.fixture
def config(request, monkeypatch):
    monkeypatch.chdir(request.config.rootpath)
    with pathlib.Path("config.yaml").open(encoding="utf-8") as file:
        return yaml.safe_load(file)


def test_rounds_that_earlier_versions_proposed_are_kept_with_their_search_space(config):
    """The manifest of a round of version 0.1 has these settings, and is compared with what is asked now."""
    config["sweeps"]["ppo_smac"] |= {"search_space": "ppo_plan", "budget": 6144}
    decided = read_config(config).sweeps["ppo_smac"].decisions()
    space = decided.pop("search_space")
    assert decided == {
        "agent": "ppo",
        "budget": 6144,
        "initial_design": 5,
        "market": "sp500_sample",
        "optimizer": "smac",
        "round_size": 4,
        "seed": 0,
    }
    assert len(space) == 10
    assert space["learning_rate"] == {
        "type": "float",
        "lower": 1e-5,
        "upper": 1e-3,
        "log": True,
        "choices": None,
        "default": 3e-4,
    }


@pytest.mark.parametrize("name", AGENTS)
def test_an_agents_space_holds_every_hyperparameter_but_those_against_memorising_around_its_default(name):
    agent = registry.find(PACKAGE, name, Agent)
    space = read_space(SHIPPED / f"{name}.yaml", agent)
    against_memorising = {"weight_decay": 0.01, "dropout": 0.0, "feature_noise": 0.0}
    assert default_configuration(space) | against_memorising == agent().model_dump()


def test_every_agent_has_a_space_and_every_space_an_agent():
    assert {path.stem.partition("_")[0] for path in SHIPPED.glob("*.yaml")} == set(AGENTS)

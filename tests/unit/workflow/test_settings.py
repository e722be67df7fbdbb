import shlex
from dataclasses import asdict
from pathlib import Path

import pytest
import tyro
import yaml

from workflow_scripts.data.folds import FoldSettings
from workflow_scripts.training.agents import AGENTS
from workflow_scripts.training.on_policy import PPO
from workflow_scripts.workflow.settings import (
    HYPERPARAMETERS,
    ON_POLICY,
    flags,
    gpus_of_a_run,
    market_settings,
    start_of_a_run,
)


def test_the_agents_hyperparameters_are_those_that_their_training_reads():
    assert {name: asdict(settings()) for name, (_, settings) in AGENTS.items()} == HYPERPARAMETERS
    assert {name for name, (agent, _) in AGENTS.items() if issubclass(agent, PPO)} == set(ON_POLICY)


@pytest.mark.parametrize("agent", HYPERPARAMETERS)
def test_the_shipped_spaces_hold_every_hyperparameter_around_its_default(request, agent):
    space = yaml.safe_load((request.config.rootpath / "config.yaml").read_text())["search_spaces"][agent]
    assert {name: entry["default"] for name, entry in space.items()} == HYPERPARAMETERS[agent]


def test_the_shipped_ppo_space_is_the_plans(request):
    space = yaml.safe_load((request.config.rootpath / "config.yaml").read_text())["search_spaces"]["ppo"]
    assert space["learning_rate"] == {"type": "float", "lower": 1e-5, "upper": 1e-3, "log": True, "default": 3e-4}


def test_flags_are_quoted_and_in_a_fixed_order():
    assert flags(b={"y_z": 1, "x": "a b"}, a={"none": None, "k": 0.5}) == "--a.k 0.5 --b.x 'a b' --b.y-z 1"


@pytest.mark.parametrize("expanding", [True, False])
def test_the_plans_form_of_the_folds_comes_back_from_its_flags(expanding):
    plan = {"n_folds": 4, "train_ratio": 0.5, "expanding": expanding, "gap_days": 10}
    words = shlex.split(flags(settings=plan))
    settings = tyro.cli(FoldSettings, args=[word.replace("settings.", "") for word in words])
    assert settings == FoldSettings(**plan)


def test_a_list_is_one_flag_with_several_words():
    assert flags(market={"tickers": ["KO", "BRK B"], "end": None}) == "--market.tickers KO 'BRK B'"


@pytest.mark.parametrize(("source", "ticker"), [("alpaca", "VIXY"), ("yahoo", "^VIX"), ("csv", None)])
def test_the_volatility_of_a_market_is_what_its_source_has(source, ticker):
    keys = ("start", "end", "tickers", "universe", "missing", "path", "feed")
    market = {"source": source, "volatility_ticker": "auto", **dict.fromkeys(keys)}
    assert market_settings(market)["volatility_ticker"] == ticker
    assert market_settings({**market, "volatility_ticker": None})["volatility_ticker"] is None


def test_a_run_on_the_cpu_asks_for_no_gpu():
    assert gpus_of_a_run("cpu", {}) == 0
    assert gpus_of_a_run("cuda", {}) == 1


@pytest.mark.parametrize(("environment", "gpus"), [({}, 1), ({"CUDA_VISIBLE_DEVICES": ""}, 0)])
def test_auto_asks_for_a_gpu_where_the_planning_machine_shows_one(monkeypatch, environment, gpus):
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == "/dev/nvidiactl")
    assert gpus_of_a_run("auto", environment) == gpus


@pytest.mark.parametrize(
    ("warm_workers", "gpus", "remote", "start"),
    [
        (True, 0, False, "python -I -S workflow_scripts/workflow/run_warm.py"),
        (False, 0, False, "python -m"),
        (True, 1, False, "python -m"),
        (True, 0, True, "python -m"),
    ],
)
def test_a_run_starts_warm_on_this_machines_cpu_alone(warm_workers, gpus, remote, start):
    assert start_of_a_run(warm_workers, gpus, remote) == start

"""Sweeps of other optimizers and agents on the real workflow."""

import pandas as pd
import pytest
import yaml

from tests.workflow.toy import Toy, jobs


@pytest.fixture
def brackets(tmp_path):
    """A toy whose sweep tunes SAC with DEHB: 2 trials at 32 steps, 1 at 64; then 2 at 64."""
    toy = Toy(tmp_path)
    space = toy.config["search_spaces"]["ppo"]
    space = {name: space[name] for name in ("learning_rate", "net_dims_0", "net_dims_1")}
    toy.config["search_spaces"] = {"sac": space}
    toy.config["sweeps"] = {
        "sac_dehb": {
            "agent": "sac",
            "market": "toy",
            "optimizer": "dehb",
            "rounds": 3,
            "budget": 64,
            "min_budget": 32,
            "eta": 2,
        }
    }
    toy.write_config()
    return toy


def test_a_dry_run_lists_the_runs_of_every_rung(brackets):
    planned = jobs(brackets.snakemake("-n").stdout)
    assert planned["score_trial"] == 2 + 1 + 2
    assert planned["train_agent"] == (2 + 1 + 2) * 2 * 2
    assert sum(planned[f"propose_trials_sac_dehb_{number}"] for number in range(3)) == 3


@pytest.fixture
def population(tmp_path):
    """A toy whose sweep tunes PPO with PB2: 3 members, 2 intervals of 32 steps."""
    toy = Toy(tmp_path)
    toy.config["sweeps"] = {
        "ppo_pb2": {
            "agent": "ppo",
            "market": "toy",
            "optimizer": "pb2",
            "rounds": 2,
            "round_size": 3,
            "interval": 32,
        }
    }
    toy.write_config()
    return toy


def test_a_dry_run_lists_the_runs_of_every_generation(population):
    planned = jobs(population.snakemake("-n").stdout)
    assert planned["continue_agent"] == 2 * 3 * 2 * 2
    assert "train_agent" not in planned


def test_a_population_without_an_interval_is_refused(population):
    del population.config["sweeps"]["ppo_pb2"]["interval"]
    population.write_config()
    refused = population.snakemake("-n")
    assert refused.returncode != 0
    assert "sweeps.ppo_pb2: pb2 needs interval" in refused.stdout


@pytest.mark.slow
def test_pb2_continues_its_members_and_a_generation_more_adds_its_runs_only(population):
    done = population.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    sweep = population.folder / "results/sweeps/ppo_pb2"
    config = yaml.safe_load((sweep / "round_1/trial_0/config.yaml").read_text())
    parent = yaml.safe_load((sweep / f"round_0/trial_{config['parent']}/config.yaml").read_text())
    assert config["phases"] == [{"budget": 32, "configuration": parent["configuration"]}]
    candidate = yaml.safe_load((sweep / "backtest/rank_1/config.yaml").read_text())
    assert (candidate["budget"], len(candidate["phases"])) == (64, 1)
    assert "Nothing to be done" in population.snakemake("-n").stdout
    population.config["sweeps"]["ppo_pb2"]["rounds"] = 3
    population.write_config()
    assert jobs(population.snakemake("-n").stdout)["continue_agent"] == 3 * 2 * 2


def test_brackets_that_end_before_the_full_budget_are_refused(brackets):
    brackets.config["sweeps"]["sac_dehb"]["rounds"] = 1
    brackets.write_config()
    refused = brackets.snakemake("-n")
    assert refused.returncode != 0
    assert "no trial gets the full budget before round 2 of dehb" in refused.stdout


@pytest.mark.slow
def test_sac_is_tuned_by_dehb(brackets):
    done = brackets.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    sweep = brackets.folder / "results/sweeps/sac_dehb"
    trials = pd.read_csv(sweep / "trials.csv")
    assert trials.groupby("round").budget.unique().map(list).tolist() == [[32], [64], [64]]
    low, promoted = (trials[trials["round"] == number].learning_rate for number in (0, 1))
    assert set(promoted) < set(low)
    incumbent = yaml.safe_load((sweep / "incumbent.yaml").read_text())
    assert all(entry["round"] > 0 for entry in incumbent)
    assert "Nothing to be done" in brackets.snakemake("-n").stdout

"""Sweeps of other optimizers and agents on the real workflow."""

import shutil

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
    assert "sweeps.ppo_pb2.interval: is required" in refused.stdout


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


@pytest.fixture
def by_runs(brackets):
    """The toy with runs as fidelity: 4 trials on 1 run, 2 on 2, 1 on all 4; then 2 on 2, 1 on 4; and continued."""
    del brackets.config["sweeps"]["sac_dehb"]["min_budget"]
    brackets.config["sweeps"]["sac_dehb"] |= {"fidelity": "runs", "min_runs": 1, "rounds": 4, "continue_training": True}
    brackets.write_config()
    return brackets


def test_a_dry_run_lists_the_few_runs_of_a_low_rung(by_runs):
    planned = jobs(by_runs.snakemake("-n").stdout)
    assert planned["score_trial"] == 4 + 2 + 1 + 2
    assert planned["continue_agent"] == 4 * 1 + 2 * 2 + 1 * 4 + 2 * 2
    assert "train_agent" not in planned


@pytest.mark.slow
def test_a_promoted_trial_pays_for_the_runs_that_it_did_not_have(by_runs):
    done = by_runs.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    sweep = by_runs.folder / "results/sweeps/sac_dehb"
    promoted = yaml.safe_load((sweep / "round_1/trial_0/config.yaml").read_text())
    parent = yaml.safe_load((sweep / f"round_0/trial_{promoted['parent']}/config.yaml").read_text())
    assert promoted["configuration"] == parent["configuration"]
    run = "fold_0/seed_0/returns.parquet"
    inherited = sweep / "round_1/trial_0" / run
    assert inherited.read_bytes() == (sweep / f"round_0/trial_{promoted['parent']}" / run).read_bytes()
    board = pd.read_csv(by_runs.folder / "results/leaderboard.csv").iloc[0]
    # Continued trials train the runs that their parents lack: 4 × 1, 2 × (2 − 1), 1 × (4 − 2); the next bracket anew.
    assert board.vector_steps == 64 * (4 + 2 + 2 + 2 * 2)
    incumbent = yaml.safe_load((sweep / "incumbent.yaml").read_text())
    assert [entry["round"] for entry in incumbent] == [2]
    assert "Nothing to be done" in by_runs.snakemake("-n").stdout


def test_a_lowest_rung_with_too_many_runs_is_refused(by_runs):
    by_runs.config["sweeps"]["sac_dehb"]["min_runs"] = 3
    by_runs.write_config()
    refused = by_runs.snakemake("-n")
    assert refused.returncode != 0
    assert "sweeps.sac_dehb.min_runs: dehb needs one of at most 4 runs / eta = 2, not 3" in refused.stdout


def warm_started(toy, top=1):
    first = toy.config["sweeps"]["ppo_smac"]
    toy.config["sweeps"]["again"] = first | {"warm_start": {"sweep": "ppo_smac", "top": top}, "seed": 1}
    toy.write_config()
    return toy


def test_a_warm_start_waits_for_the_other_sweep_and_takes_its_best(finished, tmp_path):
    toy = warm_started(Toy(shutil.copytree(finished.folder, tmp_path / "toy")))
    done = toy.snakemake("results/sweeps/again/round_0/proposals.json")
    assert done.returncode == 0, done.stdout[-3000:]
    incumbent = yaml.safe_load((toy.folder / "results/sweeps/ppo_smac/incumbent.yaml").read_text())[0]
    trials = [
        yaml.safe_load((toy.folder / f"results/sweeps/again/round_0/trial_{trial}/config.yaml").read_text())
        for trial in range(2)
    ]
    assert trials[0]["configuration"]["learning_rate"] == 3e-4
    assert incumbent["configuration"] in [trial["configuration"] for trial in trials]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"top": 2}, "the default configuration and the best 2 of ppo_smac need 3 places"),
        ({"sweep": "nowhere"}, "'nowhere' is no other sweep that ends before it; there are ppo_smac"),
        ({"sweep": "again"}, "'again' is no other sweep that ends before it"),
    ],
)
def test_a_warm_start_that_cannot_be_is_refused(toy, change, message):
    warm_started(toy).config["sweeps"]["again"]["warm_start"] |= change
    toy.write_config()
    refused = toy.snakemake("-n")
    assert refused.returncode != 0
    assert f"config.yaml, sweeps.again.warm_start: {message}" in refused.stdout

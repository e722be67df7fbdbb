"""The order of work, on the real workflow."""

import re

import pytest


@pytest.mark.slow
def test_sweeps_go_side_by_side_and_a_trial_is_scored_before_the_next_one_trains(toy):
    sweep = {"agent": "ppo", "market": "toy", "optimizer": "random", "budget": 32}
    toy.config["sweeps"] = {
        "a": {**sweep, "rounds": 3, "round_size": 1},
        "b": {**sweep, "rounds": 2, "round_size": 2},
    }
    toy.config["seeds"] = {"tuning": [0], "final": [10, 11]}
    toy.write_config()
    done = toy.snakemake("--cores", "1", "--until", "collect_trials")
    assert done.returncode == 0, done.stdout[-3000:]
    job = r"^localrule (train_agent|score_trial):.*?wildcards: sweep=(\w), round=(\d), trial=(\d)"
    jobs = re.findall(job, done.stdout, re.MULTILINE | re.DOTALL)
    trials = ["a00", "b00", "b01", "a10", "b10", "b11", "a20"]  # by the share of the sweep that is behind them
    assert ["".join(trial) for rule, *trial in jobs if rule == "score_trial"] == trials
    assert [rule for rule, *_ in jobs] == ["train_agent", "train_agent", "score_trial"] * len(trials)  # of two folds

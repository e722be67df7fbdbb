"""The proof that agents learn what is there and nothing else; minutes of training, so `make test-slow` runs it."""

import statistics

import pytest

from benchmarks.learning import SEEDS, TRAININGS, learn


@pytest.mark.slow
@pytest.mark.parametrize("agent", TRAININGS)
def test_every_agent_beats_equal_weight_and_reaches_two_fifths_of_the_oracle(agent):
    runs = [learn(agent, "planted", "shared", "tilt", seed) for seed in SEEDS]
    shares = [(run.sharpe or 0.0) / run.oracle for run in runs]
    assert sum((run.sharpe or 0.0) > run.equal_weight for run in runs) >= 4, runs
    assert statistics.mean(shares) >= 0.4, shares


@pytest.mark.slow
@pytest.mark.parametrize("agent", TRAININGS)
def test_with_flat_networks_every_agent_beats_equal_weight_where_days_outnumber_the_numbers_seen(agent):
    runs = [learn(agent, "planted, 3 tickers", "flat", "tilt", seed) for seed in SEEDS]
    assert sum((run.sharpe or 0.0) > run.equal_weight for run in runs) >= 4, runs
    assert statistics.mean(run.training_sharpe or 0.0 for run in runs) > 0.5, runs


@pytest.mark.slow
def test_ppo_finds_nothing_on_a_null_market():
    sharpes = [learn("ppo", "null", "shared", "tilt", seed).sharpe or 0.0 for seed in SEEDS]
    error = statistics.stdev(sharpes) / len(sharpes) ** 0.5
    assert statistics.mean(sharpes) <= 2 * error, sharpes

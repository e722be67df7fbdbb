"""The proof that agents learn what is there and nothing else; minutes of training, so `make test-slow` runs it."""

import statistics

import pytest

from benchmarks.learning import SEEDS, learn


@pytest.mark.slow
def test_ppo_reaches_most_of_the_oracle_on_a_planted_market():
    runs = [learn("ppo", "planted", "shared", "tilt", seed) for seed in SEEDS]
    shares = [(run.sharpe or 0.0) / run.oracle for run in runs]
    assert sum(share >= 0.6 for share in shares) >= 4, shares


@pytest.mark.slow
def test_ppo_finds_nothing_on_a_null_market():
    sharpes = [learn("ppo", "null", "shared", "tilt", seed).sharpe or 0.0 for seed in SEEDS]
    error = statistics.stdev(sharpes) / len(sharpes) ** 0.5
    assert statistics.mean(sharpes) <= 2 * error, sharpes

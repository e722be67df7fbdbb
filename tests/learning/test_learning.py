"""The proof that agents learn what is there and nothing else, through the pipeline: minutes, by `make test-slow`."""

import pytest

from benchmarks.learning import learn, summary

pytestmark = pytest.mark.slow


def test_ppo_reaches_four_fifths_of_the_strong_oracle_by_default_and_nine_tenths_tuned(tmp_path):
    strong = learn("ppo", "strong", 5, 2, tmp_path)
    assert strong["default"] >= 0.8 * strong["oracle"], strong
    assert strong["tuned"] >= 0.9 * strong["oracle"], strong


def test_a_sweep_of_the_seed_plans_space_finds_what_its_default_does_not(tmp_path):
    strong = learn("ppo", "strong", 20, 2, tmp_path, "ppo_plan")
    assert strong["tuned"] - strong["default"] >= 0.5, strong


def test_ppo_reaches_three_quarters_of_the_oracle_where_the_signal_is_of_medium_strength(tmp_path):
    medium = learn("ppo", "medium", 5, 2, tmp_path)
    assert medium["tuned"] >= 0.75 * medium["oracle"], medium


@pytest.mark.parametrize(
    ("agent", "trials", "folds"),
    [("ppo", 5, 2), ("a2c", 5, 2), ("ddpg", 2, 1), ("td3", 2, 1), ("sac", 2, 1), ("modsac", 2, 1)],
)
def test_on_noise_no_agent_is_above_the_benchmark(tmp_path, agent, trials, folds):
    noise = learn(agent, "noise", trials, folds, tmp_path)
    assert summary({"noise": noise})["noise_z"] <= 2, noise


@pytest.mark.parametrize("agent", ["a2c", "ddpg", "td3", "sac", "modsac"])
def test_every_other_agent_reaches_three_fifths_of_the_oracle_by_default_and_four_fifths_tuned(tmp_path, agent):
    strong = learn(agent, "strong", 3, 1, tmp_path)
    assert max(strong["cpu_s_per_default_run"], strong["cpu_s_per_tuned_run"]) <= 60, strong
    for candidate, share in {"default": 0.6, "tuned": 0.8}.items():
        enough = [sharpe >= share * strong["oracle"] for sharpe in strong[f"{candidate}_by_seed"]]
        assert sum(enough) >= 4, (candidate, strong)

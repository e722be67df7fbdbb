import json

import numpy as np
import pytest

from workflow_scripts.analysis.inference.answers import (
    Answer,
    pooled_selection,
    selection_answer,
    skill_answer,
    tuning_answer,
)
from workflow_scripts.analysis.inference.estimands import estimand_of

DAYS, SEEDS = 504, 5


def market(seed=0, days=DAYS):
    return np.random.default_rng(seed).normal(0.0004, 0.01, days)


def agent(benchmark, skill=0.0, seed=1, seeds=SEEDS, size=0.002):
    """Return returns (seeds, days) of active bets of this daily size with a mean of `skill` sizes."""
    rng = np.random.default_rng(seed)
    return benchmark + size * (skill + rng.normal(size=(seeds, len(benchmark))))


def numbers(value):
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers(item)]
    if isinstance(value, (list, tuple)):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, float) else []


def check(answer):
    """Assert that an answer can be written: words, no NaN, a reason where a number is missing."""
    assert answer.sentence.endswith(".")
    assert np.isfinite(numbers(answer.as_json())).all()
    json.dumps(answer.as_json(), allow_nan=False)
    assert (answer.reason is None) == (None not in (answer.estimate, answer.interval, answer.p_value))
    if answer.interval:
        assert answer.interval[0] <= answer.estimate <= answer.interval[1]
    return answer


@pytest.mark.parametrize("estimand", ["sharpe", "alpha"])
def test_an_agent_with_skill_beats_the_benchmark_and_the_answer_begins_with_yes(estimand):
    answer = check(skill_answer(agent(market(), skill=0.15), market(), estimand))
    assert answer.answer == "yes"
    assert answer.interval[0] > 0
    assert answer.p_value < 0.05
    assert answer.sentence.startswith("Yes: the tuned agent beats the benchmark by +")


def test_the_other_estimands_stand_beside_the_one_that_decides():
    answer = skill_answer(agent(market(), skill=0.15), market())
    assert answer.estimand == "annual Sharpe ratio"
    assert answer.beside["information_ratio"]["estimate"] == pytest.approx(0.15 * np.sqrt(252), abs=0.8)
    assert answer.beside["alpha"]["estimate"] == pytest.approx(0.15 * 0.002 * 252, abs=0.03)


def test_bets_without_skill_are_no_yes():
    assert check(skill_answer(agent(market(), size=0.005), market())).answer != "yes"


def test_an_agent_that_all_but_holds_the_benchmark_is_no_better_and_the_answer_is_no():
    answer = check(skill_answer(agent(market(), size=1e-5), market()))
    assert answer.answer == "no"
    assert answer.interval[1] < 0.1
    assert answer.sentence.endswith("0.1 would be worth while.")


def test_an_agent_that_loses_to_the_benchmark_is_a_no():
    answer = check(skill_answer(agent(market(), skill=-0.2), market()))
    assert answer.answer == "no"
    assert answer.interval[1] < 0


def test_an_agent_that_is_the_benchmark_has_shown_no_opinion():
    answer = check(skill_answer(np.tile(market(), (3, 1)), market()))
    assert (answer.answer, answer.estimate, answer.interval) == ("no", 0, None)
    assert "on each of 504 test days the tuned agent earned what the benchmark earned" in answer.sentence


@pytest.mark.parametrize("estimand", ["sharpe", "alpha"])
def test_half_of_the_benchmark_is_exposure_and_no_skill(estimand):
    answer = check(skill_answer(market()[None] / 2, market(), estimand))
    assert (answer.answer, answer.estimate) == ("no", 0)
    assert "by its exposure alone" in answer.sentence


def test_a_gain_that_is_the_same_every_day_has_no_alpha_that_a_test_could_judge():
    answer = check(skill_answer(market()[None] + 0.001, market(), "alpha"))
    assert answer.answer == "unknown"
    assert answer.estimate == pytest.approx(0.252)
    assert "the same amount every day" in answer.sentence


def test_an_agent_that_never_trades_has_no_sharpe_ratio_to_compare():
    tuned = agent(market())
    tuned[2] = 0
    answer = check(skill_answer(tuned, market()))
    assert answer.answer == "unknown"
    assert "1 of 5 seeds of the tuned agent earned the same return every day" in answer.sentence


def test_a_benchmark_that_never_moves_leaves_the_answer_unknown():
    answer = check(skill_answer(agent(market()), np.zeros(DAYS)))
    assert (answer.answer, answer.reason) == (
        "unknown",
        "The benchmark earned the same return every day (never traded?)",
    )


@pytest.mark.parametrize("days", [1, 2, 5, 20])
def test_fewer_days_than_a_month_are_too_few_for_an_interval(days):
    short = market(days=days)
    for answer in (
        skill_answer(agent(short), short),
        tuning_answer(agent(short), agent(short, seed=3)),
        selection_answer([agent(short)], short),
    ):
        assert check(answer).answer == "unknown"
        assert f"{days} " in answer.sentence


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_few_seeds_have_an_interval(seeds):
    assert check(skill_answer(agent(market(), seeds=seeds), market())).interval is not None


def test_returns_that_are_not_finite_or_of_other_days_are_refused():
    tuned = agent(market())
    with pytest.raises(ValueError, match="504 days and the benchmark of 503"):
        skill_answer(tuned, market()[1:])
    tuned[0, 3] = np.nan
    with pytest.raises(ValueError, match="1 of 2520 returns of tuned are not finite"):
        skill_answer(tuned, market())


def test_the_default_is_not_better_than_itself():
    tuned = agent(market())
    for answer in (tuning_answer(tuned, tuned, same_configuration=True), tuning_answer(tuned, tuned)):
        assert (check(answer).answer, answer.interval) == ("no", None)
    assert tuning_answer(tuned, tuned, same_configuration=True).sentence.startswith(
        "The tuned configuration is the default"
    )


def test_a_better_configuration_is_found_seed_by_seed():
    default = agent(market(), seed=3)
    assert check(tuning_answer(default + 0.0004, default)).answer == "yes"
    assert check(tuning_answer(default, default + 0.0004)).answer == "no"
    with pytest.raises(ValueError, match="has 5 seeds and the default 4"):
        tuning_answer(default, default[:4])


def test_the_best_of_twelve_without_skill_is_luck_and_one_with_skill_is_not():
    benchmark = market()
    noise = [agent(benchmark, seed=number, seeds=2) for number in range(10, 22)]
    luck = check(selection_answer(noise, benchmark))
    assert luck.answer != "yes"
    assert "uck: the best of 12 trials shows" in luck.sentence or luck.sentence.startswith("May be luck")
    assert "in one of twenty" in luck.sentence
    assert "in one of 10 " in check(selection_answer(noise, benchmark, confidence=0.9)).sentence
    skilled = check(selection_answer([*noise, agent(benchmark, skill=0.2, seed=40)], benchmark, trials_made=60))
    assert skilled.answer == "yes"
    assert skilled.interval[0] > 0
    assert skilled.sentence.startswith("Not luck: the best of 13 trials")
    assert skilled.beside["stand_out"] == [12]
    deflated = skilled.beside["deflated_sharpe_ratio"]
    assert deflated["all_trials"] < deflated["effective_trials"]
    assert skilled.beside["overfitting"]["probability"] < skilled.beside["overfitting"]["null_mean"]


def test_trials_that_all_hold_the_benchmark_are_luck_or_nothing():
    answer = check(selection_answer([np.tile(market(), (2, 1))] * 3, market()))
    assert answer.answer == "no"
    assert answer.beside["trials_without_an_opinion"] == 3


def test_one_trial_has_no_deflated_ratio_and_says_why():
    answer = check(selection_answer([agent(market())], market()))
    assert answer.beside["deflated_sharpe_ratio"] is None
    assert answer.beside["reason"] == "one trial has no variance between trials"


def test_every_trial_of_the_market_counts():
    with pytest.raises(ValueError, match="1 trials made, but 2 given"):
        selection_answer([agent(market())] * 2, market(), trials_made=1)


def of_window(p_value, estimate=0.5):
    answer = "yes" if p_value < 0.05 else "no" if p_value >= 0.5 else "unknown"
    return Answer(answer, ".", "annual Sharpe ratio", estimate, (estimate - 0.5, estimate + 0.5), p_value)


@pytest.mark.parametrize(
    ("p_values", "p_value", "answer"),
    [
        ([0.01, 0.4], 0.02, "yes"),  # of two the smaller, twice
        ([0.001, 0.9, 0.02], 0.03, "yes"),  # of three the second, 3/2 times
        ([0.001, 0.9, 0.8, 0.02], 0.04, "yes"),  # of four the second, twice
        ([0.001, 0.2, 0.8, 0.2], 0.4, "unknown"),
        ([0.01, 0.6, 0.7], 0.9, "no"),
        ([0.7, 0.8], 1.0, "no"),
    ],
)
def test_selection_before_several_windows_is_not_luck_where_half_of_them_say_so(p_values, p_value, answer):
    together = pooled_selection([of_window(each, 0.6) for each in p_values])
    assert (together.answer, together.p_value) == (answer, pytest.approx(p_value))
    check(together)


def test_the_gain_of_selection_before_several_windows_is_their_mean():
    together = pooled_selection([of_window(0.01, 0.2), of_window(0.3, 0.6)])
    assert together.estimate == pytest.approx(0.4)
    assert together.interval == pytest.approx((-0.1, 0.9))
    # The interval holds zero: what one window gained may be what the other lost.
    assert together.sentence.startswith("May be luck: before 1 of 2 windows the best trial shows more")


def test_a_window_whose_trials_have_no_opinion_gains_nothing_and_one_without_an_answer_leaves_none():
    nothing = Answer("no", ".", "annual Sharpe ratio", reason="no trial's returns vary against the benchmark's")
    assert pooled_selection([of_window(0.01, 0.4), nothing, nothing]).p_value == 1.0
    assert pooled_selection([of_window(0.01, 0.4), nothing]).estimate == pytest.approx(0.2)
    few = Answer("unknown", ".", "annual Sharpe ratio", reason="9 validation days are fewer than 21")
    together = pooled_selection([of_window(0.01), few])
    assert (together.answer, together.p_value) == ("unknown", None)
    assert "1 of 2 windows have no answer (9 validation days are fewer than 21)" in together.sentence


def test_skill_of_agents_whose_exposure_moves_is_alpha():
    modes = ("weights", "tilt", "shares", "long_short")
    assert [estimand_of(mode) for mode in modes] == ["alpha", "sharpe", "sharpe", "alpha"]

import pytest

from workflow_scripts.sweeps.candidates import best_trials, candidates
from workflow_scripts.sweeps.history import Score


def ranks_of(scores, top):
    """The ranks' trials."""
    named = candidates("ppo", {"gamma": 0.9}, scores, top)
    return [named[f"rank_{place + 1}"].to_dict() for place in range(top)]


def judged(trial, gamma, score, budget=90, phases=()):
    status = "ok" if score is not None else "flat"
    run = {"fold": 0, "seed": 1, "status": status, "sharpe": score, "value": score, "reason": None, "measures": {}}
    return Score("toy", 0, trial, budget, status, None, score, None, {"gamma": gamma}, [run], None, list(phases))


def test_ranks_are_configurations_that_differ():
    scores = [judged(0, 0.9, 3.0), judged(1, 0.9, 3.0), judged(2, 0.95, 2.0), judged(3, 0.99, 1.0)]
    assert [each["configuration"]["gamma"] for each in ranks_of(scores, 3)] == [0.9, 0.95, 0.99]


def test_where_too_few_have_a_score_those_of_a_lower_budget_follow_and_then_those_without():
    low = [
        judged(place, gamma, score, 30) for place, (gamma, score) in enumerate([(0.9, 9.0), (0.5, 8.0), (0.4, None)])
    ]
    full = [judged(0, 0.9, 1.0), judged(1, 0.8, None)]
    ranks = ranks_of([*low, *full], 4)
    assert [each["configuration"]["gamma"] for each in ranks] == [0.9, 0.5, 0.8, 0.4]
    assert {each["budget"] for each in ranks} == {90}
    with pytest.raises(ValueError, match="4 trainings that differ do not fill 5 ranks: lower backtest"):
        ranks_of([*low, *full], 5)


def test_members_of_a_population_that_end_alike_are_two_where_they_came_by_other_ways():
    ways = [[{"budget": 30, "configuration": {"gamma": gamma}}] for gamma in (0.5, 0.6, 0.5)]
    scores = [judged(place, 0.9, 3.0 - place, phases=way) for place, way in enumerate(ways)]
    ranks = ranks_of([*scores, judged(3, 0.8, 0.0, phases=ways[0])], 3)
    assert [each["trial"] for each in ranks] == [0, 1, 3]


def test_a_training_that_only_went_on_with_its_configuration_is_that_configurations():
    rungs = [[], [{"budget": 10, "configuration": {"gamma": 0.9}}]]
    rungs.append([*rungs[1], {"budget": 30, "configuration": {"gamma": 0.9}}])
    own = [judged(place, 0.9, 1.0 + place, 10 * 3**place, way) for place, way in enumerate(rungs)]
    named = candidates("ppo", {"gamma": 0.9}, [*own, judged(3, 0.8, 0.5, 10)], 2)
    assert [named[f"rank_{place}"].configuration["gamma"] for place in (1, 2)] == [0.9, 0.8]
    alike = named["rank_1"], named["default"]
    assert len({(trial.budget, tuple(trial.configuration.items()), tuple(trial.phases)) for trial in alike}) == 1


@pytest.mark.parametrize(("budget", "until"), [(None, [1000, 2000]), (1500, [500, 1000]), (6000, [2000, 4000])])
def test_a_backtest_of_another_length_keeps_each_configurations_share(budget, until):
    gammas = (0.5, 0.6, 0.9)
    phases = [{"budget": 1000 * place, "configuration": {"gamma": gamma}} for place, gamma in enumerate(gammas[:2], 1)]
    best = candidates("ppo", {"gamma": 0.7}, [judged(0, gammas[2], 3.0, 3000, phases)], 1, budget)["rank_1"]
    assert [phase["budget"] for phase in best.phases] == until
    assert (best.budget, best.configuration) == (budget or 3000, {"gamma": 0.9})


def test_beside_the_ranks_are_the_default_and_one_that_never_trains():
    named = candidates("ppo", {"gamma": 0.7}, [judged(0, 0.9, 3.0)], 1, budget=50)
    assert {name: (trial.budget, trial.configuration["gamma"]) for name, trial in named.items()} == {
        "rank_1": (50, 0.9),
        "default": (50, 0.7),
        "untrained": (0, 0.7),
    }


def test_a_sweep_without_a_score_is_refused():
    with pytest.raises(ValueError, match="no trial of toy at its full budget of 90 vector steps has a score"):
        best_trials([judged(0, 0.9, None)])

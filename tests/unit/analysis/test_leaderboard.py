from dataclasses import replace

import numpy as np
import pytest

from workflow_scripts.analysis.leaderboard import (
    Sweep,
    anytime,
    compare,
    default_trial,
    mean_and_interval,
    vector_steps,
)
from workflow_scripts.sweeps.history import Score

DEFAULT = {"gamma": 0.9}


def trial(place, values, gamma=0.95, budget=100, phases=(), status="ok", objective="sharpe"):
    runs = [{"fold": fold, "seed": 0, "value": value} for fold, value in enumerate(values)]
    return Score(
        sweep="s",
        round=0,
        trial=place,
        budget=budget,
        status=status,
        reason=None,
        score=float(np.mean(values)) if status == "ok" else None,
        standard_error=None,
        configuration={"gamma": gamma},
        runs=runs,
        phases=list(phases),
        objective=objective,
    )


def sweep(name, optimizer, scores, market="m", cpu_seconds=7200.0):
    return Sweep(name, "ppo", optimizer, market, scores, DEFAULT, 16, cpu_seconds)


def test_the_best_incumbent_comes_first_with_its_gap_run_by_run():
    smac = sweep("smac", "smac", [trial(0, [1.0, 0.0, 2.0], gamma=0.9), trial(1, [2.0, 1.5, 3.0])])
    random = sweep("rnd", "random", [trial(0, [1.0, 0.0, 2.0], gamma=0.9), trial(1, [0.5, 1.0, 2.5])], cpu_seconds=None)
    board = compare([random, smac]).set_index("sweep")
    assert list(board.index) == ["smac", "rnd"]
    row = board.loc["smac"]
    assert row.incumbent_score == pytest.approx(13 / 6)
    assert row.beyond_random == pytest.approx(np.mean([1.5, 0.5, 0.5]))
    assert row.beyond_default == pytest.approx(np.mean([1.0, 1.5, 1.0]))
    # Student's t with 2 degrees of freedom: 4.3027 × sd / √3.
    assert row.beyond_default_interval == pytest.approx(4.3027 * np.std([1, 1.5, 1], ddof=1) / 3**0.5, rel=1e-4)
    assert (row.vector_steps, row.env_steps, row.cpu_hours) == (600, 9600, 2.0)
    assert np.isnan(board.loc["rnd"].beyond_random)
    assert np.isnan(board.loc["rnd"].cpu_hours)


def test_random_search_on_another_market_is_no_rival():
    board = compare(
        [sweep("a", "smac", [trial(0, [1.0, 2.0])]), sweep("b", "random", [trial(0, [0.0, 1.0])], market="n")]
    )
    assert board.beyond_random.isna().all()


def test_values_of_unlike_objectives_do_not_compare():
    calmar = sweep("a", "smac", [trial(0, [9.0, 9.0], objective="calmar")])
    sharpe = sweep("b", "random", [trial(0, [0.0, 1.0])])
    better = sweep("c", "smac", [trial(0, [2.0, 2.0])])
    board = compare([sharpe, calmar, better]).set_index("sweep")
    assert list(board.index) == ["a", "c", "b"]
    assert list(board.objective) == ["calmar", "sharpe", "sharpe"]
    assert np.isnan(board.loc["a"].beyond_random)
    assert board.loc["c"].beyond_random == 1.5


def test_a_sweep_without_a_score_stands_last():
    failed = sweep("failed", "smac", [trial(0, [], status="failed")])
    board = compare([failed, sweep("ok", "smac", [trial(0, [-1.0, -2.0])])])
    assert list(board.sweep) == ["ok", "failed"]
    assert board.without_score.tolist() == [0, 1]
    assert board.reason.iloc[1] == "no trial has a score; most often: failed"


def test_only_trials_at_full_budget_are_the_best_so_far():
    curve = anytime([trial(0, [9.0, 9.0], budget=10), trial(1, [1.0, 1.0]), trial(2, [0.0, 0.0]), trial(3, [2.0, 2.0])])
    assert curve.steps.tolist() == [20, 220, 420, 620]
    assert np.isnan(curve.best[0])
    assert curve.best[1:].tolist() == [1.0, 1.0, 2.0]


def test_a_continued_trial_costs_what_its_runs_train_beyond_the_parents():
    low, high = trial(0, [1.0, 1.0], budget=60), replace(trial(0, [1.0, 1.0]), round=1, parent=0)
    assert vector_steps([low, high]) == [120, 2 * (100 - 60)]
    few, all_runs = trial(1, [1.0]), replace(trial(0, [1.0, 1.0, 1.0]), round=1, parent=1)
    assert vector_steps([low, few, all_runs]) == [120, 100, 200]  # the pair that the parent had costs nothing


def test_a_default_trial_that_was_continued_is_still_the_default():
    phases = [{"budget": 60, "configuration": DEFAULT}]
    for gamma, found in ((0.9, True), (0.95, False)):
        tuned = [trial(0, [1.0, 2.0], gamma=gamma, phases=phases)]
        assert (default_trial(tuned, DEFAULT) is not None) == found


def test_one_run_has_no_interval():
    assert mean_and_interval(np.asarray([1.0])) == (1.0, None)
    board = compare([sweep("a", "smac", [trial(0, [1.0])])])
    assert board.incumbent_interval.isna().all()
    assert board.reason.tolist() == ["one run has no interval"]

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student

from workflow_scripts.analysis.leaderboard import (
    Sweep,
    anytime,
    compare,
    cpu_seconds,
    default_trial,
    value_table,
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
    assert row.incumbent_value == pytest.approx(13 / 6)
    assert row.beyond_random == pytest.approx(np.mean([1.5, 0.5, 0.5]))
    assert row.beyond_default == pytest.approx(np.mean([1.0, 1.5, 1.0]))
    # One trial beside the default: Student's t with 2 degrees of freedom, 4.3027 × sd / √3.
    assert row.beyond_default_interval == pytest.approx(4.3027 * np.std([1, 1.5, 1], ddof=1) / 3**0.5, rel=1e-4)
    assert row.beyond_default_p_value == pytest.approx(student.sf(7, 2), rel=1e-3)  # 7 = (3.5 / 3) / (sd / √3)
    assert (row.vector_steps, row.env_steps, row.cpu_hours) == (600, 9600, 2.0)
    assert np.isnan(board.loc["rnd"].beyond_random)
    assert np.isnan(board.loc["rnd"].cpu_hours)


def test_random_search_on_another_market_is_no_rival():
    board = compare(
        [sweep("a", "smac", [trial(0, [1.0, 2.0])]), sweep("b", "random", [trial(0, [0.0, 1.0])], market="n")]
    )
    assert board.beyond_random.isna().all()


def test_what_was_judged_at_another_budget_or_beside_another_default_is_no_rival():
    long = sweep("a", "dehb", [trial(0, [2.0, 1.0], budget=900), trial(1, [3.0, 2.5], budget=900)])
    short = sweep("b", "random", [trial(0, [0.0, 1.0], gamma=0.9), trial(1, [0.5, 1.0])])
    other = replace(sweep("c", "smac", [trial(0, [2.0, 1.0]), trial(1, [3.0, 2.5])]), default={"gamma": 0.99})
    board = compare([long, short, other]).set_index("sweep")
    assert np.isnan(board.loc["a"].beyond_random)
    assert board.loc["c"].beyond_random == pytest.approx(2.0)
    for name in ("a", "c"):
        assert np.isnan(board.loc[name].beyond_default)
        assert board.loc[name].reason == "the default was not judged at the full budget"


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


def test_the_best_of_more_trials_has_a_wider_interval_around_the_same_difference():
    rng = np.random.default_rng(0)
    trials = [trial(place, np.add([1.0, 0.0, 2.0], rng.normal(0, 0.1, 3))) for place in range(1, 40)]
    few, many = ([trial(0, [1.0, 0.0, 2.0], gamma=0.9), *trials[:count]] for count in (3, 39))
    best = max(trials, key=lambda score: score.score)
    rows = [compare([sweep("a", "smac", [*found, best])]).iloc[0] for found in (few, many)]
    assert rows[0].beyond_default == rows[1].beyond_default
    assert rows[0].beyond_default_interval < rows[1].beyond_default_interval
    assert rows[0].beyond_default_p_value < rows[1].beyond_default_p_value


def test_an_incumbent_that_is_the_default_has_no_interval_beyond_it():
    row = compare([sweep("a", "smac", [trial(0, [2.0, 1.0, 3.0], gamma=0.9), trial(1, [1.0, 1.0, 1.0])])]).iloc[0]
    assert row.beyond_default == 0
    assert row.beyond_default_interval is None
    assert row.reason == "the incumbent is the default"


def test_folds_are_what_trials_vary_over_and_the_seeds_of_a_single_fold_are_where_there_is_one():
    by_fold = [{"fold": fold, "seed": seed, "value": 10 * fold + seed} for fold in (0, 1) for seed in (0, 1)]
    assert value_table([replace(trial(0, [0.0]), runs=by_fold)]).tolist() == [[0.5, 10.5]]
    assert value_table([replace(trial(0, [0.0]), runs=by_fold[:2])]).tolist() == [[0.0, 1.0]]
    alone = [replace(trial(0, [0.0]), runs=[run | {"value": run["value"] + k} for run in by_fold[:2]]) for k in (0, 1)]
    assert compare([sweep("a", "smac", alone)]).reason.tolist() == [
        "the default was not judged at the full budget; one fold: the intervals are of its seeds alone"
    ]


def test_one_run_has_no_interval():
    board = compare([sweep("a", "smac", [trial(0, [1.0])])])
    assert board.incumbent_interval.isna().all()
    assert board.reason.tolist() == ["one run has no interval"]


def test_the_cost_is_what_the_runs_of_the_scores_report_and_of_no_others(tmp_path):
    score = trial(0, [1.0, 2.0])
    for fold, seconds in enumerate((3.0, 4.0, 50.0)):
        run = tmp_path / f"fold_{fold}" / "seed_0"
        run.mkdir(parents=True)
        (run / "train_agent.tsv").write_text(f"s\tmax_rss\tcpu_time\n9.0\t300\t{seconds}\n")
    assert cpu_seconds({tmp_path / "score.json": score}) == 7.0
    assert cpu_seconds({tmp_path / "elsewhere" / "score.json": score}) is None

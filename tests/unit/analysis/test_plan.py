import json

import pandas as pd

from workflow_scripts.analysis import plan as verb
from workflow_scripts.data.folds import combinatorial
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.workflow.files import write_json

ROUND = {"size": 2, "budget": 64, "runs": 1}
SWEEP = {"agent": "ppo", "windows": 1, "optimizer": "smac", "rounds": [ROUND], "continued_rounds": 0, "default": {}}


def test_a_sweep_is_timed_with_its_own_markets_lots_and_fees(tmp_path, monkeypatch, capsys):
    timed = []
    monkeypatch.setattr(verb, "read_fold", lambda path: path)
    monkeypatch.setattr(verb, "what_it_shows", lambda *_: [])
    monkeypatch.setattr(verb, "seconds_per_step", lambda *given: timed.append(given) or 0.001)
    asked = {
        "sweeps": {name: SWEEP | {"market": name} for name in ("here", "there")},
        "environments": {"here": {"lot_size": 0}, "there": {"lot_size": 100, "min_fee": 5.0}},
        **{"folds": 1, "tuning_seeds": 1, "final_seeds": 1, "trained": 1, "backtest_budget": None},
    }
    verb.plan(json.dumps(asked), tmp_path / "markets", tmp_path / "sweeps", slots=1)
    assert [environment for _, _, _, environment, _ in timed] == [
        EnvironmentSettings(),
        EnvironmentSettings(lot_size=100, min_fee=5.0),
    ]
    assert "backtest of 1 configurations, 1 runs, 64 vector steps each" in capsys.readouterr().out


def test_a_sweep_before_each_window_costs_as_many_times(tmp_path, monkeypatch, capsys):
    trained = []
    monkeypatch.setattr(verb, "read_fold", lambda path: trained.append(path))
    monkeypatch.setattr(verb, "what_it_shows", lambda *_: [])
    monkeypatch.setattr(verb, "seconds_per_step", lambda *_: 0.001)
    asked = {
        "sweeps": {"ppo": SWEEP | {"market": "here", "windows": 5}},
        "environments": {"here": {}},
        **{"folds": 1, "tuning_seeds": 1, "final_seeds": 2, "trained": 1, "backtest_budget": None},
    }
    verb.plan(json.dumps(asked), tmp_path / "markets", tmp_path / "sweeps", slots=1)
    said = capsys.readouterr().out
    assert "ppo: ppo on here, proposed by smac, before each of 5 windows of the test days" in said
    # Of one window: 2 trials with a run each and 2 final runs, all of 64 steps.
    assert "5 rounds, 10 trials, 20 runs, 1,280 vector steps" in said
    assert [path.parents[1].name for path in trained] == ["here_window_0"]


def test_validation_days_are_counted_once_however_many_combinatorial_folds_they_lie_in(tmp_path):
    """Of four parts of 30 days two validate in each of six folds: each part in three, and 120 days in all."""
    for place, fold in enumerate(combinatorial(120, 4, 2, 2, 2)):
        runs = [{"first_day": f"day {part.start}", "bars": len(part)} for part in fold.validation]
        whole = {"first_day": runs[0]["first_day"], "bars": 60, "runs": runs}
        write_json(tmp_path / f"fold_{place}.json", {"validation": whole})
    assert verb.validation_days([tmp_path / f"fold_{place}.json" for place in range(6)]) == 120


def test_the_validation_days_of_walk_forward_folds_follow_each_other(tmp_path):
    for place in range(3):
        write_json(tmp_path / f"fold_{place}.json", {"validation": {"first_day": f"day {place}", "bars": 7 * 20}})
    assert verb.validation_days([tmp_path / f"fold_{place}.json" for place in range(3)]) == 3 * 7 * 20


def test_a_gap_between_the_folds_and_the_test_days_is_a_warning_of_the_plan(tmp_path):
    days = pd.bdate_range("2000-01-03", periods=300)
    bars = pd.DataFrame({"date": days.repeat(2), "ticker": ["A", "B"] * 300})
    folds = {"count": 2, "train_days": 60, "validation_days": 20, "purge_days": 2}
    first = {"settings": folds, "train": {"first_day": str(days[61].date())}}  # behind the warm-up
    write_json(tmp_path / "fold_0.json", first)
    warning = verb.gap_before_test(bars, tmp_path / "fold_0.json", str(days[250].date()))
    assert warning.startswith(f"the folds end on {days[162]:%Y-%m-%d}, 87 days before the test days")
    assert "folds.anchor: end, which moves all 2 by 87 days, or folds.count: 6" in warning
    assert verb.gap_before_test(bars, tmp_path / "fold_0.json", str(days[170].date())) is None

import json

from workflow_scripts.analysis import plan as verb
from workflow_scripts.training.environment.settings import EnvironmentSettings

ROUND = {"size": 2, "budget": 64, "runs": 1}
SWEEP = {"agent": "ppo", "optimizer": "smac", "rounds": [ROUND], "continues": False, "default": {}}


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

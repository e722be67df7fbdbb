import errno
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import yaml

from workflow_scripts.analysis.open_test_days import open_test_days
from workflow_scripts.analysis.openings import Opening, enter, openings_of
from workflow_scripts.data import universes
from workflow_scripts.data.bars import write_bars
from workflow_scripts.data.compute_features import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.sweeps.history import Score, write_score

WINDOW = ("2021-01-04", "2022-12-30")
FIRST = Opening("ppo", "p1", "c1", "d1", "k1", *WINDOW)
SETTINGS = {"environment": {"action_mode": "tilt"}, "training": {}, "turbulence_days": 252, "purge_days": 5}


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "results/markets/toy/openings.jsonl"


def stand(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def preregister(ledger, sweep, **more):
    """Open the toy market's days for a sweep as the rule does; return its folder."""
    root = ledger.parents[3]
    folder = root / "results/sweeps" / sweep
    run = {"fold": 0, "seed": 0, "status": "ok", "sharpe": 1.0, "value": 1.0, "reason": None, "measures": {}}
    score = folder / "round_0/trial_0/score.json"
    write_score(Score(sweep, 0, 0, 64, "ok", None, 1.0, None, {"learning_rate": 1e-05}, [run]), score)
    described = {"validation": {"last_day": WINDOW[1]}, "sha256": more.pop("data", "d1")}
    sealed = more.pop("sealed", None) or stand(root / "sealed.json", described)
    told = {"seeds": (10, 11), "confidence": 0.95, "settings": json.dumps(SETTINGS), "backtest_code": "k1"} | more
    files = {"ledger": ledger, "preregistration": folder / "preregistration.json", "backtest": folder / "backtest"}
    default = json.dumps({"learning_rate": 2e-05})
    open_test_days(sweep, "toy", "ppo", default, (score,), 1, sealed, WINDOW[0], **told, **files)
    return folder


def test_a_file_system_without_locks_is_named_with_what_helps(ledger, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(ValueError, match=r"openings\.jsonl: its file system locks no file .*Lustre: -o flock"):
        enter(ledger, FIRST)


def test_an_opening_that_is_retried_adds_no_line_and_each_that_differs_adds_one(ledger):
    assert [enter(ledger, FIRST) for _ in range(3)] == [1, 1, 1]
    assert enter(ledger, replace(FIRST, preregistration="p2", configurations="c2")) == 2
    assert enter(ledger, FIRST) == 1
    assert openings_of(ledger, WINDOW).count == 2
    assert openings_of(ledger, WINDOW).problems == ()


def test_a_line_holds_the_hash_of_the_line_before_it(ledger):
    enter(ledger, FIRST)
    enter(ledger, replace(FIRST, preregistration="p2"))
    first, second = ledger.read_text().splitlines()
    assert (json.loads(first)["number"], json.loads(first)["before"]) == (1, None)
    assert json.loads(second)["before"] == hashlib.sha256(first.encode()).hexdigest()
    assert openings_of(ledger, WINDOW).head == hashlib.sha256(second.encode()).hexdigest()


def test_openings_at_the_same_time_wait_for_each_other(ledger):
    openings = [replace(FIRST, sweep=f"s{place}", preregistration=f"p{place}") for place in range(20)]
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda opening: enter(ledger, opening), openings))
    assert sorted(numbers) == list(range(1, 21))
    assert openings_of(ledger, WINDOW).problems == ()


def test_an_opening_of_other_days_does_not_count_and_one_day_in_common_does(ledger):
    enter(ledger, replace(FIRST, preregistration="p1", first_day="2018-01-01", last_day="2021-01-03"))
    enter(ledger, replace(FIRST, preregistration="p2", first_day="2022-12-30", last_day="2024-12-30"))
    assert openings_of(ledger, WINDOW).count == 1
    assert openings_of(ledger, ("2017-01-01", "2017-12-31")).count == 0


def test_windows_that_one_verdict_judges_are_opened_as_one(ledger):
    enter(ledger, replace(FIRST, preregistration="whole"))
    enter(ledger, replace(FIRST, sweep="ppo_window_0", preregistration="w0", last_day="2021-12-31"))
    enter(ledger, replace(FIRST, sweep="ppo_window_1", preregistration="w1", first_day="2022-01-01"))
    assert openings_of(ledger, WINDOW).count == 2  # the whole sweep's, and that of its windows
    assert openings_of(ledger, ("2022-01-01", WINDOW[1])).sweeps == {"ppo": 1, "ppo_window_1": 1}
    enter(ledger, replace(FIRST, sweep="ppo_window_1", preregistration="again", first_day="2022-01-01"))
    assert openings_of(ledger, WINDOW).count == 3


def test_a_verdict_on_more_days_has_counted_openings_that_are_none_of_a_window(ledger):
    folder = preregister(ledger, "ppo")
    for place, days in enumerate([("2021-01-04", "2021-12-31"), ("2022-01-01", WINDOW[1])]):
        enter(ledger, Opening(f"sac_{place}", f"s{place}", "c", "d", "k", *days))
    stand(folder / "verdict.json", {"openings": openings_of(ledger, WINDOW).as_json()})
    assert openings_of(ledger, WINDOW).count == 3
    assert openings_of(ledger, ("2022-01-01", WINDOW[1])).problems == ()


def test_a_ledger_that_lost_its_end_is_noticed_by_what_a_verdict_counted_of_a_window(ledger):
    preregister(ledger, "ppo_window_0")
    kept = ledger.read_bytes()
    preregister(ledger, "ppo_window_0", data="d2")
    said = {"market": "toy", "windows": [{"openings": openings_of(ledger, WINDOW).as_json()}]}
    stand(ledger.parents[2] / "sweeps/ppo/verdict.json", said)
    assert openings_of(ledger, WINDOW).problems == ()
    preregister(ledger, "ppo_window_0")
    ledger.write_bytes(kept)
    assert "counted 2 openings of these days, and 1 are left" in openings_of(ledger, WINDOW).problems[1]


@pytest.mark.parametrize("edited", [0, 1])
def test_an_edited_line_is_noticed(ledger, edited):
    for name in ("p1", "p2", "p3"):
        enter(ledger, replace(FIRST, preregistration=name))
    lines = ledger.read_text().splitlines()
    lines[edited] = lines[edited].replace("2021-01-04", "2011-01-04")
    ledger.write_text("\n".join(lines) + "\n")
    (problem,) = openings_of(ledger, WINDOW).problems
    assert f"line {edited + 2} of" in problem
    assert "does not follow the line before it" in problem


def test_a_removed_line_and_a_line_that_is_none_are_noticed(ledger):
    for name in ("p1", "p2", "p3"):
        enter(ledger, replace(FIRST, preregistration=name))
    first, _, third = ledger.read_text().splitlines()
    ledger.write_text(f"{first}\n{third}\n")
    assert len(openings_of(ledger, WINDOW).problems) == 1
    ledger.write_text(f"{first}\n{{}}\n")
    assert "line 2" in openings_of(ledger, WINDOW).problems[0]


def test_the_rule_states_what_is_judged_and_hands_out_what_the_backtest_trains(ledger):
    folder = preregister(ledger, "ppo", settings=json.dumps(SETTINGS | {"environment": {"action_mode": "weights"}}))
    stated = json.loads((folder / "preregistration.json").read_text())
    assert stated["skill"] == {"candidate": "rank_1", "benchmark": "neutral_action", "estimand": "alpha"}
    assert stated["test_days"] == {"first_day": WINDOW[0], "last_day": WINDOW[1]}
    assert stated["candidates"]["rank_1"]["configuration"] == {"learning_rate": 1e-05}
    assert (stated["seeds"], stated["confidence"], stated["data"], stated["code"]) == ([10, 11], 0.95, "d1", "k1")
    untrained = yaml.safe_load((folder / "backtest/untrained/config.yaml").read_text())
    assert untrained == {"sweep": "ppo", "agent": "ppo", "round": 0, "trial": 0, "budget": 0} | {
        "configuration": {"learning_rate": 2e-05}
    }


@pytest.mark.parametrize(
    ("change", "openings"),
    [
        ({}, 1),
        ({"data": "d2"}, 2),
        ({"backtest_code": "k2"}, 2),
        ({"seeds": (10, 11, 12)}, 2),
        ({"confidence": 0.9}, 2),
        ({"settings": json.dumps(SETTINGS | {"purge_days": 6})}, 2),
    ],
)
def test_what_is_judged_otherwise_is_another_opening_and_the_same_again_is_none(ledger, change, openings):
    preregister(ledger, "ppo")
    before = ledger.read_bytes()
    folder = preregister(ledger, "ppo", **change)
    assert openings_of(ledger, WINDOW).count == openings
    assert openings_of(ledger, WINDOW).problems == ()
    assert (ledger.read_bytes() == before) == (openings == 1)
    assert (folder / "preregistration.json").exists()


def test_a_preregistration_names_the_windows_that_are_judged_together(ledger):
    alone = json.loads((preregister(ledger, "ppo") / "preregistration.json").read_text())
    windows = ("ppo_window_0", "ppo_window_1")
    stated = json.loads((preregister(ledger, windows[0], windows=windows) / "preregistration.json").read_text())
    assert stated["judged_together"] == list(windows)
    assert "judged_together" not in alone


def test_another_feature_of_the_same_bars_is_another_opening(ledger, tmp_path, monkeypatch):
    bars = tmp_path / "bars.parquet"
    write_bars(synthetic_bars(3, 300, 0.01, 10, 0.01, seed=0), bars)

    def opened(name):
        sealed = tmp_path / name / "sealed.npz"
        sealed.parent.mkdir()
        compute_features(bars, sealed.with_name("features.npz"), sealed, "2000-10-02", 60, 2)
        preregister(ledger, "ppo", sealed=sealed.with_suffix(".json"))
        return len(ledger.read_text().splitlines())

    assert [opened("before"), opened("again")] == [1, 1]
    made = universes.compute_features

    def with_other_turbulence(*given):
        features = made(*given)
        return replace(features, market=2 * features.market)

    monkeypatch.setattr(universes, "compute_features", with_other_turbulence)
    assert opened("after") == 2


def test_a_ledger_that_is_deleted_is_noticed_by_what_the_sweeps_stated_and_still_counts_them(ledger):
    for sweep in ("ppo", "sac"):
        preregister(ledger, sweep)
    ledger.unlink()
    found = openings_of(ledger, WINDOW)
    assert (found.count, found.sweeps, found.head) == (2, {"ppo": 1, "sac": 1}, None)
    assert [problem.split(" is not in")[0] for problem in found.problems] == [
        str(ledger.parents[2] / f"sweeps/{sweep}/preregistration.json") for sweep in ("ppo", "sac")
    ]


def test_a_ledger_that_lost_its_end_is_noticed_by_what_a_verdict_counted(ledger):
    folder = preregister(ledger, "ppo")
    kept = ledger.read_bytes()
    preregister(ledger, "ppo", data="d2")
    stand(folder / "verdict.json", {"openings": openings_of(ledger, WINDOW).as_json()})
    assert openings_of(ledger, WINDOW).problems == ()
    preregister(ledger, "ppo")  # the first data again: its line is there
    ledger.write_bytes(kept)
    found = openings_of(ledger, WINDOW)
    assert found.count == 2
    assert "which is gone or edited" in found.problems[0]
    assert "counted 2 openings of these days, and 1 are left" in found.problems[1]


def test_an_edited_preregistration_is_noticed(ledger):
    folder = preregister(ledger, "ppo")
    path = folder / "preregistration.json"
    path.write_text(path.read_text().replace("0.95", "0.90"))
    assert "one of the two was edited" in openings_of(ledger, WINDOW).problems[0]


def test_a_backtest_without_a_preregistration_is_noticed_and_counts(ledger):
    folder = preregister(ledger, "ppo")
    (folder / "preregistration.json").unlink()
    stand(folder / "round_0/proposals.json", {"settings": {"market": "toy"}})
    stand(folder / "backtest/rank_1/seed_10/sharpe.json", {})
    ledger.unlink()
    found = openings_of(ledger, WINDOW)
    assert found.count == 1
    assert "has backtests and no preregistration.json" in found.problems[0]


def test_sweeps_of_another_market_do_not_count(ledger):
    preregister(ledger, "ppo")
    other = ledger.parents[1] / "other/openings.jsonl"
    assert openings_of(other, WINDOW) == openings_of(other.with_name("none.jsonl"), WINDOW)
    assert openings_of(other, WINDOW).count == 0

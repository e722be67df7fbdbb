"""The test returns of windows are one record, and one verdict judges it."""

import json

import numpy as np
import pytest

from workflow_scripts.analysis.inference.answers import skill_answer, tuning_answer
from workflow_scripts.analysis.kept_returns import TestReturns, ValidationReturns
from workflow_scripts.analysis.openings import Openings, together
from workflow_scripts.analysis.summarise_results import summarise_results
from workflow_scripts.analysis.verdicts import judge
from workflow_scripts.analysis.windows import Window, parted, pooled
from workflow_scripts.training.environment.settings import EnvironmentSettings

OPENED_ONCE = Openings(("2021-01-01", "2021-12-31"), 1, {"ppo": 1}, "h", ())


def window(number, returns, missing=None, default_is_tuned=False, openings=OPENED_ONCE, trials=3):
    rng = np.random.default_rng(number)
    length = len(next(iter(returns.values()))[0])
    first = np.datetime64("2021-01-01") + 100 * number
    benchmark = rng.normal(0.0003, 0.01, 60)
    gains = {f"round_0/trial_{trial}": benchmark + rng.normal(0, 0.001, (2, 60)) for trial in range(trials)}
    validation = ValidationReturns(np.arange(first - 80, first - 20), benchmark, gains)
    test = TestReturns(np.arange(first, first + length), returns, 252, missing or {})
    return Window(f"ppo_window_{number}", f"toy_window_{number}", test, validation, default_is_tuned, openings)


def made_up(number, days=40, shift=0.0):
    rng = np.random.default_rng(number + 10)
    market = rng.normal(0.0003, 0.01, (1, days))
    return {
        "benchmark": market,
        "rank_1": market + shift + rng.normal(0, 0.001, (2, days)),
        "default": market + rng.normal(0, 0.001, (2, days)),
    }


def verdict(windows):
    return judge(windows, EnvironmentSettings(), trials_made=9, confidence=0.95, resamples=200)


def test_returns_of_windows_stand_one_after_the_other():
    first = {"rank_1": np.array([[0.01, 0.02], [0.03, 0.04]]), "benchmark": np.array([[0.0, 0.01]])}
    second = {"rank_1": np.array([[0.05], [0.06]]), "benchmark": np.array([[0.02]])}
    both = pooled([window(0, first), window(1, second)])
    assert both.returns["rank_1"].tolist() == [[0.01, 0.02, 0.05], [0.03, 0.04, 0.06]]
    assert both.returns["benchmark"].tolist() == [[0.0, 0.01, 0.02]]
    assert both.days.astype(str).tolist() == ["2021-01-01", "2021-01-02", "2021-04-11"]


def test_skill_and_tuning_are_those_of_the_whole_record():
    returns = [made_up(number) for number in range(2)]
    said = verdict([window(number, each) for number, each in enumerate(returns)])
    tuned, default, benchmark = (
        np.hstack([each[name] for each in returns]) for name in ("rank_1", "default", "benchmark")
    )
    assert said["skill"]["estimate"] == skill_answer(tuned, benchmark[0]).estimate
    assert said["tuning"]["estimate"] == tuning_answer(tuned, default).estimate
    assert said["test"] == {"first_day": "2021-01-01", "last_day": "2021-05-20", "days": 80}
    assert [each["sweep"] for each in said["windows"]] == ["ppo_window_0", "ppo_window_1"]
    assert [each["test"]["days"] for each in said["windows"]] == [40, 40]


def test_one_window_is_judged_as_ever():
    said = verdict([window(0, made_up(0))])
    assert "windows" not in said
    assert said["selection"]["beside"]["trials_compared"] == 3


def test_tuned_is_the_default_where_it_is_before_every_window():
    returns = made_up(0)
    same = [window(number, returns, default_is_tuned=True) for number in range(2)]
    assert verdict(same)["tuning"]["interval"] is None
    one = [same[0], window(1, made_up(1))]
    assert verdict(one)["tuning"]["interval"] is not None
    assert [each["tuned_is_default"] for each in verdict(one)["windows"]] == [True, False]


def test_what_could_not_be_judged_in_a_window_is_not_judged():
    returns = made_up(1)
    del returns["rank_1"]
    said = verdict([window(0, made_up(0)), window(1, returns, {"rank_1": "1 of 2 runs failed: out of memory"})])
    assert said["not_judged"] == {"rank_1": "ppo_window_1: 1 of 2 runs failed: out of memory"}
    assert said["skill"]["answer"] == "unknown"
    assert "rank_1" not in said["rows"]


def test_the_window_that_was_opened_most_often_counts():
    often = Openings(("2021-06-01", "2021-12-31"), 3, {"ppo": 1, "sac": 2}, "k", ("line 2 is gone",))
    assert together([OPENED_ONCE, often]) == Openings(
        ("2021-01-01", "2021-12-31"), 3, {"ppo": 1, "sac": 2}, "k", ("line 2 is gone",)
    )
    windows = [window(0, made_up(0)), window(1, made_up(1), openings=often)]
    assert verdict(windows)["sentence"].endswith("opened 3 times, so that the interval covers 98.33%.")


def test_the_summary_has_the_answers_once_and_the_incumbent_of_each_window(tmp_path, capsys):
    said = {question: {"sentence": f"{question}."} for question in ("skill", "tuning", "selection")}
    said["windows"] = []
    for number, score in enumerate((1.25, 0.5)):
        best = [{"round": 0, "trial": number, "score": score, "configuration": {"gamma": 0.9}}]
        folder = tmp_path / f"sweeps/ppo_window_{number}"
        folder.mkdir(parents=True)
        (folder / "incumbent.yaml").write_text(json.dumps(best))
        said["windows"].append({"sweep": folder.name, "test": {"first_day": f"202{number}-01-04"}})
    (tmp_path / "sweeps/ppo").mkdir()
    (tmp_path / "sweeps/ppo/verdict.json").write_text(json.dumps(said))
    summarise_results(tmp_path)
    told = capsys.readouterr().out
    assert told.count("skill:") == 1
    assert "incumbent before 2020-01-04: round 0, trial 0, validation score 1.25" in told
    assert "incumbent before 2021-01-04: round 0, trial 1, validation score 0.50" in told


def test_files_stand_one_window_after_the_other():
    assert parted("abcdef", 2) == ["abc", "def"]
    with pytest.raises(ValueError, match="5 files are not as many of each of 2 windows"):
        parted("abcde", 2)

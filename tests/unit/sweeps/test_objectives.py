import math
import sys

import numpy as np
import pytest

from workflow_scripts.sweeps import objectives
from workflow_scripts.sweeps.history import Score, write_score
from workflow_scripts.sweeps.measures import Record, UndefinedError, take
from workflow_scripts.sweeps.objectives import read_scores, summarise_runs


def value(name, daily_returns, benchmark=None, periods_per_year=1):
    days = np.asarray(daily_returns, float)
    record = Record(days, None if benchmark is None else np.asarray(benchmark, float), None, periods_per_year)
    return take(name, objectives.find(name).value, record)


def test_the_value_of_a_run_is_a_measure_of_it():
    assert value("sharpe", [0.01, 0.03]) == pytest.approx(math.sqrt(2))
    assert value("mean_minus_se", [0.01, 0.03]) == value("sharpe", [0.01, 0.03])
    assert value("sortino", [0.04, -0.02]) == pytest.approx(0.01 / (0.02 / math.sqrt(2)))
    assert value("calmar", [0.5, -0.04]) == pytest.approx(0.2 / 0.04)


def test_an_excess_sharpe_ratio_is_of_the_days_beyond_the_benchmarks():
    assert value("excess_sharpe", [0.11, -0.17], [0.10, -0.20]) == pytest.approx(math.sqrt(2))  # 0.01 and 0.03
    with pytest.raises(UndefinedError, match="there is no benchmark"):
        value("excess_sharpe", [0.01, 0.03])
    with pytest.raises(UndefinedError, match="2 daily returns do not vary"):
        value("excess_sharpe", [0.01, 0.03], [0.01, 0.03])


SHARPE, CALMAR, CAUTIOUS = map(objectives.find, ("sharpe", "calmar", "mean_minus_se"))


def run(value=None, status="ok", reason=None):
    return {"status": status, "value": value, "reason": reason}


FLAT = run(status="flat", reason="the policy never traded")
FAILED = run(status="failed", reason="nan")
UNDEFINED = run(reason="calmar is undefined: there is no drawdown")


def test_a_score_is_the_mean_of_the_runs_with_its_standard_error():
    status, reason, mean, error = summarise_runs([run(1.0), run(2.0), run(3.0), run(2.0)], SHARPE)
    assert (status, reason, mean) == ("ok", None, 2.0)
    assert error == pytest.approx((2 / 3) ** 0.5 / 2)


def test_a_cautious_score_is_the_mean_less_its_standard_error():
    _, _, score, error = summarise_runs([run(1.0), run(2.0), run(3.0), run(2.0)], CAUTIOUS)
    assert score == pytest.approx(2 - (2 / 3) ** 0.5 / 2)
    assert error == pytest.approx((2 / 3) ** 0.5 / 2)
    undefined = ("undefined", "mean_minus_se is undefined: one run has no standard error", None, None)
    assert summarise_runs([run(1.0)], CAUTIOUS) == undefined


def test_one_failed_run_fails_the_trial_and_one_flat_run_flattens_it():
    assert summarise_runs([run(1.0), FAILED], SHARPE) == ("failed", "nan", None, None)
    assert summarise_runs([run(1.0), FLAT], SHARPE)[0] == "flat"
    assert summarise_runs([FAILED, FLAT, FLAT], SHARPE)[:2] == ("failed", "the policy never traded")


def test_a_run_whose_objective_is_undefined_leaves_its_trial_without_a_score():
    assert summarise_runs([run(1.0), UNDEFINED], CALMAR) == ("undefined", UNDEFINED["reason"], None, None)
    assert summarise_runs([FLAT, UNDEFINED], CALMAR)[0] == "flat"


def trial(place, values, objective="centred_mean_minus_se", budget=100, sweep="toy", status="ok"):
    runs = [
        {"fold": fold, "seed": 0, "status": "ok", "value": value, "reason": None} for fold, value in enumerate(values)
    ]
    _, _, score, error = summarise_runs(runs, objectives.find(objective))
    return Score(sweep, 0, place, budget, status, None, score, error, {}, runs, objective=objective)


def read(tmp_path, *trials):
    for place, score in enumerate(trials):
        write_score(score, tmp_path / f"{place}.json")
    return [score.score for score in read_scores([tmp_path / f"{place}.json" for place in range(len(trials))])]


def test_a_centred_score_does_not_blame_a_trial_for_what_a_fold_gives_all_of_them(tmp_path):
    # Folds give 0 and 10; beyond their means of 1 and 10 the trials have ±1 and ±2: means ±1.5, standard errors 0.5.
    better, worse = trial(0, [2.0, 12.0]), trial(1, [0.0, 8.0])
    assert (better.score, worse.score) == (7.0, 4.0)  # the files have the means
    assert read(tmp_path, better, worse) == pytest.approx([1.5 - 0.5, -1.5 - 0.5])


def test_a_centred_score_ranks_a_steady_trial_above_one_with_the_same_mean(tmp_path):
    steady, shaky, other = trial(0, [1.0, 11.0]), trial(1, [-1.0, 13.0]), trial(2, [0.0, 9.0])
    scores = read(tmp_path, steady, shaky, other)
    assert steady.score == shaky.score
    assert scores[0] > scores[1]


def test_trials_are_centred_among_those_of_their_sweep_and_budget(tmp_path):
    pair = [trial(0, [2.0, 12.0]), trial(1, [0.0, 8.0])]
    others = [
        trial(2, [50.0, 50.0], budget=10),
        trial(0, [-50.0, 50.0], sweep="another"),
        trial(0, [3.0, 5.0], "sharpe"),
    ]
    assert read(tmp_path, *pair, *others)[:2] == read(tmp_path, *pair)
    assert read(tmp_path, *pair, *others)[2:] == [0.0, 0.0, 4.0]


def test_one_run_has_no_centred_score_either():
    reason = "centred_mean_minus_se is undefined: one run has no standard error"
    assert summarise_runs([run(1.0)], objectives.find("centred_mean_minus_se"))[:2] == ("undefined", reason)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of the user's."""
    (tmp_path / "own_objectives.py").write_text(
        "def best_day(daily_returns):\n    return daily_returns.max()\n"
        "def broken(daily_returns):\n    return 1 / 0\n"
        "def nothing(daily_returns):\n    return float('nan')\n"
        "number = 3\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("own_objectives", None)


def test_an_objective_of_the_users_is_a_function_of_the_daily_returns(own):
    assert value("own_objectives:best_day", [0.01, 0.03]) == 0.03
    own = objectives.find("own_objectives:best_day")
    assert own.label == "own_objectives:best_day"
    assert own.axis("of a run", 365) == "own_objectives:best_day of a run"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "objective own_objectives:broken, given 2 daily returns: ZeroDivisionError: division by zero"),
        ("nothing", "objective own_objectives:nothing, given 2 daily returns, is nan: it has to be a finite number"),
        ("number", "'own_objectives:number' is no function"),
        ("missing", "'own_objectives:missing': module 'own_objectives' has no attribute 'missing'; the module has to"),
    ],
)
def test_what_an_objective_of_the_users_does_wrong_is_one_line(own, name, message):
    with pytest.raises(ValueError, match=message) as raised:
        value(f"own_objectives:{name}", [0.01, 0.03])
    assert not isinstance(raised.value, UndefinedError)
    assert "\n" not in str(raised.value)


def test_an_unknown_objective_names_the_nearest_one():
    with pytest.raises(ValueError, match=r"^'sharp' is no objective; did you mean sharpe"):
        objectives.find("sharp")
    with pytest.raises(ValueError, match=r"^'zzz' is no objective; there are sharpe, "):
        objectives.find("zzz")

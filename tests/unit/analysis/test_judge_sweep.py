import json

import numpy as np
import pytest
import yaml

from workflow_scripts.analysis.judge_sweep import judge_sweep
from workflow_scripts.analysis.kept_returns import read_validation_returns
from workflow_scripts.analysis.openings import Opening, enter
from workflow_scripts.sweeps.history import Score, write_score
from workflow_scripts.training.environment.baselines import write_baselines
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.sharpe import Episode, failed_run, judge_episode, write_result, write_returns
from workflow_scripts.training.trials import Trial, same_training
from workflow_scripts.workflow.files import sha256

DAYS, FOLD_DAYS = 300, 200
SEEDS = (100, 101, 102)
VARYING = Episode(np.full(DAYS, "2021-01-01"), np.sin(np.arange(DAYS)) / 100, np.full(DAYS, 0.1))
STILL = np.zeros(DAYS)
GROWING = 1.0001 ** np.arange(1, DAYS + 1) / 1.0001 ** np.arange(DAYS) - 1


def episode(returns, first="2021-01-01"):
    dates = np.arange(np.datetime64(first), np.datetime64(first) + len(returns)).astype(str)
    return Episode(dates, returns, np.full(len(returns), 0.1))


def write_run(folder, returns, failed=False, first="2021-01-01"):
    folder.mkdir(parents=True)
    write_returns(None if failed else episode(returns, first), folder / "returns.parquet")
    result = failed_run("the loss is not finite") if failed else judge_episode(VARYING, VARYING)
    write_result(result, folder / "sharpe.json")
    return folder / "returns.parquet"


def write_trial(folder, number, windows, shift, rng, seeds=(0, 1), status="ok"):
    """Write a trial that gains `shift` a day over the benchmark on every fold."""
    runs = [
        {"fold": fold, "seed": seed, "status": status, "value": 1.0, "measures": {}}
        for fold in range(len(windows))
        for seed in seeds
    ]
    for run in runs:
        window = windows[run["fold"]]
        write_run(
            folder / f"fold_{run['fold']}" / f"seed_{run['seed']}",
            window.daily_returns + shift + rng.normal(0, 0.001, len(window.dates)),
            first=window.dates[0],
        )
    score = 1.0 if status == "ok" else None
    write_score(Score("toy", 0, number, 1, status, None, score, 0.1, {}, runs), folder / "score.json")
    return folder / "score.json"


def judge(
    tmp_path,
    advantage=0.0,
    failed=False,
    same=False,
    trial_shifts=(0.0,) * 4,
    action_mode="tilt",
    openings=1,
    ensembles=0,
    warnings=(),
    **constant,
):
    rng = np.random.default_rng(0)
    market = rng.normal(0.0003, 0.01, DAYS)
    backtests, backtest = [], tmp_path / "backtest"
    for name, shift in (("rank_1", advantage), ("default", 0.0), ("untrained", 0.0)):
        for seed in SEEDS:
            returns = constant.get(name, market + shift + rng.normal(0, 0.001, DAYS))
            bad = failed and name == "rank_1" and seed == 101
            backtests.append(write_run(backtest / name / f"seed_{seed}", returns, bad))
        rate = 0.1 if same or name == "default" else 0.2
        text = Trial("toy", "ppo", 0, 3 if name == "rank_1" else 0, 8, {"learning_rate": rate}).to_yaml()
        (backtest / name / "config.yaml").write_text(text)
    for name, shift in (("ensemble", 2 * advantage), ("default_ensemble", 0.0)):
        for seed in SEEDS[:ensembles]:
            returns = market + shift + rng.normal(0, 0.001, DAYS)
            backtests.append(write_run(backtest / name / f"seed_{seed}", returns, failed and name == "ensemble"))
    names = ("benchmark", "equal_weight", "buy_and_hold")
    baselines = [write_run(backtest / name, constant.get(name, market)) for name in names]
    windows = [episode(rng.normal(0.0003, 0.01, FOLD_DAYS), first) for first in ("2018-01-01", "2019-01-01")]
    folds = [tmp_path / f"fold_{number}.parquet" for number in range(2)]
    for path, window in zip(folds, windows, strict=True):
        write_baselines({"benchmark": window}, path)
    scores = [
        write_trial(tmp_path / "round_0" / f"trial_{number}", number, windows, shift, rng)
        for number, shift in enumerate(trial_shifts)
    ]
    ledger, preregistered = tmp_path / "results/markets/market/openings.jsonl", tmp_path / "preregistration.json"
    window = {"first_day": "2021-01-02", "last_day": "2021-12-31"}
    stated = {"ensemble": 5} if ensembles else {}
    preregistered.write_text(json.dumps({"market": "market", "test_days": window, **stated}))
    for earlier in range(openings - 1):
        enter(ledger, Opening("earlier", f"p{earlier}", "c", "d", "k", **window))
    enter(ledger, Opening("toy", sha256(preregistered), "c", "d", "k", **window))
    enter(ledger, Opening("later", "p", "c", "d", "k", **window))
    verdict, features = tmp_path / "verdict.json", tmp_path / "features.json"
    features.write_text(json.dumps({"warnings": warnings}))
    environment = EnvironmentSettings(action_mode=action_mode)
    judge_sweep(
        "toy",
        "market",
        tuple(scores),
        tuple(backtests),
        tuple(baselines),
        tuple(folds),
        preregistrations=(preregistered,),
        ledger=ledger,
        features=(features,),
        trials_made=len(scores) + 6,
        resamples=200,
        confidence=0.95,
        verdict=verdict,
        environment=environment,
    )
    return json.loads(verdict.read_text())


@pytest.mark.parametrize(
    ("advantage", "answer", "start"),
    [
        (0.001, "yes", "Yes: the tuned agent beats the benchmark by +"),
        (0.00006, "unknown", "Unknown: these days cannot tell whether the tuned agent beats the benchmark: "),
        (-0.001, "no", "No: the tuned agent is not better than the benchmark: -"),
    ],
)
def test_the_first_sentence_is_the_answer_to_skill(tmp_path, advantage, answer, start):
    verdict = judge(tmp_path, advantage)
    assert verdict["sentence"] == verdict["skill"]["sentence"]
    assert verdict["sentence"].startswith(start)
    assert verdict["skill"]["answer"] == answer
    assert verdict["skill"]["interval"][0] < verdict["skill"]["estimate"] < verdict["skill"]["interval"][1]


@pytest.mark.parametrize(("count", "said"), [(1, "one ensemble of 5 seeds"), (2, "2 ensembles of 5 seeds")])
def test_where_ensembles_trade_each_is_one_path_of_the_verdict(tmp_path, count, said):
    verdict = judge(tmp_path, 0.0005, ensembles=count)
    rows, skill = verdict["rows"], verdict["skill"]
    assert skill["estimate"] == pytest.approx(rows["ensemble"]["beyond_benchmark"]["estimate"])
    assert skill["estimate"] > 1.5 * rows["rank_1"]["beyond_benchmark"]["estimate"] > 0
    assert [rows[name]["seeds"] for name in ("rank_1", "ensemble", "default_ensemble")] == [3, count, count]
    for answer in ("skill", "tuning"):
        assert f" test days, {said}" in verdict[answer]["sentence"]
        assert (verdict[answer]["beside"]["seeds"], verdict[answer]["beside"]["ensembles"]) == (5 * count, count)


def test_an_ensemble_that_has_a_failed_member_is_not_judged_in_place_of_which_no_seed_is(tmp_path):
    verdict = judge(tmp_path, 0.0005, failed=True, ensembles=1)
    assert verdict["skill"]["answer"] == "unknown"
    assert "1 of 1 runs failed" in verdict["not_judged"]["ensemble"]


def test_a_column_that_may_know_the_future_stands_beside_the_answer(tmp_path):
    said = "column mine may know the future: mine on a bar correlates by +0.62 with the return of the next one"
    verdict = judge(tmp_path, 0.001, warnings=[said])
    assert verdict["warnings"] == [said]
    assert verdict["sentence"].startswith("Yes: the tuned agent beats the benchmark")
    assert " Beware: column mine may know the future; then all of this may be" in verdict["sentence"]


def test_where_tuned_is_the_default_skill_can_be_shown_all_the_same(tmp_path):
    verdict = judge(tmp_path, 0.001, same=True)
    assert verdict["skill"]["answer"] == "yes"
    assert (verdict["tuning"]["answer"], verdict["tuning"]["interval"]) == ("no", None)
    assert verdict["tuning"]["sentence"].startswith("The tuned configuration is the default")


def test_tuning_compares_with_the_default_seed_by_seed(tmp_path):
    verdict = judge(tmp_path, 0.001)
    assert verdict["tuning"]["answer"] == "yes"
    assert verdict["tuning"]["sentence"].startswith("Yes: the tuned configuration beats the default by +")


def test_a_trial_that_gains_every_day_is_not_luck_and_is_named(tmp_path):
    selection = judge(tmp_path, trial_shifts=(0.0, 0.0, 0.0006, 0.0))["selection"]
    assert selection["answer"] == "yes"
    assert selection["beside"]["stand_out"] == ["round_0/trial_2"]


def test_the_best_of_trials_without_skill_is_luck_and_every_trial_counts(tmp_path):
    verdict = judge(tmp_path)
    assert verdict["selection"]["answer"] != "yes"
    assert verdict["selection"]["beside"]["trials_made"] == verdict["trials_counted"] == 10
    assert verdict["selection"]["beside"]["trials_compared"] == 4


def test_skill_is_alpha_where_the_exposure_moves(tmp_path):
    assert judge(tmp_path / "weights", action_mode="weights")["estimand"] == "alpha per year"
    assert judge(tmp_path / "tilt")["estimand"] == "annual Sharpe ratio"


def test_earlier_openings_of_the_same_days_widen_the_interval_and_later_ones_do_not(tmp_path):
    once, third = judge(tmp_path / "once", 0.0002), judge(tmp_path / "third", 0.0002, openings=3)
    assert (once["openings"]["count"], third["openings"]["count"]) == (1, 3)
    width = [high - low for low, high in (verdict["skill"]["interval"] for verdict in (once, third))]
    assert width[1] > 1.15 * width[0]
    assert third["skill"]["estimate"] == once["skill"]["estimate"]
    assert third["skill"]["beside"]["p_value_of_all_openings"] == pytest.approx(3 * third["skill"]["p_value"])
    assert third["sentence"].endswith("These test days have been opened 3 times, so that the interval covers 98.33%.")
    assert "opened" not in once["sentence"]


def test_evidence_beside_skill_holds_however_often_one_looks(tmp_path):
    skill = judge(tmp_path, 0.001)["skill"]
    z = skill["estimate"] / skill["beside"]["standard_error"]
    assert skill["beside"]["always_valid"]["e_value"] == pytest.approx(2**-0.5 * np.exp(z**2 / 4))


def test_every_candidate_and_baseline_has_a_row_with_an_interval(tmp_path):
    rows = judge(tmp_path)["rows"]
    assert set(rows) == {"rank_1", "default", "untrained", "benchmark", "equal_weight", "buy_and_hold"}
    low, high = rows["rank_1"]["sharpe"]["interval"]
    assert low < rows["rank_1"]["sharpe"]["estimate"] < high
    assert "beyond_benchmark" not in rows["benchmark"]
    assert rows["equal_weight"]["beyond_benchmark"]["estimate"] == 0.0


def test_a_failed_final_run_is_unknown_and_no_number(tmp_path):
    verdict = judge(tmp_path, 0.001, failed=True)
    assert verdict["sentence"] == (
        "Unknown: the tuned configuration could not be judged on the test days "
        "(1 of 3 runs failed: the loss is not finite), so that no annual Sharpe ratio can be compared."
    )
    assert "rank_1" not in verdict["rows"]
    assert verdict["tuning"]["answer"] == "unknown"


@pytest.mark.parametrize("daily_returns", [STILL, GROWING])
@pytest.mark.parametrize("name", ["rank_1", "benchmark"])
def test_returns_that_never_vary_are_unknown_and_no_number(tmp_path, name, daily_returns):
    verdict = judge(tmp_path, 0.0, **{name: daily_returns})
    runs = 3 if name == "rank_1" else 1
    assert verdict["not_judged"] == {name: f"the daily returns of {runs} of {runs} runs do not vary"}
    assert verdict["not_judged"][name] in verdict["sentence"]
    assert verdict["skill"]["estimate"] is None


def test_a_verdict_is_written_where_nothing_at_all_varies(tmp_path):
    names = ("rank_1", "default", "untrained", "benchmark", "equal_weight", "buy_and_hold")
    verdict = judge(tmp_path, 0.0, **dict.fromkeys(names, STILL))
    assert (verdict["rows"], set(verdict["not_judged"])) == ({}, set(names))
    assert verdict["test"]["days"] == DAYS


def test_a_trial_counts_but_is_not_compared_where_a_run_failed_or_a_fold_is_missing(tmp_path):
    rng = np.random.default_rng(0)
    windows = [episode(rng.normal(0, 0.01, FOLD_DAYS), first) for first in ("2018-01-01", "2019-01-01")]
    folds = [tmp_path / f"fold_{number}.parquet" for number in range(2)]
    for path, window in zip(folds, windows, strict=True):
        write_baselines({"benchmark": window}, path)
    whole = write_trial(tmp_path / "round_0" / "trial_0", 0, windows, 0.0, rng)
    failed = write_trial(tmp_path / "round_0" / "trial_1", 1, windows, 0.0, rng, status="failed")
    cheap = write_trial(tmp_path / "round_0" / "trial_2", 2, windows[:1], 0.0, rng)
    read = read_validation_returns((whole, failed, cheap), folds)
    assert {name: rows.shape for name, rows in read.trials.items()} == {"round_0/trial_0": (2, 2 * FOLD_DAYS)}


def test_days_of_several_folds_are_averaged(tmp_path):
    rng = np.random.default_rng(0)
    windows = [episode(np.full(4, 0.01), "2018-01-01"), episode(np.full(4, 0.03), "2018-01-03")]
    folds = [tmp_path / f"fold_{number}.parquet" for number in range(2)]
    for path, window in zip(folds, windows, strict=True):
        write_baselines({"benchmark": window}, path)
    score = write_trial(tmp_path / "round_0" / "trial_0", 0, windows, 0.0, rng)
    read = read_validation_returns((score,), folds)
    assert read.benchmark == pytest.approx([0.01, 0.01, 0.02, 0.02, 0.03, 0.03])
    assert read.trials["round_0/trial_0"].shape == (2, 6)


def test_a_run_of_other_days_than_its_benchmarks_is_an_error(tmp_path):
    rng = np.random.default_rng(0)
    window, other = (episode(rng.normal(0, 0.01, 30), first) for first in ("2018-01-01", "2018-01-02"))
    fold = tmp_path / "fold_0.parquet"
    write_baselines({"benchmark": other}, fold)
    score = write_trial(tmp_path / "round_0" / "trial_0", 0, [window], 0.0, rng)
    with pytest.raises(ValueError, match=r"seed_0/returns\.parquet has 30 days and its benchmark 30, or other ones"):
        read_validation_returns((score,), [fold])


def test_equal_configurations_are_one_training_and_another_budget_is_another(tmp_path):
    for name, trial in {"a": (1, 8, 0.1), "b": (2, 8, 0.1), "c": (1, 9, 0.1), "d": (1, 8, 0.2)}.items():
        text = yaml.safe_dump(Trial("toy", "ppo", 0, trial[0], trial[1], {"learning_rate": trial[2]}).to_dict())
        (tmp_path / name).write_text(text)
    assert [same_training(tmp_path / "a", tmp_path / name) for name in "abcd"] == [True, True, False, False]

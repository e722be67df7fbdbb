import json

import numpy as np
import pytest

from workflow_scripts.analysis.judge_sweep import judge_sweep
from workflow_scripts.sweeps.history import Score, write_score
from workflow_scripts.training.sharpe import Episode, failed_run, judge_episode, write_result, write_returns

DAYS = 300
VARYING = Episode(np.full(DAYS, "2021-01-01"), np.sin(np.arange(DAYS)) / 100, np.full(DAYS, 0.1))


def write_run(folder, returns, failed=False):
    """Write what a run kept; training that knew no tolerance stated a Sharpe ratio of constant returns."""
    folder.mkdir(parents=True)
    dates = np.arange(np.datetime64("2021-01-01"), np.datetime64("2021-01-01") + DAYS).astype(str)
    episode = Episode(dates, returns, np.full(DAYS, 0.1))
    write_returns(None if failed else episode, folder / "returns.parquet")
    result = failed_run("the loss is not finite") if failed else judge_episode(VARYING, VARYING)
    write_result(result, folder / "sharpe.json")
    return folder / "returns.parquet"


def judge(tmp_path, advantage, failed=False, objective="sharpe", score_per_sharpe=1.0, skewness=0.0, **constant):
    rng = np.random.default_rng(0)
    market = rng.normal(0.0003, 0.01, DAYS)
    backtests = [
        write_run(
            tmp_path / name / f"seed_{seed}",
            constant.get(name, market + shift + rng.normal(0, 0.001, DAYS)),
            failed and name == "rank_1" and seed == 101,
        )
        for name, shift in (("rank_1", advantage), ("default", 0.0), ("untrained", 0.0))
        for seed in (100, 101)
    ]
    baselines = [write_run(tmp_path / name, constant.get(name, market)) for name in ("equal_weight", "buy_and_hold")]
    runs = [
        {"fold": f, "seed": s, "status": "ok", "days": 251, "measures": {"skewness": skewness, "kurtosis": 3.0}}
        for f in (0, 1)
        for s in (0, 1)
    ]
    scores = []
    for trial in range(4):
        scores.append(tmp_path / f"score_{trial}.json")
        sharpe = 0.5 + trial / 10
        own = [run | {"sharpe": sharpe, "value": score_per_sharpe * sharpe} for run in runs]
        write_score(
            Score("toy", 0, trial, 1, "ok", None, score_per_sharpe * sharpe, 0.1, {}, own, objective=objective),
            scores[-1],
        )
    verdict = tmp_path / "verdict.json"
    judge_sweep("toy", tuple(scores), tuple(backtests), tuple(baselines), 400, 0.95, verdict)
    return json.loads(verdict.read_text())


@pytest.mark.parametrize(
    ("advantage", "start"),
    [
        (0.001, "The test days support a claim: tuned, Sharpe"),
        (0.0, "No difference that these data can show: tuned, Sharpe"),
        (-0.001, "No claim: tuned, Sharpe"),
    ],
)
def test_the_sentence_follows_the_intervals(tmp_path, advantage, start):
    verdict = judge(tmp_path, advantage)
    assert verdict["sentence"].startswith(start)
    gap = verdict["difference_of_rank_1_to"]["equal_weight"]
    assert gap["interval"][0] < gap["sharpe"] < gap["interval"][1]
    assert verdict["sharpe"]["rank_1"]["seeds"] == 2


def test_a_failed_final_run_is_no_claim_and_no_number(tmp_path):
    verdict = judge(tmp_path, 0.001, failed=True)
    assert verdict["sentence"] == (
        "No claim: the tuned configuration could not be judged on the test days "
        "(1 of 2 runs failed: the loss is not finite)."
    )
    assert "rank_1" not in verdict["sharpe"]


def test_the_incumbents_validation_sharpe_is_deflated_by_the_trials(tmp_path):
    validation = judge(tmp_path, 0.0)["validation"]
    assert (validation["trials"], validation["validation_days"], validation["best_score"]) == (4, 502, 0.8)
    assert 0 < validation["expected_best_score_without_skill"] < 0.3
    assert 0.5 < validation["deflated_sharpe_ratio"] < 1


def test_a_deflated_sharpe_ratio_is_of_sharpe_ratios_whatever_the_objective(tmp_path):
    by_sharpe = judge(tmp_path / "sharpe", 0.0)["validation"]
    by_calmar = judge(tmp_path / "calmar", 0.0, objective="calmar", score_per_sharpe=10.0)["validation"]
    assert (by_calmar["objective"], by_calmar["best_score"]) == ("calmar", 8.0)
    assert by_calmar["deflated_sharpe_ratio"] == by_sharpe["deflated_sharpe_ratio"]


STILL = np.zeros(DAYS)
GROWING = 1.0001 ** np.arange(1, DAYS + 1) / 1.0001 ** np.arange(DAYS) - 1
RARE = np.where(np.arange(DAYS) < 3, 0.01, 0.0)  # in one resample of twenty-five or so none of its days of change


@pytest.mark.parametrize("daily_returns", [STILL, GROWING])
def test_a_tuned_policy_that_never_varies_is_no_claim_and_no_number(tmp_path, daily_returns):
    verdict = judge(tmp_path, 0.0, rank_1=daily_returns)
    reason = "the daily returns of 2 of 2 runs do not vary"
    assert verdict["sentence"] == (
        f"No claim: the tuned configuration could not be judged on the test days ({reason})."
    )
    assert verdict["not_judged"] == {"rank_1": reason}
    assert verdict["difference_of_rank_1_to"] == {}


def test_a_rival_that_never_varies_leaves_half_a_claim_and_is_named(tmp_path):
    verdict = judge(tmp_path, 0.001, equal_weight=STILL)
    assert verdict["sentence"].startswith("Half a claim: ")
    assert "equal weight by an unknown amount (the daily returns of 1 of 1 runs do not vary)" in verdict["sentence"]


def test_a_verdict_is_written_where_nothing_at_all_varies(tmp_path):
    names = ("rank_1", "default", "untrained", "equal_weight", "buy_and_hold")
    verdict = judge(tmp_path, 0.0, **dict.fromkeys(names, STILL))
    assert (verdict["sharpe"], set(verdict["not_judged"]), verdict["test_days"]) == ({}, set(names), DAYS)


def test_a_difference_with_many_undefined_draws_has_no_interval_and_says_so(tmp_path):
    verdict = judge(tmp_path, 0.0, default=RARE)
    gap = verdict["difference_of_rank_1_to"]["default"]
    assert gap["interval"] is None
    assert gap["undefined_draws"] > 0.05 * 400
    assert gap["reason"] == f"{gap['undefined_draws']} of 400 bootstrap draws have no Sharpe ratio"
    assert f"(no interval: {gap['reason']})" in verdict["sentence"]
    assert verdict["difference_of_rank_1_to"]["equal_weight"]["undefined_draws"] == 0


def test_an_incumbent_without_skewness_has_no_deflated_sharpe_ratio(tmp_path):
    validation = judge(tmp_path, 0.0, skewness=None)["validation"]
    assert validation["deflated_sharpe_ratio"] is None
    assert validation["reason"] == "4 of 4 runs of the incumbent have no skewness"

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from workflow_scripts.training.sharpe import (
    Episode,
    failed_run,
    judge_episode,
    read_result,
    read_returns,
    sharpe_ratio,
    write_result,
    write_returns,
)


def episode(returns, turnover=0.1):
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-01") + len(returns)).astype(str)
    return Episode(days, np.asarray(returns, dtype=float), np.full(len(returns), turnover))


def test_sharpe_is_mean_over_sample_deviation_times_the_root_of_a_year():
    # mean 0.01, deviations ±0.01 with ddof=1: sd = 0.01 * sqrt(2)
    assert sharpe_ratio(np.array([0.0, 0.02])) == pytest.approx(1 / math.sqrt(2) * math.sqrt(252))
    assert sharpe_ratio(np.array([0.0, 0.02]), 365) == pytest.approx(1 / math.sqrt(2) * math.sqrt(365))


def test_with_a_risk_free_rate_it_is_of_the_returns_beyond_it():
    """A year's 2.52 % is 0.01 % a day: of 0.01 % and 2.01 % there remain 0 and 2 %."""
    one = replace(episode([0.0001, 0.0201]), risk_free=0.0252)
    assert one.sharpe == pytest.approx(1 / math.sqrt(2) * math.sqrt(252))


def test_returns_that_never_vary_have_no_sharpe():
    with pytest.raises(ValueError, match="3 daily returns that never vary"):
        sharpe_ratio(np.zeros(3))


def test_a_policy_that_never_trades_is_flat_and_not_zero():
    result = judge_episode(episode([0.0] * 5, turnover=0.0), episode([0.01, 0.02]))
    assert (result.status, result.sharpe) == ("flat", None)


def test_a_trading_policy_is_ok_and_its_file_holds_no_measure_but_the_two_sharpe_ratios(tmp_path):
    result = judge_episode(episode([0.0, 0.02]), episode([0.01, 0.02, 0.03]))
    write_result(result, tmp_path / "sharpe.json")
    content = json.loads((tmp_path / "sharpe.json").read_text())
    assert content["sharpe"] == pytest.approx(1 / math.sqrt(2) * math.sqrt(252))
    assert content["training_sharpe"] == pytest.approx(2 * math.sqrt(252))  # mean 0.02, deviation 0.01
    assert set(content) == {"status", "reason", "days", "sharpe", "training_sharpe", "periods_per_year"}
    assert (content["status"], content["days"]) == ("ok", 2)


def test_results_and_returns_read_back(tmp_path):
    write_result(failed_run("the loss is not finite"), tmp_path / "sharpe.json")
    assert read_result(tmp_path / "sharpe.json").reason == "the loss is not finite"
    write_returns(episode([0.01, 0.02]), tmp_path / "returns.parquet")
    assert read_returns(tmp_path / "returns.parquet").tolist() == [0.01, 0.02]
    write_returns(None, tmp_path / "none.parquet")
    assert len(read_returns(tmp_path / "none.parquet")) == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"status": "great"}, "status 'great'"), ({"sharpe": None}, "with sharpe None"), ({"extra": 1}, "extra")],
)
def test_an_impossible_result_is_refused(tmp_path, change, reason):
    path = tmp_path / "sharpe.json"
    write_result(judge_episode(episode([0.01, 0.02]), episode([0.01, 0.02])), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=f"sharpe.json is damaged .*{reason}"):
        read_result(path)

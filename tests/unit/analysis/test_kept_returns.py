"""The returns that a verdict rests on are those beyond what cash earned."""

import numpy as np
import pytest

from workflow_scripts.analysis.kept_returns import read_test_returns, read_validation_returns
from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.training.environment.baselines import write_baselines
from workflow_scripts.training.sharpe import Episode, RunResult, write_result, write_returns

DAYS = np.array(["2024-01-01", "2024-01-02", "2024-01-03"])


def episode(*daily_returns, risk_free=0.0252):
    return Episode(DAYS, np.array(daily_returns), np.ones(3), risk_free=risk_free)


def test_a_verdict_judges_returns_less_a_days_risk_free_rate(tmp_path):
    run, benchmark = tmp_path / "rank_1/seed_0", tmp_path / "benchmark"
    run.mkdir(parents=True)
    benchmark.mkdir()
    write_result(RunResult("ok", None, 3, 1.0, 1.0, 252), run / "sharpe.json")
    write_returns(episode(0.01, 0.02, 0.03), run / "returns.parquet")
    write_returns(episode(0.0001, 0.0002, 0.0003), benchmark / "returns.parquet")
    read = read_test_returns([run / "returns.parquet"], [benchmark / "returns.parquet"])
    assert read.returns["rank_1"][0] == pytest.approx([0.0099, 0.0199, 0.0299])
    assert read.returns["benchmark"][0] == pytest.approx([0, 0.0001, 0.0002])


def test_so_do_the_folds_of_a_sweep(tmp_path):
    write_baselines({"benchmark": episode(0.0001, 0.0002, 0.0003)}, tmp_path / "fold_0.parquet")
    read = read_validation_returns([], [tmp_path / "fold_0.parquet"])
    assert read.benchmark == pytest.approx([0, 0.0001, 0.0002])


def test_a_table_without_a_rate_says_nothing_of_it_and_reads_back_to_the_bit(tmp_path):
    write_returns(episode(0.1, 0.2, 0.3, risk_free=0.0), tmp_path / "returns.parquet")
    assert b"risk_free" not in (tmp_path / "returns.parquet").read_bytes()
    daily = read_daily(tmp_path / "returns.parquet")
    assert daily.excess().tolist() == [0.1, 0.2, 0.3]

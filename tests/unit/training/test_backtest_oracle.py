"""The oracle of a control on the test days: it sees the signal, and pays what the agents pay."""

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bars import SIGNAL, read_bars, write_bars
from workflow_scripts.data.compute_features import compute_features
from workflow_scripts.data.download_bars import download_bars
from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.data.sources.base import source_of
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.backtest_oracle import backtest_oracle
from workflow_scripts.training.environment.baselines import run_baseline
from workflow_scripts.training.environment.oracle import oracle_episode
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.sharpe import read_returns, sharpe_ratio

TEST_START = "2002-01-07"


@pytest.fixture
def market(tmp_path):
    """A strong control on the days of a noise market, with its sealed days."""
    write_bars(synthetic_bars(6, 800, 0, 10, 0.01, seed=1), tmp_path / "noise.parquet")
    keys = {"path": str(tmp_path / "noise.parquet"), "before": TEST_START, "signal_strength": 0.3}
    download_bars(source_of({"source": "control", **keys}), tmp_path / "bars.parquet", tmp_path / "lock.json")
    compute_features(tmp_path / "bars.parquet", tmp_path / "features.npz", tmp_path / "sealed.npz", TEST_START, 60, 5)
    return tmp_path


def test_the_oracle_trades_the_test_days_by_the_signal_of_the_same_days(market):
    backtest_oracle(market / "sealed.npz", market / "bars.parquet", market / "oracle.parquet")
    earned = read_returns(market / "oracle.parquet")
    segment = read_fold(market / "sealed.npz").validation
    assert [f"{day:%Y-%m-%d}" for day in earned.index] == list(segment.dates[1:])
    wide = read_bars(market / "bars.parquet").pivot(index="date", columns="ticker", values=SIGNAL)
    signal = wide[wide.index >= pd.Timestamp(TEST_START)].to_numpy()
    episode, _ = oracle_episode(segment, signal, EnvironmentSettings())
    assert earned.to_numpy() == pytest.approx(episode.daily_returns)
    blind, _ = oracle_episode(segment, np.roll(signal, 60, axis=0), EnvironmentSettings())
    neutral = sharpe_ratio(run_baseline("benchmark", segment, EnvironmentSettings()).daily_returns)
    assert sharpe_ratio(earned.to_numpy()) > neutral + 2
    assert sharpe_ratio(blind.daily_returns) < neutral + 1


def test_the_oracle_pays_for_what_it_trades(market):
    for name, cost in (("free", 0.0), ("dear", 0.005)):
        environment = EnvironmentSettings(cost_pct=cost)
        backtest_oracle(market / "sealed.npz", market / "bars.parquet", market / f"{name}.parquet", environment)
    free, dear = (sharpe_ratio(read_returns(market / f"{name}.parquet").to_numpy()) for name in ("free", "dear"))
    assert free > dear + 1

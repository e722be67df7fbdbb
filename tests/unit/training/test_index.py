"""A market's index: a row beside the baselines on the test days, and nothing that an agent sees."""

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bars import MEMBER, write_bars
from workflow_scripts.data.compute_features import compute_features
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.backtest_index import backtest_index
from workflow_scripts.training.sharpe import read_returns

DAYS = pd.bdate_range("2000-01-03", periods=240)
TEST_START = f"{DAYS[210]:%Y-%m-%d}"


def made(folder, bars):
    folder.mkdir()
    write_bars(bars, folder / "bars.parquet")
    compute_features(folder / "bars.parquet", folder / "features.npz", folder / "sealed.npz", TEST_START, 60, 5)
    return folder


@pytest.fixture
def bars():
    return synthetic_bars(3, 240, 0.001, 10, 0.01, seed=1)


def with_index(bars):
    closes = pd.Series(100.0, DAYS)
    closes.iloc[211:213] = 110.0, 99.0  # +10 %, −10 %, and then 100/99
    return bars.assign(**{"index:SPY": bars["date"].map(closes)})


def test_an_index_earns_its_closes_from_the_first_test_day_on_without_fees(bars, tmp_path):
    folder = made(tmp_path / "with", with_index(bars))
    backtest_index(folder / "bars.parquet", folder / "sealed.npz", folder / "returns.parquet")
    returns = read_returns(folder / "returns.parquet")
    assert list(returns.index) == list(DAYS[211:])
    assert returns.to_numpy() == pytest.approx([0.1, -0.1, 1 / 99, *np.zeros(26)])


@pytest.mark.parametrize("universe", [False, True])
def test_no_agent_sees_the_index(bars, tmp_path, universe):
    bars = bars.assign(**{MEMBER: 1.0}) if universe else bars
    plain, index = made(tmp_path / "without", bars), made(tmp_path / "with", with_index(bars))
    assert (plain / "sealed.npz").read_bytes() == (index / "sealed.npz").read_bytes()


def test_a_market_without_an_index_is_told_its_key(bars, tmp_path):
    folder = made(tmp_path / "without", bars)
    with pytest.raises(ValueError, match=r"has no index: name its ticker in the market's index_ticker"):
        backtest_index(folder / "bars.parquet", folder / "sealed.npz", folder / "returns.parquet")

"""Equality with the StockTradingEnv of the installed elegantrl, whose affordability test forgets the fee."""

import numpy as np
import pytest
import torch
from elegantrl.envs.StockTradingEnv import StockTradingEnv

from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import TradingEnv


@pytest.fixture
def close():
    steps = np.random.default_rng(4).normal(0, 0.02, (60, 6))
    return (40 * np.exp(np.cumsum(steps, axis=0))).round(2)


def pair(close, monkeypatch, cash):
    monkeypatch.setattr(StockTradingEnv, "load_data_from_disk", lambda self: (close, np.zeros((len(close), 6))))
    theirs = StockTradingEnv(initial_amount=cash, max_stock=100, cost_pct=1e-3, end_idx=len(close))
    theirs.if_random_reset = False
    theirs.reset()
    settings = EnvironmentSettings(action_mode="shares", initial_cash=cash, max_stock=100, start="cash")
    ours = TradingEnv(close, 1, settings)
    return theirs, ours


def play(theirs, ours, steps=58):
    rng = np.random.default_rng(9)
    for _ in range(steps):
        action = rng.uniform(-1, 1, 6)
        theirs.step(action)
        ours.step(torch.as_tensor(action)[None])
        yield theirs.amount, theirs.shares, ours.cash.item(), ours.holdings[0].numpy()


def test_equal_where_cash_is_ample(close, monkeypatch):
    for amount, shares, cash, holdings in play(*pair(close, monkeypatch, 1e6)):
        np.testing.assert_array_equal(shares, holdings)
        assert cash == pytest.approx(amount, rel=1e-12)


def test_where_cash_is_short_theirs_overdraws_by_the_fee_and_ours_does_not(close, monkeypatch):
    theirs, ours = pair(close, monkeypatch, 20_000.0)
    amounts = [(amount, cash) for amount, _, cash, _ in play(theirs, ours)]
    assert -30 < min(amount for amount, _ in amounts) < 0
    assert min(cash for _, cash in amounts) >= 0


def test_where_cash_is_short_they_part_by_the_share_that_the_fee_costs(close, monkeypatch):
    close[1, 0] = 40.0
    theirs, ours = pair(close, monkeypatch, 4000.0)  # exactly a hundred shares, and no fee
    action = np.array([1.0, 0, 0, 0, 0, 0])
    theirs.step(action)
    ours.step(torch.as_tensor(action)[None])
    assert (theirs.shares[0], ours.holdings[0, 0].item()) == (100, 99)
    assert theirs.amount == pytest.approx(-4.0)

"""Leaks of the future, each put into the pipeline by a switch of the test's own: none gets as far as a result."""

import json
from dataclasses import replace

import numpy as np
import pytest

from workflow_scripts.data import folds, market_folds, universes
from workflow_scripts.data.bars import write_bars
from workflow_scripts.data.compute_features import compute_features
from workflow_scripts.data.fold_files import FoldData
from workflow_scripts.data.folds import Fold
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.split_folds import split_folds
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.training.backtest_baselines import backtest_baselines
from workflow_scripts.training.environment import baselines
from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.evaluate_baselines import evaluate_baselines

IN_DAYS = FoldSettings(count=2, train_days=100, validation_days=30, purge_days=5)
COMBINATORIAL = FoldSettings(scheme="combinatorial", n_folds=3, n_test_folds=2, purge_days=61, embargo_days=61)
TEST_START = "2002-03-01"


def market(folder, seed=0, days=700):
    """Write the bars of a market of three tickers in which nothing can be found."""
    folder.mkdir()
    write_bars(synthetic_bars(3, days, 0.0, 10, 0.01, seed).drop(columns="signal"), folder / "bars.parquet")


def features(folder, by_run=False):
    files = (folder / name for name in ("bars.parquet", "features.npz", "sealed.npz"))
    compute_features(*files, TEST_START, 60, 5, by_run)


def cut(folder, settings=IN_DAYS):
    split_folds(folder / "features.npz", folder, settings)


def traded(folder, count=2):
    paths = tuple(folder / f"fold_{number}.npz" for number in range(count))
    evaluate_baselines(paths, folder / "baselines.json", tuple(path.with_suffix(".parquet") for path in paths))
    backtest_baselines(folder / "sealed.npz", folder / "backtest")


@pytest.fixture
def honest(tmp_path):
    market(tmp_path / "market")
    features(tmp_path / "market")
    cut(tmp_path / "market")
    return tmp_path / "market"


def shifted(array):
    """Return rows a day ahead; the last one stands twice."""
    return np.concatenate([array[1:], array[-1:]])


@pytest.mark.parametrize("name", ["scale_free", "indicators", "market", "close"])
def test_a_feature_that_is_shifted_a_day_ahead_stops_the_market(honest, monkeypatch, name):
    true = universes.compute_features

    def ahead(bars, turbulence_days):
        computed = true(bars, turbulence_days)
        return replace(computed, **{name: shifted(getattr(computed, name))})

    monkeypatch.setattr(universes, "compute_features", ahead)
    with pytest.raises(ValueError, match=rf"look-ahead: {name}.* on 2002-02-28 is another without the days after it"):
        features(honest)


def test_a_feature_that_is_scaled_by_all_days_stops_the_market(honest, monkeypatch):
    true = universes.compute_features

    def by_all_days(bars, turbulence_days):
        computed = true(bars, turbulence_days)
        return replace(computed, scale_free=computed.scale_free - computed.scale_free.mean(axis=0))

    monkeypatch.setattr(universes, "compute_features", by_all_days)
    with pytest.raises(ValueError, match=r"look-ahead: scale_free .* is another without the days after it"):
        features(honest)


def test_features_that_are_shifted_where_a_fold_is_cut_stop_it(honest, monkeypatch):
    true = market_folds.cut_fold

    def ahead(*arguments):
        data, scalers = true(*arguments)
        moved = replace(data.validation, ticker_features=shifted(data.validation.ticker_features))
        return replace(data, validation=moved), scalers

    monkeypatch.setattr(market_folds, "cut_fold", ahead)
    with pytest.raises(ValueError, match=r"look-ahead: validation ticker_features of the fold that validates from"):
        cut(honest)


@pytest.mark.parametrize("settings", [IN_DAYS, COMBINATORIAL], ids=["walk-forward", "combinatorial"])
def test_a_scaler_that_is_fitted_on_all_days_stops_the_folds(honest, monkeypatch, settings):
    true = folds.scale_fold

    def on_all_days(train, validation):
        data, scalers = true([*train, *validation], validation)
        trained = sum(len(run.dates) for run in train)
        return FoldData(data.tickers, data.train.between(0, trained), data.validation), scalers

    features(honest, by_run=settings is COMBINATORIAL)
    for module in (folds, market_folds):
        monkeypatch.setattr(module, "scale_fold", on_all_days)
    with pytest.raises(ValueError, match=r"look-ahead: train ticker_features of the fold"):
        cut(honest, settings)


def test_test_days_among_the_days_before_them_stop_the_market(honest, monkeypatch):
    monkeypatch.setattr(universes.MarketFeatures, "before", lambda self, _: self)
    with pytest.raises(ValueError, match="is among the days before the test days, which begin on 2002-03-01"):
        features(honest)


@pytest.mark.parametrize(
    ("more", "said"), [(1, "have fewer than 5 days in between"), (20, "is among the days before the test days")]
)
def test_a_backtest_that_trains_on_test_days_or_on_those_to_drop_stops_the_market(honest, monkeypatch, more, said):
    true = market_folds.sealed_fold

    def trains_longer(*arguments):
        fold = true(*arguments)
        return Fold(range(fold.train.start, fold.train.stop + more), fold.validation)

    monkeypatch.setattr(market_folds, "sealed_fold", trains_longer)
    with pytest.raises(ValueError, match=f"look-ahead: .*{said}"):
        features(honest)


def test_folds_that_validate_before_they_train_stop(honest, monkeypatch):
    true = market_folds.walk_forward

    def swapped(*arguments):
        return [Fold(fold.validation, fold.train) for fold in true(*arguments)]

    monkeypatch.setattr(market_folds, "walk_forward", swapped)
    with pytest.raises(ValueError, match=r"look-ahead: .* or stand in the wrong order"):
        cut(honest)


def test_two_folds_that_are_swapped_stop(honest):
    paths = [honest / f"fold_{number}.npz" for number in range(2)]
    one, other = (path.read_bytes() for path in paths)
    paths[0].write_bytes(other)
    paths[1].write_bytes(one)
    with pytest.raises(ValueError, match=r"fold_0\.npz is damaged"):
        traded(honest)


class SameClose(TradingEnv):
    """Orders fill at the close on which they were decided, and earn what the next day brings."""

    def step(self, action):
        """Trade at the price of today as if it were tomorrow's, and value at tomorrow's."""
        tomorrow = self._prices[self.day + 1].copy()
        self._prices[self.day + 1] = self._prices[self.day]
        _, reward, last = super().step(action)
        self._prices[self.day] = tomorrow
        self.asset.copy_(self.cash + (self.holdings.numpy() * tomorrow).sum(axis=1))
        return self.state(), reward, last


@pytest.mark.parametrize("what", ["folds", "test days"])
def test_fills_at_the_close_that_was_decided_on_stop_what_is_judged(honest, monkeypatch, what):
    def make(segment, environment, _, num_envs):
        return SameClose(segment.close, num_envs, environment)

    monkeypatch.setattr(baselines, "make_env", make)
    with pytest.raises(ValueError, match=r"look-ahead: on .* an episode earned .* beyond what orders bring"):
        if what == "folds":
            traded(honest)
        else:
            backtest_baselines(honest / "sealed.npz", honest / "backtest")


def test_without_a_leak_none_is_reported_on_twenty_markets(tmp_path):
    for seed in range(20):
        folder = tmp_path / str(seed)
        market(folder, seed)
        features(folder)
        cut(folder)
        traded(folder)
        assert json.loads((folder / "features.json").read_text())["warnings"] == []


def test_without_a_leak_none_is_reported_of_combinatorial_folds(honest):
    features(honest, by_run=True)
    cut(honest, COMBINATORIAL)
    traded(honest, count=3)

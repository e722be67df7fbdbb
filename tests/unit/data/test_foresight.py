"""A column that knows tomorrow is named; what is known the day before is not."""

import json

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bars import write_bars
from workflow_scripts.data.compute_features import compute_features
from workflow_scripts.data.foresight import foresight
from workflow_scripts.data.synthetic import synthetic_bars


def market(seed=0, strength=0.0, days=1500, tickers=5):
    return synthetic_bars(tickers, days, strength, 10, 0.01, seed)


def with_column(bars, made):
    """Return bars with a column ``mine``, which is made of each ticker's closes in their order."""
    return bars.assign(mine=bars.groupby("ticker")["close"].transform(made))


AHEAD = {
    "the return of the next day": lambda close: close.pct_change().shift(-1),
    "the close of the next day": lambda close: close.shift(-1),
    "an average of five days around the day": lambda close: close.rolling(5, center=True).mean(),
    "an average of 21 days around the day, as a ratio": lambda close: close.rolling(21, center=True).mean() / close,
    "the return of five days, shifted a day ahead": lambda close: close.pct_change(5).shift(-1),
    "an average of thirty days, shifted a day ahead, and its distance to the close of that day": lambda close: (
        close / close.rolling(30).mean()
    ).shift(-1),
}
BEHIND = {
    "the return of the day": lambda close: close.pct_change(),
    "the close": lambda close: close,
    "an average of the last five days": lambda close: close.rolling(5).mean(),
    "the largest close of the last 20 days": lambda close: close.rolling(20).max() / close,
    "a constant": lambda close: 0 * close + 1,
}


@pytest.mark.parametrize("made", AHEAD.values(), ids=AHEAD.keys())
def test_a_column_that_looks_ahead_is_named(made):
    (warning,) = foresight(with_column(market(), made))
    assert warning.startswith("column mine may know the future: mine")


def test_a_volatility_that_looks_ahead_is_named():
    bars = market()
    basket = bars.groupby("date")["close"].mean().pct_change()
    late, early = ({"volatility:VIX": bars["date"].map(20 - 100 * basket.shift(-days))} for days in (0, 1))
    assert list(foresight(bars.assign(**late))) == []
    (warning,) = foresight(bars.assign(**early))
    assert warning.startswith("column volatility:VIX may know the future")


@pytest.mark.parametrize("made", BEHIND.values(), ids=BEHIND.keys())
def test_a_column_that_looks_back_is_not(made):
    assert list(foresight(with_column(market(), made))) == []


def test_on_twenty_noise_markets_no_column_is_named_also_where_days_are_few():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for days in (100, 750):
            bars = with_column(market(seed, days=days, tickers=3), BEHIND["an average of the last five days"])
            walk = rng.standard_normal(len(bars)).cumsum()
            assert list(foresight(bars.assign(walk=walk, dice=rng.standard_normal(len(bars))))) == []


def test_a_planted_signal_of_the_strength_that_controls_have_is_not_named_and_one_without_noise_is():
    assert list(foresight(market(strength=0.0015))) == []
    (warning,) = foresight(market(strength=0.006))
    # .006 / √(.006² + .01²) = .51
    assert "signal on a bar correlates by +0.5" in warning


def test_the_warning_stands_in_the_log_and_in_features_json_and_test_days_are_not_looked_at(tmp_path, capsys):
    bars = with_column(market(days=500), AHEAD["the close of the next day"])
    bars["mine"] = bars["mine"].fillna(bars["close"])
    known = bars["date"] < pd.Timestamp("2001-06-01")
    honest = bars.assign(mine=bars["mine"].where(~known, bars["close"]))
    warnings = {}
    for name, table in (("ahead", bars), ("ahead_on_test_days", honest)):
        write_bars(table, tmp_path / f"{name}.parquet")
        compute_features(
            tmp_path / f"{name}.parquet", tmp_path / f"{name}.npz", tmp_path / "sealed.npz", "2001-06-01", 60, 5
        )
        warnings[name] = json.loads((tmp_path / f"{name}.json").read_text())["warnings"]
    assert [len(said) for said in warnings.values()] == [1, 0]
    assert warnings["ahead"][0] in capsys.readouterr().err

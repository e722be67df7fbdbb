import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.bars import HELD, arrange_bars
from workflow_scripts.data.calendars import fill_missing
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.sources.csv import Csv
from workflow_scripts.data.synthetic import synthetic_bars


def bars(**closes):
    """Bars of consecutive days from 2024-01-01 on; a close of None is a day without a row."""
    dates = pd.date_range("2024-01-01", periods=len(next(iter(closes.values()))))
    rows = [
        (day, ticker, price, price + 1, price - 1, price, 100)
        for ticker, prices in closes.items()
        for day, price in zip(dates, prices, strict=True)
        if price is not None
    ]
    return arrange_bars(
        pd.DataFrame(rows, columns=["date", "ticker", "open", "high", "low", "close", "volume"]), "a test"
    )


SUSPENDED = {"A": [10, 11, 12, 13, 14], "B": [20, 21, None, None, 24]}


def test_a_suspended_day_is_refused_unless_the_market_says_otherwise():
    table, notices = fill_missing(bars(**SUSPENDED), "error")
    assert notices == []
    with pytest.raises(ValueError, match=r"B has no row on 2024-01-03.*\(2 such gaps in 1 tickers\).*missing: hold"):
        check_bars(table)


def test_drop_ticker_leaves_the_tickers_that_have_every_day():
    table, notices = fill_missing(bars(**SUSPENDED, C=[1, 2, 3, 4, 5]), "drop_ticker")
    assert sorted(table["ticker"].unique()) == ["A", "C"]
    assert notices == [
        "dropped for days that they lack: B lacks 2 days in between (2 of 5 days); 1 of 3 tickers; missing: hold "
        "repeats the last close of days in between; universe: available lets tickers come and go; with start: "
        "2024-01-05 3 tickers have all of 1 days"
    ]


def test_drop_ticker_that_leaves_one_says_who_was_dropped_why_and_what_else_there_is():
    table = bars(A=[10, 11, 12, 13, 14], B=[None, 21, 22, 23, 24], C=[1, 2, 3, None, None])
    with pytest.raises(ValueError, match="drops 2 of 3 tickers for days that they lack and leaves 1") as caught:
        fill_missing(table, "drop_ticker")
    assert "C ends on 2024-01-03 (2 of 5 days), B begins on 2024-01-02 (1 of 5 days); missing: hold" in str(
        caught.value
    )
    assert str(caught.value).endswith("with start: 2024-01-02 2 tickers have all of 4 days")


def test_hold_repeats_the_last_close_without_volume():
    table, notices = fill_missing(bars(**SUSPENDED), "hold")
    assert check_bars(table) == []
    held = table[table["ticker"] == "B"]
    assert list(held["close"]) == [20, 21, 21, 21, 24]
    assert list(held["high"]) == [21, 22, 21, 21, 25]
    assert list(held["volume"]) == [100, 100, 0, 0, 100]
    assert list(held[HELD]) == [0, 0, 1, 1, 0]
    assert notices == ["2 rows repeat a last close: B 2 of 5 days, 1 tickers"]


def test_hold_takes_a_row_without_prices_for_a_suspended_day():
    table = bars(**SUSPENDED)
    empty = table.iloc[[0]].assign(
        date=pd.Timestamp("2024-01-03"), ticker="B", open=np.nan, high=np.nan, low=np.nan, close=np.nan, volume=0
    )
    filled, _ = fill_missing(arrange_bars(pd.concat([table, empty]), "a test"), "hold")
    assert list(filled.loc[filled["ticker"] == "B", "close"]) == [20, 21, 21, 21, 24]


def test_hold_has_nothing_to_repeat_before_a_tickers_first_bar():
    with pytest.raises(ValueError, match=r"B begins on 2024-01-03, and the market begins on 2024-01-01 \(1"):
        fill_missing(bars(A=[1, 2, 3], B=[None, None, 3]), "hold")
    with pytest.raises(ValueError, match="B has no close, and the market begins on 2024-01-01"):
        fill_missing(bars(A=[1, 2], B=[np.nan, np.nan]), "hold")


def test_duplicates_are_left_for_the_check():
    table = bars(**SUSPENDED)
    twice = pd.concat([table, table.iloc[[0]]], ignore_index=True)
    assert fill_missing(twice, "hold")[0] is twice


def test_a_long_suspension_has_finite_features_and_indicators_of_the_traded_days():
    world = synthetic_bars(3, 200, 0.0, 10, 0.01, seed=4).drop(columns="signal")
    dates = np.sort(world["date"].unique())
    suspended = (world["ticker"] == "S2") & world["date"].isin(dates[100:145])
    filled, _ = fill_missing(world[~suspended].reset_index(drop=True), "hold")
    features = compute_features(filled, turbulence_days=60)
    place = features.tickers.index("S2")
    at = [int(features.dates.get_loc(dates[day])) for day in (99, 100, 144)]
    for values in (features.indicators, features.close[..., None]):
        np.testing.assert_array_equal(values[at[1], place], values[at[0], place])
        np.testing.assert_array_equal(values[at[2], place], values[at[0], place])
    assert features.scale_free[at[2], place, features.scale_free_names.index("return_21")] == 0
    assert HELD not in features.scale_free_names


def test_a_market_that_trades_on_weekends_keeps_its_own_calendar(tmp_path):
    world = bars(A=range(10, 24), B=range(20, 34))
    world.to_csv(tmp_path / "crypto.csv", index=False)
    loaded = load_market(Csv(source="csv", path=tmp_path / "crypto.csv")).bars
    assert loaded["date"].nunique() == 14
    assert set(loaded["date"].dt.dayofweek) == set(range(7))


def test_a_ticker_of_digits_keeps_its_zeros(tmp_path):
    bars(**{"000001": [10, 11], "600519": [20, 21]}).to_csv(tmp_path / "a_shares.csv", index=False)
    assert set(load_market(Csv(source="csv", path=tmp_path / "a_shares.csv")).bars["ticker"]) == {"000001", "600519"}
    chosen = Csv(source="csv", path=tmp_path / "a_shares.csv", tickers=("000001", "600519"), missing="hold")
    assert len(load_market(chosen).bars) == 4

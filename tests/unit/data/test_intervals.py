"""Bars shorter than a day, from a file or a vendor to folds that are cut in days."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.unit.data.stand_ins import KEY, SECRET, alpaca, closes, yahoo
from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.bars import read_bars, write_bars
from workflow_scripts.data.download_bars import download_bars
from workflow_scripts.data.fold_files import read_fold, write_fold
from workflow_scripts.data.folds import day_starts, sealed_fold
from workflow_scripts.data.market_folds import folds_of_market, sealed_of_market
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.memberships import mark_members
from workflow_scripts.data.revisions import compare_bars
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.sources.base import source_of
from workflow_scripts.data.universes import MarketFeatures

OPEN = pd.Timedelta(hours=9, minutes=30)


def stamps(first, days, minutes=60, bars=7, half_day=None):
    """Time stamps from half past nine on; three bars on a half day."""
    return pd.DatetimeIndex(
        [
            day + OPEN + pd.Timedelta(minutes=minutes * bar)
            for place, day in enumerate(pd.bdate_range(first, periods=days))
            for bar in range(3 if place == half_day else bars)
        ]
    )


def write_closes(path, moments, zone=None):
    wide = pd.DataFrame({ticker: closes(ticker, len(moments)) for ticker in ("AAA", "BBB")}, moments)
    wide.tz_localize(zone).rename_axis("datetime").to_csv(path)
    return path


def market(path, **keys):
    return source_of({"source": "csv", "path": str(path), **{"interval": "1h", **keys}})


@pytest.mark.parametrize(
    ("interval", "minutes", "bars"), [("1h", 60, 7), ("15m", 15, 26), ("5m", 5, 78), ("1m", 1, 390)]
)
def test_bars_keep_their_time_and_a_year_has_all_of_them(tmp_path, interval, minutes, bars):
    moments = stamps("2024-01-02", 5, minutes, bars)
    loaded = load_market(market(write_closes(tmp_path / "bars.csv", moments), interval=interval))
    assert loaded.bars["date"].unique().tolist() == moments.as_unit("ns").tolist()
    assert loaded.bars.attrs["periods_per_year"] == 252 * bars
    assert check_bars(loaded.bars) == []


@pytest.mark.parametrize(
    ("minutes", "interval", "line"),
    [
        (15, "1h", "interval is 1h, and most bars of a day are 15 minutes apart: take interval: 15m"),
        (30, "1h", "interval is 1h, and most bars of a day are 30 minutes apart: take bars of 1h, 15m, 5m, 1m"),
    ],
)
def test_bars_of_another_length_are_refused_with_both(tmp_path, minutes, interval, line):
    path = write_closes(tmp_path / "bars.csv", stamps("2024-01-02", 3, minutes, 7))
    with pytest.raises(ValueError, match=line):
        load_market(market(path, interval=interval))


def test_daily_bars_are_none_of_an_hour(tmp_path):
    path = write_closes(tmp_path / "bars.csv", pd.bdate_range("2024-01-02", periods=5))
    with pytest.raises(ValueError, match="interval is 1h, and the market has one bar per day: leave interval out"):
        load_market(market(path))


def test_several_bars_a_day_ask_for_their_interval(tmp_path):
    path = write_closes(tmp_path / "bars.csv", stamps("2024-01-02", 2))
    with pytest.raises(ValueError, match=r"AAA on 2024-01-02 has several bars, at 09:30 and 10:30: .* interval: 1h or"):
        load_market(market(path, interval="1d"))


def test_the_last_day_is_kept_whole(tmp_path):
    path = write_closes(tmp_path / "bars.csv", stamps("2024-01-02", 5))
    bars = load_market(market(path, start="2024-01-03", end="2024-01-04")).bars
    assert (len(bars), bars["date"].max()) == (2 * 2 * 7, pd.Timestamp("2024-01-04 15:30"))


def test_stamps_with_the_exchanges_offset_are_on_its_clock_in_winter_and_summer(tmp_path):
    moments = stamps("2024-03-07", 4)  # the clocks of New York are set on 10 March
    path = write_closes(tmp_path / "bars.csv", moments, "America/New_York")
    assert load_market(market(path)).bars["date"].unique().tolist() == moments.as_unit("ns").tolist()


def test_stamps_in_utc_need_the_exchanges_zone(tmp_path):
    moments = stamps("2024-03-07", 4)
    utc = moments.tz_localize("America/New_York").tz_convert("UTC").tz_localize(None)
    path = write_closes(tmp_path / "bars.csv", utc, "UTC")
    with pytest.raises(ValueError, match=r"bars\.csv, row 2: datetime is in UTC \(2024-03-07 14:30\), .* timezone: Am"):
        load_market(market(path))
    bars = load_market(market(path, timezone="America/New_York")).bars
    assert bars["date"].unique().tolist() == moments.as_unit("ns").tolist()


@pytest.mark.parametrize(
    ("head", "first", "second"),
    [
        ("date,time", "2024-01-02,09:30", "2024-01-02,10:30"),
        ("<DATE>,<TIME>", "20240102,93000", "20240102,103000"),
        ("Date,Time", "2024-01-02,9:30:00", "2024-01-02,10:30:00"),
    ],
)
def test_a_day_and_its_time_may_stand_in_two_columns(tmp_path, head, first, second):
    rows = [
        f"{stamp},{ticker},10,12,9,{close}" for stamp in (first, second) for ticker, close in (("A", 11), ("B", 10))
    ]
    (tmp_path / "bars.csv").write_text("\n".join([f"{head},ticker,open,high,low,close", *rows]), encoding="utf-8")
    bars = load_market(market(tmp_path / "bars.csv")).bars
    assert bars["date"].unique().tolist() == list(
        pd.to_datetime(["2024-01-02 09:30", "2024-01-02 10:30"]).as_unit("ns")
    )


def test_stooqs_files_of_hours_are_read(tmp_path):
    head = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"
    rows = [f"{ticker},60,20240102,{hour}0000,10,12,9,{close},5,0" for hour in (10, 11) for ticker, close in TICKED]
    (tmp_path / "hours.txt").write_text("\n".join([head, *rows]), encoding="utf-8")
    source = source_of({"source": "stooq", "path": str(tmp_path / "hours.txt"), "interval": "1h"})
    assert load_market(source).bars["date"].dt.hour.tolist() == [10, 10, 11, 11]


TICKED = (("AAPL.US", 11), ("KO.US", 10))


def test_folds_are_cut_in_whole_days_and_features_count_bars(tmp_path):
    path = write_closes(tmp_path / "bars.csv", stamps("2024-01-01", 60, half_day=30))
    write_bars(load_market(market(path)).bars, tmp_path / "bars.parquet")
    features = MarketFeatures.of(read_bars(tmp_path / "bars.parquet"), turbulence_days=60)
    assert features.dates[0] == pd.Timestamp("2024-01-11 14:30")  # after 61 bars, within a day, which no fold has
    settings = FoldSettings(count=2, train_days=15, validation_days=5, purge_days=2)
    folds = list(folds_of_market(features.before("2024-03-04"), settings))
    first, second = (described for _, described in folds)
    assert first["train"] == {"first_day": "2024-01-12", "last_day": "2024-02-01", "days": 15, "bars": 15 * 7}
    assert first["validation"] == {"first_day": "2024-02-06", "last_day": "2024-02-12", "days": 5, "bars": 4 * 7 + 3}
    assert second["validation"]["first_day"] == "2024-02-13"
    write_fold(*folds[0], tmp_path / "fold_0.npz")
    kept = read_fold(tmp_path / "fold_0.npz").validation
    assert (kept.dates[0], kept.dates[-1], kept.periods_per_year) == ("2024-02-06T09:30", "2024-02-12T11:30", 7 * 252)


def test_the_test_days_begin_with_their_first_bar_after_whole_purged_days():
    moments = stamps("2024-01-01", 10)
    fold = sealed_fold(moments, "2024-01-10", purge_days=2)
    assert (moments[fold.train[-1]], moments[fold.validation[0]]) == (
        pd.Timestamp("2024-01-05 15:30"),
        pd.Timestamp("2024-01-10 09:30"),
    )
    assert fold.validation[-1] == len(moments) - 1


def test_a_day_that_the_warm_up_cuts_is_no_day_of_a_fold():
    moments = stamps("2024-01-01", 3)
    assert day_starts(moments).tolist() == [0, 7, 14, 21]
    assert day_starts(moments[2:]).tolist() == [5, 12, 19]


def test_a_membership_ends_with_the_last_bar_of_its_day(tmp_path):
    bars = load_market(market(write_closes(tmp_path / "bars.csv", stamps("2024-01-02", 3)))).bars
    span = [("AAA", "2024-01-02", "2024-01-03"), ("BBB", "2024-01-02", "2024-01-04")]
    universe = pd.DataFrame(span, columns=["ticker", "from", "to"]).astype(
        {"from": "datetime64[ns]", "to": "datetime64[ns]"}
    )
    marked = mark_members(bars, universe)
    assert marked.groupby("ticker")["is:member"].sum().to_dict() == {"AAA": 14, "BBB": 21}


def test_a_revision_names_its_hours(tmp_path):
    bars = load_market(market(write_closes(tmp_path / "bars.csv", stamps("2024-01-02", 3)))).bars
    later = bars.copy()
    later.loc[(bars["ticker"] == "AAA") & (bars["date"].dt.hour == 10) & (bars["date"].dt.day == 3), "close"] *= 1.01
    (line,) = compare_bars(bars, later).lines()
    assert line == "AAA: 1 days revised, 2024-01-03 10:30 to 2024-01-03 10:30, close by up to 1.00%"


def table_of_hours(tickers, first, days):
    moments = stamps(first, days)
    return {
        ticker: pd.DataFrame(
            dict.fromkeys(["open", "high", "low", "close"], closes(ticker, len(moments))), moments
        ).assign(volume=1000.0)
        for ticker in tickers
    }


@pytest.mark.parametrize(("interval", "asked"), [("1h", "1Hour"), ("15m", "15Min"), ("1d", "1Day")])
def test_alpaca_is_asked_for_the_interval_up_to_the_end_of_the_last_day(monkeypatch, tmp_path, interval, asked):
    minutes, bars = {"1h": (60, 7), "15m": (15, 26), "1d": (60, 1)}[interval]
    moments = stamps("2024-03-07", 4, minutes, bars)  # the clocks of New York are set on 10 March
    if interval == "1d":
        moments = moments.normalize()
    tickers = ["AAA", "BBB", "VIXY"]
    table = {
        ticker: pd.DataFrame(dict.fromkeys(["open", "high", "low", "close"], closes(ticker, len(moments))), moments)
        for ticker in tickers
    }
    with alpaca({ticker: frame.assign(volume=5.0) for ticker, frame in table.items()}) as server:
        monkeypatch.setenv("APCA_API_DATA_URL", server.address)
        monkeypatch.setenv("APCA_API_KEY_ID", KEY)
        monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
        keys = {"source": "alpaca", "tickers": ["AAA", "BBB"], "start": "2024-03-07", "end": "2024-03-11"}
        loaded = load_market(source_of({**keys, "interval": interval}))
    assert server.asked[0]["timeframe"] == asked
    wanted = moments[moments < pd.Timestamp("2024-03-12")]
    assert loaded.bars["date"].unique().tolist() == wanted.as_unit("ns").tolist()
    assert ("daily bars" if interval == "1d" else f"bars of {interval}") in loaded.note


def test_yahoo_is_asked_for_the_interval_and_says_that_dividends_are_not_in_it(monkeypatch, tmp_path):
    from yfinance.data import YfData

    YfData.cache_get.cache_clear()
    table = table_of_hours(["AAA", "BBB", "^VIX"], "2024-03-07", 4)
    with yahoo(table, granularity="1h", zones={"^VIX": "America/Chicago"}) as server:
        monkeypatch.setenv("YAHOO_FINANCE_URL", server.address)
        keys = {"source": "yahoo", "tickers": ["AAA", "BBB"], "start": "2024-03-07", "end": "2024-03-11"}
        download_bars(source_of({**keys, "interval": "1h"}), tmp_path / "bars.parquet", tmp_path / "data.lock.json")
    lock = json.loads((tmp_path / "data.lock.json").read_text(encoding="utf-8"))
    assert {query["interval"] for query in server.asked if "period1" in query} == {"1h"}
    assert lock["note"].startswith("Yahoo: bars of 1h adjusted for the splits known by the end of ")
    assert (lock["periods_per_year"], lock["rows"]) == (7 * 252, 2 * 3 * 7)
    bars = read_bars(tmp_path / "bars.parquet")
    moments = stamps("2024-03-07", 3)
    assert bars["date"].unique().tolist() == moments.as_unit("ns").tolist()
    own = bars[bars["ticker"] == "BBB"]
    np.testing.assert_allclose(own["close"], table["BBB"]["close"].iloc[: 3 * 7])
    # Chicago's clock says 8:30 when New York's says 9:30, and a bar has the volatility of its own hour.
    np.testing.assert_allclose(own["volatility:^VIX"], table["^VIX"]["close"].iloc[: 3 * 7])


def test_a_daily_volatility_beside_hours_is_that_of_the_day_before(tmp_path):
    moments = stamps("2024-01-02", 4)
    write_closes(tmp_path / "bars.csv", moments)
    days = pd.bdate_range("2024-01-01", periods=5)
    pd.Series([10.0, 11, 12, 13, 14], days, name="close").rename_axis("date").to_csv(tmp_path / "VIX.csv")
    loaded = load_market(market(tmp_path, missing="hold", volatility_ticker="VIX"))
    seen = loaded.bars.groupby(loaded.bars["date"].dt.normalize())["volatility:VIX"].unique()
    assert [values.tolist() for values in seen] == [[10], [11], [12], [13]]
    assert any("VIX, the volatility_ticker, has one bar a day" in said for said in loaded.warnings)


def test_a_volatility_that_ends_early_is_said(tmp_path):
    days = pd.bdate_range("2024-01-02", periods=30)
    write_closes(tmp_path / "bars.csv", days)
    pd.Series(range(10, 30), days[:20], name="close").rename_axis("date").to_csv(tmp_path / "VIX.csv")
    said = load_market(market(tmp_path, interval="1d", missing="hold", volatility_ticker="VIX")).warnings
    line = "VIX, the volatility_ticker, repeats its last close on 10 of 30 days, from 2024-01-30 to 2024-02-12"
    assert line in said


def test_two_exchanges_are_not_laid_on_each_other_by_their_clocks(tmp_path):
    moments = stamps("2024-03-07", 40)
    for name, zone in (("AAPL", "America/New_York"), ("7203", "Asia/Tokyo")):
        table = pd.Series(closes(name, len(moments)), moments.tz_localize(zone), name="close")
        table.rename_axis("datetime").to_csv(tmp_path / f"{name}.csv")
    with pytest.raises(ValueError, match=r"2024-03-07 the clock of 7203 is \+9 h .* AAPL is -5 h .* timezone: UTC"):
        load_market(market(tmp_path))
    assert len(load_market(market(tmp_path, timezone="UTC", missing="hold", universe="available")).bars)


def test_stamps_at_the_last_second_of_a_bar_keep_their_seconds(tmp_path):
    moments = stamps("2024-01-02", 40) + pd.Timedelta(minutes=59, seconds=59)
    features = MarketFeatures.of(load_market(market(write_closes(tmp_path / "bars.csv", moments))).bars, 60)
    data, _ = sealed_of_market(features, "2024-02-12", 1)
    assert pd.DatetimeIndex(data.validation.dates).isin(moments).all()

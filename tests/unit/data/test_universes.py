import re

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.bars import MEMBER
from workflow_scripts.data.compute_features import compute_features
from workflow_scripts.data.download_bars import download_bars
from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.data.folds import Fold, cut_fold, walk_forward
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.memberships import read_universe
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.sources.base import source_of
from workflow_scripts.data.sources.csv import Csv
from workflow_scripts.data.split_folds import split_folds
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.data.ticker_lists import DOW28, survivorship
from workflow_scripts.data.universes import MarketFeatures
from workflow_scripts.workflow.files import read_json

DAYS = pd.bdate_range("2000-01-03", periods=240)


def write_universe(path, *rows):
    path.write_text("ticker,from,to\n" + "\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")
    return path


def day(number):
    return f"{DAYS[number]:%Y-%m-%d}"


@pytest.fixture
def market(tmp_path):
    """S1 and S2 all days, S3 only from day 50 on, S4 delisted after day 169; S5 leaves at day 150 and trades on."""
    world = synthetic_bars(5, 240, 0.001, 10, 0.01, seed=1).drop(columns="signal")
    gone = (world["ticker"] == "S3") & (world["date"] < DAYS[50]) | (world["ticker"] == "S4") & (
        world["date"] > DAYS[169]
    )
    world[~gone].to_csv(tmp_path / "prices.csv", index=False)
    universe = write_universe(
        tmp_path / "universe.csv",
        ("S1", "", ""),
        ("S2", day(0), ""),
        ("S3", day(50), ""),
        ("S4", day(0), day(169)),
        ("S5", day(0), day(150)),
    )
    universe.write_text(universe.read_text(encoding="utf-8").replace("S1,,", f"S1,{day(0)},"), encoding="utf-8")
    return Csv(source="csv", path=tmp_path / "prices.csv", universe=universe)


def test_a_ticker_is_a_member_from_its_first_to_its_last_day(market):
    bars = load_market(market).bars
    assert check_bars(bars) == []
    members = bars[bars[MEMBER] == 1].groupby("ticker")["date"].agg(["min", "max"])
    assert (members.loc["S3", "min"], members.loc["S3", "max"]) == (DAYS[50], DAYS[239])
    assert (members.loc["S5", "min"], members.loc["S5", "max"]) == (DAYS[0], DAYS[150])
    assert len(bars[bars["ticker"] == "S5"]) == 240  # prices outside the membership stay: features look back on them


def test_a_fold_has_the_members_of_its_last_training_day(market, tmp_path):
    # 61 days of warm-up; two folds of 60 training and 40 validation days: their last training days are 120 and 160.
    download_bars(market, tmp_path / "bars.parquet", tmp_path / "lock.json")
    settings = FoldSettings(count=2, train_days=60, validation_days=40, purge_days=0)
    features = tmp_path / "features.npz"
    compute_features(tmp_path / "bars.parquet", features, tmp_path / "sealed.npz", day(210), 60, purge_days=0)
    split_folds(features, tmp_path, settings)
    first, second = (read_json(tmp_path / f"fold_{number}.json") for number in range(2))
    # S3 has no bars on the first of their days (0 and 40), and S5 left before the second one's last training day.
    assert first["tickers"] == ["S1", "S2", "S4", "S5"]
    assert first["train"]["last_day"] == day(120)
    assert second["train"]["last_day"] == day(160)
    assert second["tickers"] == ["S1", "S2", "S4"]
    assert read_fold(tmp_path / "fold_1.npz").tickers == tuple(second["tickers"])
    assert second["covariance"] == "sample covariance of 60 days for 3 tickers"
    assert read_json(tmp_path / "sealed.json")["tickers"] == ["S1", "S2"]


def test_what_leaves_stands_still_from_its_last_close_to_the_folds_end(market):
    bars = load_market(market).bars
    features = MarketFeatures.of(bars, 60)
    data, _ = cut_fold(*features.of_fold(Fold(range(60), range(60, 130))))  # days 61 to 120, and 121 to 190
    close = dict(zip(data.tickers, data.validation.close.T, strict=True))
    real = bars.pivot(index="date", columns="ticker", values="close")
    for ticker, last in (("S4", 169), ("S5", 150)):
        np.testing.assert_array_equal(close[ticker][: last - 120], real[ticker].loc[DAYS[121] : DAYS[last]])
        assert set(close[ticker][last - 121 :]) == {real[ticker].loc[DAYS[last]]}
    np.testing.assert_array_equal(close["S1"], real["S1"].loc[DAYS[121] : DAYS[190]])
    assert np.isfinite(data.validation.ticker_features).all()


def test_no_fold_knows_who_leaves_or_enters_after_its_last_training_day(market, tmp_path):
    known = MarketFeatures.of(load_market(market).bars, 60)
    universe = pd.read_csv(market.universe)
    universe.loc[universe["ticker"].isin(["S4", "S5"]), "to"] = ""
    universe.to_csv(market.universe, index=False)
    prices = synthetic_bars(5, 240, 0.001, 10, 0.01, seed=1).drop(columns="signal")
    prices[(prices["ticker"] != "S3") | (prices["date"] >= DAYS[50])].to_csv(market.path, index=False)
    surprised = MarketFeatures.of(load_market(market).bars, 60)
    fold = Fold(range(60), range(60, 130))
    pair = [cut_fold(*features.of_fold(fold))[0] for features in (known, surprised)]
    assert pair[0].tickers == pair[1].tickers
    for part, days in (("train", 60), ("validation", 150 - 120)):
        for name in ("close", "ticker_features", "market_features", "flat_features"):
            first, second = (getattr(getattr(data, part), name)[:days] for data in pair)
            assert first.tobytes() == second.tobytes()
    assert pair[0].validation.close.tobytes() != pair[1].validation.close.tobytes()


def test_a_market_without_a_universe_computes_its_features_once():
    bars = synthetic_bars(3, 200, 0.001, 10, 0.01, seed=1)
    features = MarketFeatures.of(bars, 60)
    for fold in walk_forward(139, 2, 60, 30, 5):
        assert features.of_fold(fold) == (features.whole, fold)


def test_a_universe_of_one_at_the_last_training_day_is_refused_in_numbers(market):
    write_universe(market.universe, ("S1", day(0), ""), ("S2", day(0), day(100)))
    features = MarketFeatures.of(load_market(market).bars, 60)
    with pytest.raises(ValueError, match=f"has 1 members on {day(120)}.* and 1 of them have bars on all 121 days"):
        features.of_fold(Fold(range(60), range(60, 130)))


def test_a_day_of_a_membership_without_a_bar_is_refused(market):
    write_universe(market.universe, ("S1", day(0), ""), ("S4", day(0), day(171)))
    with pytest.raises(ValueError, match=rf"S4 has no row on {day(170)}, a day of its membership \(2 of 172 such days"):
        load_market(market)


def test_hold_fills_what_lies_between_a_tickers_own_days(market):
    prices = pd.read_csv(market.path)
    prices[(prices["ticker"] != "S4") | (prices["date"] != day(80))].to_csv(market.path, index=False)
    with pytest.raises(ValueError, match=f"S4 has no row on {day(80)}"):
        load_market(market)
    bars = load_market(Csv(source="csv", path=market.path, universe=market.universe, missing="hold")).bars
    own = bars[bars["ticker"] == "S4"].set_index("date")["close"]
    assert own[DAYS[80]] == own[DAYS[79]]
    assert (len(own), len(bars[bars["ticker"] == "S3"])) == (170, 190)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("S1", "2000-01-03", "1999-01-01")], "S1, from 2000-01-03, ends before it begins"),
        (
            [("S1", "2000-01-03", "2000-02-01"), ("S1", "2000-02-01", "")],
            "S1, from 2000-02-01, begins before the membership before it ends",
        ),
        ([("S1", "3 Jan 2000", "")], "S1: from is '3 Jan 2000', and a day is 2024-01-31"),
    ],
)
def test_a_universe_that_makes_no_sense_is_refused_with_its_ticker(tmp_path, rows, message):
    path = write_universe(tmp_path / "universe.csv", *rows)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_universe(path)


def test_a_universe_without_a_column_is_named(tmp_path):
    (tmp_path / "u.csv").write_text("ticker,from\nA,2000-01-03\n", encoding="utf-8")
    with pytest.raises(ValueError, match="it has no column to, and its columns are ticker, from"):
        read_universe(tmp_path / "u.csv")


def test_a_membership_that_ended_before_the_market_begins_is_not_asked_for(market):
    universe = pd.read_csv(market.universe)
    universe.loc[len(universe)] = ["GONE", "1990-01-01", "1999-12-31"]
    universe.to_csv(market.universe, index=False)
    started = Csv(source="csv", path=market.path, universe=market.universe, start=day(0))
    assert "GONE" not in set(load_market(started).bars["ticker"])


def test_dow28_is_the_dow_of_2020_without_dow_and_wba():
    assert len(DOW28) == 28
    assert {"DOW", "WBA", "XOM", "RTX", "PFE"}.isdisjoint(DOW28)
    joined_that_day = {ticker for ticker, since in DOW28.items() if since == "2020-08-31"}
    assert joined_that_day == {"AMGN", "CRM", "HON"}


def test_the_lock_of_dow28_says_who_joined_after_the_markets_first_day(tmp_path):
    warning = survivorship("dow28", pd.Timestamp("2016-01-04"))
    assert "3 of its 28 tickers joined after the market's first day 2016-01-04" in warning
    assert "(the last: AMGN 2020-08-31, CRM 2020-08-31, HON 2020-08-31)" in warning
    assert "0 of its 28 tickers" in survivorship("dow28", pd.Timestamp("2021-01-04"))
    days = pd.bdate_range("2016-01-04", periods=5)
    rows = [(day, ticker, 10.0, 10.0, 10.0, 10.0, 1) for day in days for ticker in (*DOW28, "DOW")]
    prices = pd.DataFrame(rows, columns=["date", "ticker", "open", "high", "low", "close", "volume"])
    prices.to_csv(tmp_path / "prices.csv", index=False)
    market = Csv(source="csv", path=tmp_path / "prices.csv", tickers="dow28")
    download_bars(market, tmp_path / "bars.parquet", tmp_path / "data.lock.json")
    lock = read_json(tmp_path / "data.lock.json")
    assert lock["tickers"] == sorted(DOW28)
    assert lock["member_since"] == DOW28
    assert lock["warnings"] == [warning]
    assert lock["turbulence"].endswith("where features.turbulence_days is at most 56, twice its tickers")


def test_the_lock_of_a_universe_leaves_the_number_of_tickers_to_each_fold(market, tmp_path):
    download_bars(market, tmp_path / "bars.parquet", tmp_path / "data.lock.json")
    said = read_json(tmp_path / "data.lock.json")["turbulence"]
    assert said.endswith("where features.turbulence_days is at most twice a fold's tickers")


def test_an_available_universe_needs_no_file_and_drops_no_ticker_that_comes_or_goes(market, tmp_path):
    source = Csv(source="csv", path=market.path, universe="available")
    assert source.files() == [market.path]
    bars = load_market(source).bars
    assert check_bars(bars) == []
    members = bars[bars[MEMBER] == 1].groupby("ticker")["date"].agg(["min", "max"])
    assert (members.loc["S3", "min"], members.loc["S3", "max"]) == (DAYS[50], DAYS[239])
    assert (members.loc["S4", "min"], members.loc["S4", "max"]) == (DAYS[0], DAYS[169])
    assert (members.loc["S5", "min"], members.loc["S5", "max"]) == (DAYS[0], DAYS[239])
    # 61 days of warm-up: S3's ends on day 111, so the fold that trains from day 110 on leaves it out, and the next not.
    features = MarketFeatures.of(bars, turbulence_days=60)
    for first, tickers in ((110, ("S1", "S2", "S4", "S5")), (111, ("S1", "S2", "S3", "S4", "S5"))):
        train = range(first - 61, first - 61 + 20)
        own, _ = features.of_fold(Fold(train, range(train.stop + 5, train.stop + 15)))
        assert own.tickers == tickers
    # Behind its last bar, day 169, S4 is in no fold any more.
    own, _ = features.of_fold(Fold(range(120, 130), range(135, 145)))
    assert "S4" not in own.tickers and "S3" in own.tickers


def test_a_gap_in_an_available_ticker_is_refused_or_held(market):
    table = pd.read_csv(market.path)
    table[(table["ticker"] != "S2") | (table["date"] != day(80))].to_csv(market.path, index=False)
    with pytest.raises(ValueError, match=r"S2 has no row on .* \(1 of 240 such days\): take missing: hold"):
        load_market(Csv(source="csv", path=market.path, universe="available"))
    held = load_market(Csv(source="csv", path=market.path, universe="available", missing="hold")).bars
    assert held.groupby("ticker").size().to_dict() == {"S1": 240, "S2": 240, "S3": 190, "S4": 170, "S5": 240}


@pytest.mark.parametrize("stated", [True, False])
def test_a_ticker_may_leave_in_the_course_of_a_day(tmp_path, stated):
    """Bars of an hour: C's membership ends with a day of which it lacks the last hours, and begins like that."""
    hours = pd.DatetimeIndex([day + pd.Timedelta(hours=hour) for day in DAYS[:60] for hour in range(10, 16)])
    rows = synthetic_bars(3, len(hours), 0.001, 10, 0.01, seed=1).drop(columns="signal")
    rows["date"] = rows["date"].map(dict(zip(sorted(rows["date"].unique()), hours, strict=True)))
    began, ended = hours[8], hours[-3]
    rows[(rows["ticker"] != "S3") | rows["date"].between(began, ended)].to_csv(tmp_path / "prices.csv", index=False)
    universe = write_universe(
        tmp_path / "universe.csv",
        *((ticker, day(0), day(59)) for ticker in ("S1", "S2")),
        ("S3", f"{began:%Y-%m-%d}", f"{ended:%Y-%m-%d}"),
    )
    bars = load_market(
        Csv(source="csv", path=tmp_path / "prices.csv", interval="1h", universe=universe if stated else "available")
    ).bars
    assert check_bars(bars) == []
    own = bars[(bars["ticker"] == "S3") & (bars[MEMBER] == 1)]["date"]
    assert (own.min(), own.max(), len(own)) == (began, ended, len(hours) - 8 - 2)
    assert (bars[bars["ticker"] != "S3"][MEMBER] == 1).all()


def test_a_vendor_is_not_asked_for_whatever_is_available():
    with pytest.raises(ValueError, match="needs start, and tickers or a universe that a file lists"):
        source_of({"source": "yahoo", "start": "2020-01-01", "universe": "available"})


def test_a_fold_of_too_few_tickers_names_those_that_it_leaves_out(market):
    bars = load_market(Csv(source="csv", path=market.path, universe="available", tickers=("S1", "S3"))).bars
    with pytest.raises(
        ValueError, match=r"the universe has 2 members on .*: S3 lacks 49: a fold needs two: let the mar"
    ):
        MarketFeatures.of(bars, turbulence_days=60).of_fold(Fold(range(1, 40), range(45, 60)))


def held(market, *lacking, last=None):
    """The market's tickers as they are available, with days held that one lacks; up to a day."""
    table = pd.read_csv(market.path)
    for ticker, first, stop in lacking:
        table = table[(table["ticker"] != ticker) | ~table["date"].between(day(first), day(stop - 1))]
    table[table["date"] <= day(last or len(DAYS) - 1)].to_csv(market.path, index=False)
    return load_market(Csv(source="csv", path=market.path, universe="available", missing="hold")).bars


def test_a_fold_may_begin_on_a_day_on_which_a_ticker_stands_still(market):
    features = MarketFeatures.of(held(market, ("S2", 15, 17)), turbulence_days=60)
    later, sooner = (features.of_fold(Fold(range(first, 80), range(85, 95)))[0] for first in (15, 16))
    assert "S2" in later.tickers
    # Days 76 and 77 of the market are 61 behind those on which the two folds begin.
    np.testing.assert_array_equal(later.close[62:], sooner.close[61:])
    assert np.isfinite(later.indicators).all()


def test_a_ticker_suspended_on_the_last_training_day_is_in_no_fold_whether_or_not_it_comes_back(market, tmp_path):
    fold = Fold(range(60), range(60, 65))  # the last training day is 120
    back = MarketFeatures.of(held(market, ("S2", 115, 140)), 60).of_fold(fold)[0]
    gone = MarketFeatures.of(held(market, ("S2", 115, 140), last=130), 60).of_fold(fold)[0]
    assert back.tickers == gone.tickers == ("S1", "S4", "S5")


def test_an_open_membership_is_written_as_nothing_and_as_nothing_else(market):
    write_universe(market.universe, ("S1", "", ""), ("S2", day(0), ""))
    assert load_market(market).bars.groupby("ticker")[MEMBER].sum().to_dict() == {"S1": 240, "S2": 240}
    for row in (("S2", "NaT", ""), ("S2", day(0), "nan")):
        write_universe(market.universe, ("S1", "", ""), row)
        with pytest.raises(ValueError, match=r"S2: (from|to) is '(NaT|nan)', and a day is 2024-01-31, or empty"):
            load_market(market)
    write_universe(market.universe, ("S1", "1990-01-01", "1991-01-01"))
    with pytest.raises(ValueError, match=r"has no member on the market's days, from 2000-01-03 to its last"):
        load_market(Csv(source="csv", path=market.path, universe=market.universe, start=day(0)))


def test_with_hold_a_membership_ends_with_the_last_bar(market):
    write_universe(market.universe, ("S1", "", ""), ("S3", "", ""), ("S4", day(0), ""))
    loaded = load_market(Csv(source="csv", path=market.path, universe=market.universe, missing="hold"))
    assert loaded.bars.groupby("ticker")[MEMBER].sum().to_dict() == {"S1": 240, "S3": 190, "S4": 170}
    assert [said for said in loaded.warnings if "member" in said] == [
        f"S3 has bars from {day(50)} to {day(239)}, and is a member on these days alone",
        f"S4 has bars from {day(0)} to {day(169)}, and is a member on these days alone",
    ]

import json

import numpy as np
import pandas as pd
import pytest

from tests.unit.data.stand_ins import KEY, SECRET, alpaca, table_of
from workflow_scripts.data.diff_market import diff_market
from workflow_scripts.data.download_bars import download_bars
from workflow_scripts.data.market_folds import touched_folds
from workflow_scripts.data.revisions import compare_bars
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.sources.base import source_of
from workflow_scripts.data.sources.csv import Csv
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.data.universes import MarketFeatures

PRICES = ["open", "high", "low", "close"]
DAYS = pd.bdate_range("2000-01-03", periods=240)
# 61 days of warm-up; fold 0 has the days 61 to 160 and fold 1 those from 101 to 200; test days from day 210 on.
FOLDS = FoldSettings(count=2, train_days=60, validation_days=40, purge_days=0)
TEST_START = f"{DAYS[210]:%Y-%m-%d}"


@pytest.fixture
def bars():
    return synthetic_bars(3, 240, 0.001, 10, 0.01, seed=1).drop(columns="signal")


def touched(before, after):
    """Return the folds that differ."""
    return touched_folds(*(MarketFeatures.of(bars, 60).before(TEST_START) for bars in (before, after)), FOLDS)


def revise(bars, ticker, days, factor):
    after = bars.copy()
    rows = (after["ticker"] == ticker) & after["date"].isin(DAYS[days])
    after.loc[rows, PRICES] *= factor
    return after


def test_equal_bars_have_no_revision(bars):
    revisions = compare_bars(bars, bars.sample(frac=1, random_state=0))
    assert revisions.lines() == []
    assert touched(bars, bars) == []


def test_a_revised_day_is_named_with_its_ticker_columns_and_size(bars):
    after = revise(revise(bars, "S2", [150, 151], 1.02), "S2", [155], 1.04)
    revisions = compare_bars(bars, after)
    assert revisions.lines() == [
        f"S2: 3 days revised, {DAYS[150]:%Y-%m-%d} to {DAYS[155]:%Y-%m-%d}, close, high, low, open by up to 4.00%"
    ]
    assert revisions.describe()["revised"]["S2"]["runs"] == [
        [f"{DAYS[150]:%Y-%m-%d}", f"{DAYS[151]:%Y-%m-%d}"],
        [f"{DAYS[155]:%Y-%m-%d}", f"{DAYS[155]:%Y-%m-%d}"],
    ]


def test_one_factor_for_all_days_before_one_is_a_dividend(bars):
    revisions = compare_bars(bars, revise(bars, "S1", slice(0, 200), 0.985))
    assert revisions.lines()[0].endswith("by up to 1.50%, all prices × 0.985000: a dividend or a split")


def test_one_corrected_day_and_a_factor_of_the_closes_alone_are_no_dividend(bars):
    after = bars.copy()
    after.loc[(after["ticker"] == "S1") & (after["date"] < DAYS[6]), "close"] *= 1.01
    for revised, what in ((revise(bars, "S1", [0], 1.01), "open"), (after, "close")):
        (line,) = compare_bars(bars, revised).lines()
        assert line.endswith(f"{what} by up to 1.00%")


def test_of_closes_alone_one_factor_is_a_dividend_too(bars):
    alone = bars.assign(open=np.nan, high=np.nan, low=np.nan)
    assert "a dividend or a split" in compare_bars(alone, revise(alone, "S1", slice(0, 200), 0.985)).lines()[0]


def test_new_and_lost_days_are_counted_by_ticker(bars):
    revisions = compare_bars(bars[bars["date"] < DAYS[238]], bars[(bars["ticker"] != "S3") | (bars["date"] > DAYS[0])])
    assert revisions.lines() == [
        *(f"{ticker}: 2 days added, 2000-11-30 to 2000-12-01" for ticker in ("S1", "S2", "S3")),
        "S3: 1 days removed, 2000-01-03 to 2000-01-03",
    ]
    json.dumps(revisions.describe())


@pytest.mark.parametrize(("day", "folds"), [(130, [0, 1]), (195, [1]), (205, []), (230, [])])
def test_a_revision_touches_the_folds_that_hold_its_day(bars, day, folds):
    assert touched(bars, revise(bars, "S1", [day], 1.01)) == folds


def test_a_revision_before_a_fold_touches_it_through_its_indicators(bars):
    # Fold 1 begins on day 101; a moving average looks back on 60 days, an exponential one on all.
    assert touched(bars, revise(bars, "S1", [70], 1.01)) == [0, 1]


def test_days_appended_to_the_market_touch_no_fold(bars):
    longer = synthetic_bars(3, 250, 0.001, 10, 0.01, seed=1).drop(columns="signal")
    shorter = longer[longer["date"] <= DAYS[239]].reset_index(drop=True)
    assert touched(shorter, longer) == []


def test_the_verb_compares_with_the_lock_and_leaves_the_bars_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    days = {"start": "2000-01-03", "end": "2000-12-01"}
    market = source_of({"source": "alpaca", **days, "tickers": ["AAA", "BBB"], "volatility_ticker": None})
    table = table_of(["AAA", "BBB"], "2000-01-03", 240)
    paths = {"bars": tmp_path / "bars.parquet", "lock": tmp_path / "data.lock.json"}
    with alpaca(table) as server:
        monkeypatch.setenv("APCA_API_DATA_URL", server.address)
        download_bars(market, **paths)
    before = paths["bars"].read_bytes()
    table["BBB"].iloc[195, :4] *= np.float64(1.01)
    with alpaca(table) as server:
        monkeypatch.setenv("APCA_API_DATA_URL", server.address)
        diff_market(
            market,
            **paths,
            test_start=(TEST_START,),
            turbulence_days=60,
            settings=FOLDS,
            diff=tmp_path / "data.diff.json",
        )
    diff = json.loads((tmp_path / "data.diff.json").read_text(encoding="utf-8"))
    assert (diff["folds"], diff["backtest"], list(diff["revised"])) == ([1], True, ["BBB"])
    assert paths["bars"].read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.parquet", "data.diff.json", "data.lock.json"]


def test_a_column_that_comes_or_goes_is_named(bars):
    assert compare_bars(bars, bars.assign(**{"volatility:VIX": 20.0})).lines() == [
        "columns that one of the two lacks: volatility:VIX"
    ]


def test_a_download_over_bars_says_what_it_revises(tmp_path, bars, capsys):
    paths = {"bars": tmp_path / "bars.parquet", "lock": tmp_path / "data.lock.json"}
    market = Csv(source="csv", path=tmp_path / "prices.csv")
    for table in (bars, revise(bars, "S2", [150], 1.02)):
        table.to_csv(tmp_path / "prices.csv", index=False)
        download_bars(market, **paths)
    said = [line for line in capsys.readouterr().err.splitlines() if "revised" in line]
    day = f"{DAYS[150]:%Y-%m-%d}"
    assert [line.partition("INFO ")[2] for line in said] == [
        f"S2: 1 days revised, {day} to {day}, close, high, low, open by up to 2.00%"
    ]


def test_a_revision_in_the_test_days_touches_the_folds_before_the_next_window(tmp_path, bars):
    paths = {"bars": tmp_path / "bars.parquet", "lock": tmp_path / "data.lock.json"}
    market = Csv(source="csv", path=tmp_path / "prices.csv")
    bars.to_csv(tmp_path / "prices.csv", index=False)
    download_bars(market, **paths)
    revise(bars, "S2", [215], 1.02).to_csv(tmp_path / "prices.csv", index=False)
    latest = FOLDS.model_copy(update={"anchor": "end"})
    for windows, folds in (((TEST_START,), []), ((TEST_START, f"{DAYS[225]:%Y-%m-%d}"), [1])):
        diff = tmp_path / "data.diff.json"
        diff_market(market, **paths, test_start=windows, turbulence_days=60, settings=latest, diff=diff)
        assert json.loads(diff.read_text(encoding="utf-8"))["folds"] == folds


def test_bars_that_are_not_the_locks_are_refused(tmp_path, bars):
    bars.to_csv(tmp_path / "prices.csv", index=False)
    market = Csv(source="csv", path=tmp_path / "prices.csv")
    paths = {"bars": tmp_path / "bars.parquet", "lock": tmp_path / "data.lock.json"}
    rest = {
        "test_start": (TEST_START,),
        "turbulence_days": 60,
        "settings": FOLDS,
        "diff": tmp_path / "d.json",
    }
    with pytest.raises(ValueError, match="no bars with a lock to compare with: run Snakemake first"):
        diff_market(market, **paths, **rest)
    download_bars(market, **paths)
    paths["bars"].write_bytes(paths["bars"].read_bytes() + b"x")
    with pytest.raises(ValueError, match=r"bars\.parquet is damaged \(sha256 .* where data\.lock\.json has"):
        diff_market(market, **paths, **rest)

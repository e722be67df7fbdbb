"""A market of the user's files, from its settings to its bars and its lock."""

import json

import pandas as pd
import pytest

from workflow_scripts.data.download_bars import download_bars
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.sources.base import source_of

HEAD = "date,ticker,open,high,low,close,volume,vix,sector\n"
LONG = """2024-01-02,KO,10,12,9,11,100,13.2,Beverages
2024-01-02,PEP,20,22,19,21,200,13.2,Beverages
2024-01-03,KO,11,13,10,12,110,14.0,Beverages
2024-01-03,PEP,21,23,20,22,210,14.0,Beverages
"""


def market(path, **keys):
    return source_of({"source": "csv", "path": str(path), **keys})


def lock_of(tmp_path, source):
    download_bars(source, tmp_path / "bars.parquet", tmp_path / "data.lock.json")
    return json.loads((tmp_path / "data.lock.json").read_text(encoding="utf-8"))


@pytest.fixture
def prices(tmp_path):
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "prices.csv").write_text(HEAD + LONG, encoding="utf-8")
    return folder


def test_a_further_column_is_a_feature_only_where_it_is_named(prices):
    assert list(load_market(market(prices)).bars) == ["date", "ticker", "open", "high", "low", "close", "volume"]
    bars = load_market(market(prices, features_from=["vix"])).bars
    assert list(bars["vix"]) == [13.2, 13.2, 14.0, 14.0]


def test_a_column_of_the_volatility_is_the_markets_where_it_is_named(prices):
    table = prices / "prices.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(",vix,", ",volatility:VIX,"), encoding="utf-8")
    assert "volatility:VIX" not in load_market(market(prices)).bars
    bars = load_market(market(prices, features_from=["volatility:VIX"])).bars
    assert list(bars["volatility:VIX"]) == [13.2, 13.2, 14.0, 14.0]


def test_the_lock_and_the_log_say_what_was_taken_left_unread_and_mended(tmp_path, prices, capsys):
    (prices / "prices.csv").write_text(HEAD + LONG.replace("KO,11,13,10,12", "KO,11,13,10,14"), encoding="utf-8")
    (prices / "notes.md").touch()
    lock = lock_of(tmp_path, market(prices, features_from=["vix"], repair="clip"))
    understood = "read a long table: features vix, 2 tickers, 2024-01-02 to 2024-01-03; columns left: sector"
    assert lock["note"] == understood
    assert lock["details"] == {
        "features": ["vix"],
        "columns_left": ["sector"],
        "files_unread": ["notes.md"],
        "rows_repaired": {"KO": 1},
    }
    assert lock["warnings"] == ["not read: notes.md", "1 rows clipped: KO 1"]
    shrunk = "covariance shrunk (Ledoit and Wolf, 2004) where features.turbulence_days is at most"
    assert lock["turbulence"] == f"{shrunk} 4, twice its tickers"
    said = capsys.readouterr().err
    for line in ("WARNING not read: notes.md", "WARNING 1 rows clipped: KO 1", f"({understood})"):
        assert line in said
    assert pd.read_parquet(tmp_path / "bars.parquet")["close"].max() == 22


def test_each_key_reaches_the_reader(prices):
    text = """ticker;date;open;high;low;close;adj close;volume
KO;03/01/2024;1,0;1,2;0,9;1,1;0,55;100
PEP;03/01/2024;2,0;2,2;1,9;2,1;1,05;200
"""
    (prices / "prices.csv").write_text(text, encoding="utf-8")
    keys = {"date_format": "%d/%m/%Y", "decimal": ","}
    bars = load_market(market(prices, **keys)).bars
    assert list(bars[["date", "close"]].itertuples(index=False, name=None)) == [
        (pd.Timestamp("2024-01-03"), 0.55),
        (pd.Timestamp("2024-01-03"), 1.05),
    ]
    assert list(load_market(market(prices, **keys, adjusted=True)).bars["close"]) == [1.1, 2.1]
    with pytest.raises(ValueError, match=r"prices.csv, row 2: the date '03/01/2024' is not ISO 8601"):
        load_market(market(prices))
    (prices / "prices.csv").write_text(
        "timestamp,KO,PEP\n2024-01-02T15:00:00Z,1,2\n2024-01-03T15:00:00Z,1,2\n", encoding="utf-8"
    )
    bars = load_market(market(prices, timezone="Asia/Tokyo")).bars
    assert sorted(bars["date"].unique()) == [pd.Timestamp("2024-01-03"), pd.Timestamp("2024-01-04")]
    with pytest.raises(
        ValueError, match=r"prices.csv, row 2: the stamp .* name the exchange's zone, such as timezone: "
    ):
        load_market(market(prices))


def test_ticks_of_tickers_and_days_that_are_not_asked_for_stop_nothing(prices):
    bad = "2024-01-03,XOM,1,1,1,0,5,14.0,Oil\n2024-01-04,KO,1,1,1,0,5,14.0,Beverages\n"
    (prices / "prices.csv").write_text(HEAD + LONG + bad, encoding="utf-8")
    asked = {"tickers": ["KO", "PEP"], "end": "2024-01-03"}
    assert len(load_market(market(prices, **asked)).bars) == 4
    with pytest.raises(ValueError, match=r"prices.csv, row 7: KO on 2024-01-04: close is 0, not above zero"):
        load_market(market(prices, tickers=["KO", "PEP"]))
    with pytest.raises(ValueError, match=r"prices.csv, row 6: XOM on 2024-01-03: close is 0, not above zero"):
        load_market(market(prices, end="2024-01-03"))
    dropped = load_market(market(prices, **asked, repair="drop"))
    assert (len(dropped.bars), dropped.details["rows_repaired"]) == (4, {})
    with pytest.raises(ValueError, match="no bars between 2025-01-01 and None: the bars run from 2024-01-02"):
        load_market(market(prices, start="2025-01-01"))


def test_a_path_without_a_table_is_named_with_its_market(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "prices.xlsx").touch()
    source = market(tmp_path / "prices.xlsx")
    assert source.files() == [tmp_path / "prices.xlsx"]
    with pytest.raises(ValueError, match=r"^market results \(.*prices\.xlsx\): prices\.xlsx is not a table .*as csv"):
        download_bars(source, tmp_path / "results/bars.parquet", tmp_path / "results/data.lock.json")


def test_other_sources_have_no_details(tmp_path):
    assert lock_of(tmp_path, source_of({"source": "noise", "days": 100}))["details"] == {}

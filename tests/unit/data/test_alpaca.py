"""Alpaca's own client against a stand-in on loopback."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.unit.data.stand_ins import KEY, SECRET, Answer, alpaca, table_of
from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.bars import arrange_bars
from workflow_scripts.data.download_bars import download_bars
from workflow_scripts.data.sources.base import source_of
from workflow_scripts.data.vendors.alpaca import fetch_alpaca
from workflow_scripts.data.vendors.downloads import Parts, Query

TICKERS = ["AAA", "BBB", "CCC"]
QUERY = Query(("AAA", "BBB", "CCC"), "2020-01-01", "2020-12-31", "sip", asked="2021-01-01")


@pytest.fixture
def server(monkeypatch):
    with alpaca(table_of(TICKERS, "2020-01-01", 20)) as stand_in:
        monkeypatch.setenv("APCA_API_DATA_URL", stand_in.address)
        monkeypatch.setenv("APCA_API_KEY_ID", KEY)
        monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
        yield stand_in


@pytest.fixture
def small_pages(monkeypatch):
    """Pages of 25 bars, so that 60 bars come in three, and one page ends within a ticker."""
    from alpaca.data.historical.stock import StockHistoricalDataClient

    whole = StockHistoricalDataClient._get_marketdata
    monkeypatch.setattr(
        StockHistoricalDataClient,
        "_get_marketdata",
        lambda self, path, params, page_size: whole(self, path=path, params=params, page_size=25),
    )


def fetch(folder, query=QUERY, **options):
    return fetch_alpaca(query, Parts(folder, query), **{"pause_seconds": 0.02, "timeout_seconds": 5, **options})


def refused(folder, query=QUERY, **options):
    with pytest.raises((ValueError, ConnectionError)) as caught:
        fetch(folder, query, **options)
    message = str(caught.value)
    assert KEY not in message and SECRET not in message
    return message


def test_bars_are_adjusted_and_dated_by_their_day_in_new_york(server, tmp_path):
    bars = arrange_bars(fetch(tmp_path), "a test")
    assert check_bars(bars) == []
    assert (len(bars), bars["date"].min(), bars["date"].max()) == (
        60,
        pd.Timestamp("2020-01-01"),
        pd.Timestamp("2020-01-28"),
    )
    expected = table_of(TICKERS, "2020-01-01", 20)["BBB"]
    np.testing.assert_array_equal(bars.loc[bars["ticker"] == "BBB", "close"], expected["close"])
    assert server.asked[0]["adjustment"] == "all"
    assert server.asked[0]["feed"] == "sip"
    assert server.asked[0]["symbols"] == "AAA,BBB,CCC"


def test_summer_days_keep_their_date(monkeypatch, server, tmp_path):
    with alpaca(table_of(TICKERS, "2020-07-01", 3)) as summer:
        monkeypatch.setenv("APCA_API_DATA_URL", summer.address)
        assert list(fetch(tmp_path)["date"].dt.day.unique()) == [1, 2, 3]


def test_first_and_last_day_are_asked_for_and_included(server, tmp_path):
    days = fetch(tmp_path, Query(("AAA",), "2020-01-02", "2020-01-06", "sip"))["date"].dt.day
    assert list(days) == [2, 3, 6]


def test_pages_follow_their_token_across_tickers(server, small_pages, tmp_path):
    assert len(fetch(tmp_path)) == 60
    assert ["page_token" in query for query in server.asked] == [False, True, True]


def test_a_resumed_download_asks_for_the_pages_that_lack_alone(server, small_pages, tmp_path):
    server.fault = lambda number, query: Answer(503, "down") if number > 2 else None
    message = refused(tmp_path)
    assert "status 503 (down)" in message
    assert "the page after CCC on 2020-01-14" in message
    asked = len(server.asked)
    assert asked == 2 + 4  # two pages, and the third in one attempt and three more
    server.fault = lambda number, query: None
    assert len(fetch(tmp_path)) == 60
    assert len(server.asked) == asked + 1


def test_pages_of_another_day_are_not_mixed_with_todays(server, small_pages, tmp_path):
    fetch(tmp_path)
    tomorrow = Query(QUERY.tickers, QUERY.start, QUERY.end, QUERY.feed, asked="2021-01-02")
    fetch(tmp_path, tomorrow)
    assert len(server.asked) == 6
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("status", "body", "said", "requests"),
    [
        (401, '{"message": "request is not authorized"}', "check APCA_API_KEY_ID and APCA_API_SECRET_KEY", 1),
        (403, '{"message": "forbidden."}', "(forbidden.) for AAA, BBB, CCC from 2020-01-01 to 2020-12-31", 1),
        (422, '{"message": "invalid symbol(s): AAA"}', "invalid symbol(s): AAA", 1),
        (429, '{"message": "too many requests."}', "run again in a minute", 4),
        (500, "<html><h1>Oops</h1></html>", "<html><h1>Oops</h1></html>", 4),
        (502, "", "status 502", 4),
        (504, '{"message": "time-out"}', "time-out", 4),
    ],
)
def test_a_status_is_named_with_tickers_days_and_remedy(server, tmp_path, status, body, said, requests):
    server.fault = lambda number, query: Answer(status, body)
    message = refused(tmp_path)
    assert message.startswith(f"Alpaca answered with status {status} ")
    assert said in message
    assert len(server.asked) == requests
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_passing_fault_is_waited_for(server, tmp_path, status):
    server.fault = lambda number, query: Answer(status, "busy") if number < 3 else None
    assert len(fetch(tmp_path)) == 60
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html>log in</html>", "is not JSON: '<html>log in</html>'"),
        ('{"bars": null, "next_page_token": null}', "bars: null"),
        ('{"bars": {}, "next_page_token": null}', "bars: {}"),
        ('{"bars": {"AAA": null}}', "no bars of AAA"),
        ('{"bars": {"ZZZ": [{}]}}', "sent bars of ZZZ"),
        (
            '{"bars": {"AAA": [{"t": "2020-01-02T05:00:00Z", "o": 1, "h": 1, "l": 1, "c": null, "v": 1}]}}',
            "AAA on 2020-01-02",
        ),
        ('{"bars": {"AAA": [null]}}', "AAA on None: Alpaca sent null, where t, o, h, l, c, v is no value"),
    ],
)
def test_an_answer_that_is_not_bars_is_refused_and_not_kept(server, tmp_path, body, said):
    server.fault = lambda number, query: Answer(200, body)
    assert said in refused(tmp_path)
    assert not list(tmp_path.glob("*/*"))


def test_a_redirection_is_not_followed(server, tmp_path):
    server.fault = lambda number, query: Answer(302, "<html>moved</html>")
    assert "is not JSON: '<html>moved</html>'" in refused(tmp_path)


def test_an_empty_answer_is_refused(server, tmp_path):
    server.fault = lambda number, query: Answer(204)
    assert "an empty answer" in refused(tmp_path)


def test_a_ticker_that_alpaca_leaves_out_is_named(server, tmp_path):
    query = Query(("AAA", "BRK-B", "NOPE"), "2020-01-01", "2020-12-31", "sip")
    assert "no bars of BRK-B, NOPE from 2020-01-01 to 2020-12-31" in refused(tmp_path, query)


def test_a_cut_connection_is_tried_again_and_then_named(server, tmp_path):
    server.fault = lambda number, query: Answer(cut=True) if number == 1 else None
    assert len(fetch(tmp_path)) == 60
    server.fault = lambda number, query: Answer(cut=True)
    message = refused(tmp_path, Query(("AAA",), "2020-01-01", "2020-12-31", "sip"))
    assert message.startswith("no whole answer from Alpaca for AAA from 2020-01-01 to 2020-12-31")
    assert "after 4 attempts" in message


def test_a_server_that_does_not_answer_is_given_up(server, tmp_path):
    server.fault = lambda number, query: Answer(wait_seconds=1.0)
    assert "Read timed out" in refused(tmp_path, timeout_seconds=0.1)


def test_nobody_at_the_address_is_named(server, tmp_path, monkeypatch):
    monkeypatch.setenv("APCA_API_DATA_URL", "http://127.0.0.1:9")
    assert "Connection refused" in refused(tmp_path)


def test_keys_that_are_not_set_are_named(server, tmp_path, monkeypatch):
    monkeypatch.delenv("APCA_API_SECRET_KEY")
    message = refused(tmp_path)
    assert message.endswith("APCA_API_SECRET_KEY is not set there: export APCA_API_SECRET_KEY=…")
    assert server.asked == []


def test_a_key_that_the_server_says_back_is_in_no_error(server, tmp_path, monkeypatch):
    monkeypatch.setenv("APCA_API_SECRET_KEY", "wrong-" + SECRET)
    assert "request is not authorized: …" in refused(tmp_path)
    server.fault = lambda number, query: Answer(200, f"<p>{KEY}</p>")
    refused(tmp_path)


def test_the_stand_in_of_the_vix_is_a_column_and_no_ticker(server, tmp_path):
    days = {"start": "2020-01-01", "end": "2020-12-31"}
    market = source_of(
        {"source": "alpaca", **days, "tickers": ["AAA", "BBB"], "feed": "iex", "volatility_ticker": "CCC"}
    )
    download_bars(market, tmp_path / "bars.parquet", tmp_path / "data.lock.json")
    bars = pd.read_parquet(tmp_path / "bars.parquet")
    assert sorted(bars["ticker"].unique()) == ["AAA", "BBB"]
    expected = table_of(TICKERS, "2020-01-01", 20)["CCC"]["close"]
    np.testing.assert_array_equal(bars.loc[bars["ticker"] == "AAA", "volatility:CCC"], expected)
    assert {query["feed"] for query in server.asked} == {"iex"}
    lock = json.loads((tmp_path / "data.lock.json").read_text(encoding="utf-8"))
    assert (lock["tickers"], lock["query"]["volatility_ticker"], lock["rows"]) == (["AAA", "BBB"], "CCC", 40)
    assert "alpaca-py" in lock["versions"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.parquet", "data.lock.json"]


def test_28_tickers_of_ten_years_come_in_eight_pages(monkeypatch, server, tmp_path):
    tickers = [f"T{number:02}" for number in range(28)]
    with alpaca(table_of(tickers, "2010-01-01", 2520)) as large:
        monkeypatch.setenv("APCA_API_DATA_URL", large.address)
        days = {"start": "2010-01-01", "end": "2019-12-31"}
        market = source_of({"source": "alpaca", **days, "tickers": tickers, "volatility_ticker": None})
        download_bars(market, tmp_path / "bars.parquet", tmp_path / "data.lock.json")
    assert [query["limit"] for query in large.asked] == ["10000"] * 8
    assert json.loads((tmp_path / "data.lock.json").read_text(encoding="utf-8"))["rows"] == 28 * 2520

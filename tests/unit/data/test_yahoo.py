"""yfinance itself against a stand-in of Yahoo on loopback."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.unit.data.stand_ins import Answer, table_of, yahoo
from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.bars import arrange_bars
from workflow_scripts.data.download_bars import download_bars
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.sources.yahoo import Yahoo
from workflow_scripts.data.vendors.downloads import Parts, Query
from workflow_scripts.data.vendors.yahoo import fetch_yahoo

TICKERS = ["AAA", "BBB", "^VIX"]
QUERY = Query(("AAA", "BBB"), "2020-01-01", "2020-12-31", asked="2021-01-01")
MARKET = {"source": "yahoo", "start": "2020-01-01", "end": "2020-12-31", "tickers": ["AAA", "BBB"]}


@pytest.fixture
def server(monkeypatch):
    table = table_of(TICKERS, "2020-01-01", 20)
    with yahoo(table, dividend_factor=0.97) as stand_in:
        monkeypatch.setenv("YAHOO_FINANCE_URL", stand_in.address)
        yield stand_in


@pytest.fixture(autouse=True)
def forget_answers():
    """Empty yfinance's cache of answers, which lives as long as the process and knows no address."""
    from yfinance.data import YfData

    YfData.cache_get.cache_clear()


def fetch(folder, query=QUERY, **options):
    return fetch_yahoo(query, Parts(folder, query), **{"pause_seconds": 0.02, "timeout_seconds": 5, **options})


def refused(folder, query=QUERY, **options):
    with pytest.raises((ValueError, ConnectionError)) as caught:
        fetch(folder, query, **options)
    return str(caught.value)


def of_bars(answer):
    """Show a fault where bars are asked for, and not where the cookie and the crumb are."""
    return lambda number, query: answer if query["path"].startswith("/v8/finance/chart/") else None


def test_all_four_prices_are_adjusted_by_one_factor(server, tmp_path):
    bars = arrange_bars(fetch(tmp_path), "a test")
    assert check_bars(bars) == []
    expected = table_of(["BBB"], "2020-01-01", 20)["BBB"] * np.where(np.arange(20) < 19, 0.97, 1)[:, None]
    rows = bars[bars["ticker"] == "BBB"]
    for name in ("open", "high", "low", "close"):
        np.testing.assert_allclose(rows[name], expected[name], rtol=1e-12)
    assert (rows["date"].min(), rows["date"].max()) == (pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-28"))


def test_first_and_last_day_are_included(server, tmp_path):
    days = fetch(tmp_path, Query(("AAA",), "2020-01-02", "2020-01-06"))["date"].dt.day
    assert list(days) == [2, 3, 6]


def test_a_ticker_that_yahoo_does_not_know_is_named(server, tmp_path):
    message = refused(tmp_path, Query(("AAA", "BRK.B"), "2020-01-01", "2020-12-31"))
    assert message.startswith("Yahoo has no bars of BRK.B from 2020-01-01 to 2020-12-31 (status 404)")
    assert "check the spelling (BRK-B, not BRK.B)" in message


def test_a_resumed_download_asks_for_the_tickers_that_lack_alone(server, tmp_path):
    server.fault = lambda number, query: Answer(503, "down") if query["path"].endswith("/BBB") else None
    assert "status 503 (down) for BBB" in refused(tmp_path)
    asked = len(server.asked)
    server.fault = lambda number, query: None
    assert len(fetch(tmp_path)) == 40
    assert {query["path"] for query in server.asked[asked:] if "chart" in query["path"]} == {"/v8/finance/chart/BBB"}


@pytest.mark.parametrize(("status", "said"), [(429, "Too Many Requests"), (500, "oops"), (503, "busy")])
def test_a_status_is_named_with_ticker_and_days_after_four_attempts(server, tmp_path, status, said):
    server.fault = of_bars(Answer(status, said))
    message = refused(tmp_path)
    assert message.startswith(f"Yahoo answered with status {status} ({said}) for AAA from 2020-01-01 to 2020-12-31")
    assert len([query for query in server.asked if "chart" in query["path"]]) == 4
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_named_after_the_client_has_tried_another_cookie(server, tmp_path, status):
    server.fault = of_bars(Answer(status, '{"finance": {"result": null, "error": {"code": "Unauthorized"}}}'))
    said = refused(tmp_path)
    assert f"Yahoo refuses bars of AAA from 2020-01-01 to 2020-12-31 (status {status})" in said
    assert "spelling" not in said


def test_a_passing_fault_is_waited_for(server, tmp_path):
    asked = []

    def fault(number, query):
        asked.append(query["path"])
        return Answer(503, "busy") if asked.count("/v8/finance/chart/BBB") == 2 else None

    server.fault = fault
    assert len(fetch(tmp_path)) == 40


def test_a_page_in_place_of_bars_is_refused(server, tmp_path):
    server.fault = of_bars(Answer(200, "<html>Will be right back</html>"))
    assert "Yahoo answered with status 200 and a page: '<html>Will be right back</html>' for AAA" in refused(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        '{"chart": {"result": null, "error": null}}',
        '{"chart": {"result": [], "error": null}}',
        '{"chart": {"result": [{"meta": {}, "indicators": {"quote": [{}]}}], "error": null}}',
        "{}",
        "not json",
    ],
)
def test_an_answer_without_bars_is_an_error(server, tmp_path, body):
    server.fault = of_bars(Answer(200, body))
    assert "no bars of AAA from 2020-01-01 to 2020-12-31" in refused(tmp_path)


@pytest.mark.parametrize(("status", "body", "said"), [(200, "", "200 and not a word"), (999, "busy", "999 (busy)")])
def test_an_answer_that_says_nothing_is_no_misspelt_ticker(server, tmp_path, status, body, said):
    server.fault = of_bars(Answer(status, body))
    assert f"Yahoo answered with status {said} for AAA from 2020-01-01 to 2020-12-31" in refused(tmp_path)


def test_an_empty_frame_is_an_error(server, tmp_path):
    assert "no bars of AAA from 2021-02-01 to 2021-03-01 (status 200)" in refused(
        tmp_path, Query(("AAA",), "2021-02-01", "2021-03-01")
    )


def test_a_day_without_prices_is_for_the_markets_policy(tmp_path, monkeypatch):
    table = table_of(["AAA", "BBB"], "2020-01-01", 20)
    table["BBB"].iloc[5, :4] = np.nan
    market = Yahoo.of({**MARKET, "volatility_ticker": None})
    with yahoo(table) as server:
        monkeypatch.setenv("YAHOO_FINANCE_URL", server.address)
        with pytest.raises(ValueError, match=r"BBB on 2020-01-08: open is not a finite number \(1 such rows\)"):
            download_bars(market, tmp_path / "bars.parquet", tmp_path / "data.lock.json")
        assert not (tmp_path / "bars.parquet").exists()
        bars = load_market(Yahoo.of({**MARKET, "volatility_ticker": None, "missing": "hold"})).bars
    own = bars[bars["ticker"] == "BBB"].set_index("date")["close"]
    assert own.loc["2020-01-08"] == own.loc["2020-01-07"]


def test_a_cut_connection_is_tried_again_and_then_named(server, tmp_path):
    server.fault = lambda number, query: Answer(cut=True) if "chart" in query["path"] else None
    message = refused(tmp_path)
    assert message.startswith("no whole answer from Yahoo after 4 attempts")
    assert "for AAA from 2020-01-01 to 2020-12-31" in message


def test_a_server_that_does_not_answer_is_given_up(server, tmp_path):
    server.fault = of_bars(Answer(wait_seconds=1.0))
    assert "after 4 attempts" in refused(tmp_path, timeout_seconds=0.1)


def test_nobody_at_the_address_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("YAHOO_FINANCE_URL", "http://127.0.0.1:9")
    assert "no whole answer from Yahoo after 4 attempts" in refused(tmp_path)


@pytest.mark.filterwarnings("error")
def test_a_download_warns_of_nothing(server, tmp_path):
    assert len(fetch(tmp_path)) == 40


def test_the_vix_is_a_column_and_no_ticker_and_nothing_lies_in_the_users_folders(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    download_bars(Yahoo.of(MARKET), tmp_path / "bars.parquet", tmp_path / "data.lock.json")
    bars = pd.read_parquet(tmp_path / "bars.parquet")
    assert sorted(bars["ticker"].unique()) == ["AAA", "BBB"]
    assert bars["volatility:^VIX"].notna().all()
    lock = json.loads((tmp_path / "data.lock.json").read_text(encoding="utf-8"))
    assert (lock["source"], lock["rows"]) == ("yahoo", 40)
    assert "yfinance" in lock["versions"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.parquet", "data.lock.json"]

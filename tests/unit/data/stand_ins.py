"""Stand-ins of the vendors on loopback: real sockets, the vendors' own paths and answers, and faults on demand."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd

NEW_YORK = "America/New_York"
KEY, SECRET = "PKTESTKEY0001", "s3cr3t-of-the-test"


@dataclass(frozen=True)
class Answer:
    """What a stand-in says instead of its bars, or how it says them."""

    status: int = 200
    body: str | None = None
    wait_seconds: float = 0.0
    cut: bool = False  # promises the whole body and closes the connection half-way


Fault = Callable[[int, Mapping[str, str]], Answer | None]


@dataclass
class StandIn:
    """A vendor on loopback: its address, what it was asked, and the fault to show (by request number and query)."""

    address: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    fault: Fault = lambda number, query: None


def closes(ticker: str, days: int) -> np.ndarray:
    """Return closing prices of a ticker, a function of its name alone."""
    rng = np.random.default_rng(list(ticker.encode()))
    return 100 * np.cumprod(1 + 0.01 * rng.standard_normal(days).clip(-3, 3))


def table_of(tickers: list[str], first: str, days: int) -> dict[str, pd.DataFrame]:
    """Return each ticker's open, high, low, close, volume on the business days from ``first`` on."""
    dates = pd.bdate_range(first, periods=days)
    return {
        ticker: pd.DataFrame(
            {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": 1000.0}, index=dates
        )
        for ticker in tickers
        for close in [closes(ticker, days)]
    }


@contextmanager
def serve(answer: Callable[[str, dict[str, str], Mapping[str, str]], tuple[int, str]]) -> Iterator[StandIn]:
    """Serve on 127.0.0.1; ``answer`` takes path, query and headers, and returns status and body."""
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            stand_in.asked.append({"path": parts.path, **query})
            fault = stand_in.fault(len(stand_in.asked), {"path": parts.path, **query}) or Answer()
            time.sleep(fault.wait_seconds)
            if fault.body is None and fault.status == 200:
                status, body = answer(parts.path, query, self.headers)
            else:
                status, body = fault.status, fault.body or ""
            self._say(status, body.encode(), fault.cut)

        def _say(self, status: int, body: bytes, cut: bool) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", "text/html" if body[:1] == b"<" else "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if cut else body)
            except OSError:
                cut = True  # the client did not wait
            if cut:
                self.close_connection = True

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    stand_in.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def alpaca(table: dict[str, pd.DataFrame]) -> Any:
    """Serve ``GET /v2/stocks/bars`` as Alpaca does.

    Several symbols, sorted by symbol and then time; at most ``limit`` bars a page over all symbols; the next page by
    token; a symbol that it does not know is left out without a word; ``t`` is New York midnight in UTC. Prices that are
    not asked for with ``adjustment=all`` are ten times as high.
    """
    rows = {
        ticker: [
            {"t": time, "o": o, "h": h, "l": low, "c": c, "v": int(v), "n": 10, "vw": c}
            for time, (o, h, low, c, v) in zip(
                frame.index.tz_localize(NEW_YORK).tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ"),
                frame.itertuples(index=False),
                strict=True,
            )
        ]
        for ticker, frame in table.items()
    }

    def answer(path: str, query: dict[str, str], headers: Mapping[str, str]) -> tuple[int, str]:
        if path != "/v2/stocks/bars":
            return 404, json.dumps({"message": "endpoint not found."})
        if (headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")) != (KEY, SECRET):
            return 401, json.dumps({"message": f"request is not authorized: {headers.get('APCA-API-SECRET-KEY')}"})
        factor = 1 if query["adjustment"] == "all" else 10
        first, last = (pd.Timestamp(query[name]).strftime("%Y-%m-%dT%H:%M:%SZ") for name in ("start", "end"))
        after = tuple(base64.b64decode(query["page_token"]).decode().split("|")) if "page_token" in query else ("", "")
        limit = min(int(query.get("limit", 1000)), 10_000)
        found = [
            (ticker, row)
            for ticker in sorted(query["symbols"].split(","))
            for row in rows.get(ticker, [])
            if first <= row["t"] <= last and (ticker, row["t"]) > after
        ]
        page: dict[str, list[dict[str, Any]]] = {}
        for ticker, row in found[:limit]:
            page.setdefault(ticker, []).append({**row, **{name: row[name] * factor for name in "ohlc"}})
        ticker, row = found[limit - 1] if len(found) > limit else ("", {})
        token = base64.b64encode(f"{ticker}|{row['t']}".encode()).decode() if row else None
        return 200, json.dumps({"bars": page, "next_page_token": token})

    return serve(answer)


def yahoo(
    table: dict[str, pd.DataFrame],
    dividend_factor: float = 1.0,
    granularity: str = "1d",
    zones: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """Serve ``/v8/finance/chart/TICKER``, the cookie and the crumb as Yahoo does.

    ``dividend_factor`` is what a later dividend takes from the adjusted close of every day but the last; Yahoo
    has no adjusted close of bars shorter than a day. The table is on New York's clock; ``zones`` are those of other
    exchanges.
    """

    def answer(path: str, query: dict[str, str], headers: Mapping[str, str]) -> tuple[int, str]:
        if path.endswith("/getcrumb"):
            return 200, "crumb"
        if not path.startswith("/v8/finance/chart/"):
            return 404, ""  # fc.yahoo.com says so too, and sets its cookie
        ticker = path.rsplit("/", 1)[1].replace("%5E", "^")
        if ticker not in table:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return 404, json.dumps({"chart": {"result": None, "error": error}})
        frame = table[ticker]
        opening = pd.Timedelta(hours=9, minutes=30) if granularity == "1d" else pd.Timedelta(0)
        seconds = (frame.index + opening).tz_localize(NEW_YORK).as_unit("s").asi8
        keep = np.ones(len(frame), dtype=bool)
        if "period1" in query:
            keep = (seconds >= int(query["period1"])) & (seconds < int(query["period2"]))
        kept = frame[keep]
        factors = np.where(kept.index < frame.index[-1], dividend_factor, 1.0)
        meta = {
            "currency": "USD",
            "symbol": ticker,
            "instrumentType": "EQUITY",
            "exchangeTimezoneName": zones.get(ticker, NEW_YORK),
            "timezone": "EST",
            "gmtoffset": -18000,
            "regularMarketTime": int(seconds[-1]),
            "priceHint": 2,
            "validRanges": ["1d", "max"],
            "dataGranularity": granularity,
            "range": "",
        }
        if granularity != "1d":
            opened = pd.DatetimeIndex(frame.index.normalize().unique() + pd.Timedelta(hours=9, minutes=30))
            begins = opened.tz_localize(NEW_YORK).as_unit("s").asi8.tolist()
            meta["tradingPeriods"] = [
                [{"timezone": "EST", "start": begin, "end": begin + 23400, "gmtoffset": -18000}] for begin in begins
            ]
        quote = {name: [None if np.isnan(v) else v for v in kept[name]] for name in kept}
        adjusted = [None if np.isnan(v) else v for v in kept["close"] * factors]
        indicators: dict[str, Any] = {"quote": [quote]}
        if granularity == "1d":
            indicators["adjclose"] = [{"adjclose": adjusted}]
        result = {"meta": meta, "timestamp": seconds[keep].tolist(), "indicators": indicators}
        return 200, json.dumps({"chart": {"result": [result], "error": None}})

    return serve(answer)

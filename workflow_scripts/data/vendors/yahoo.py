"""Yahoo's bars, through yfinance."""

import atexit
import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import yfinance
from curl_cffi import requests as curl

from workflow_scripts.data.bars import as_dates
from workflow_scripts.data.periods import DAILY, Interval
from workflow_scripts.data.vendors.downloads import (
    PAUSE_SECONDS,
    RETRIES,
    TIMEOUT_SECONDS,
    Parts,
    Query,
    excerpt,
    insist,
)
from workflow_scripts.workflow.files import first_line

ADDRESS = "YAHOO_FINANCE_URL"
PRICES = {"Open": "open", "High": "high", "Low": "low", "Close": "close"}
PASSING = (429, 500, 502, 503, 504, 999)
REFUSED = (401, 403)  # after which yfinance tries another cookie by itself


def fetch_yahoo(
    query: Query, parts: Parts, pause_seconds: float = PAUSE_SECONDS, timeout_seconds: float = TIMEOUT_SECONDS
) -> pd.DataFrame:
    """Return bars (date, ticker, open, high, low, close, volume), adjusted for splits and, where daily, dividends.

    Bars shorter than a day are all on the clock of the first ticker's exchange: New York's where Chicago's ^VIX stands
    beside its stocks. A day that Yahoo sends without prices is a row without them, for the market's policy to judge.
    The environment variable YAHOO_FINANCE_URL names another address than Yahoo's own, such as a proxy's. Each ticker is
    kept in ``parts`` as soon as it is whole.

    Raises:
        ConnectionError: no answer, or one with an error's status; the message names status, ticker and days.
        ValueError: Yahoo has no bars of a ticker, or they cannot be read.

    """
    yfinance.config.debug.hide_exceptions = False
    yfinance.set_tz_cache_location(_state_of_this_process())
    session = _Session(pause_seconds, timeout_seconds)
    tables = []
    for ticker in query.tickers:
        kept = parts.read(ticker)
        table = None if kept is None else pd.read_parquet(io.BytesIO(kept))
        if table is None or "instant" not in table:
            table = _fetch(ticker, query, session, timeout_seconds)
            content = io.BytesIO()
            table.to_parquet(content)
            parts.write(ticker, content.getvalue())
        tables.append(table)
    clock = None if query.interval == DAILY else tables[0].attrs["zone"]
    return pd.concat([_dated(table, clock, query.interval) for table in tables], ignore_index=True)


def _dated(table: pd.DataFrame, clock: str | None, interval: Interval) -> pd.DataFrame:
    """Return bars with their dates on a clock; without one on that of their own exchange, whose day a bar has."""
    there = pd.DatetimeIndex(table["instant"]).tz_convert(clock or table.attrs["zone"]).tz_localize(None)
    dates = as_dates(pd.Series(there, table.index), interval)
    return table.drop(columns="instant").assign(date=dates)[["date", *table.columns.drop("instant")]]


@cache
def _state_of_this_process() -> str:
    """Return a folder for yfinance's cookies and time zones: not the user's own, where another program's state lies."""
    folder = tempfile.mkdtemp(prefix="yfinance_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _fetch(ticker: str, query: Query, session: "_Session", timeout_seconds: float) -> pd.DataFrame:
    asked = f"{ticker} from {query.start} to {query.end}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of pandas, about yfinance's code
            frame = yfinance.Ticker(ticker, session=session).history(
                start=query.start,
                end=(pd.Timestamp(query.end) + pd.Timedelta(days=1)).strftime("%Y-%m-%d"),  # Yahoo leaves its end out
                interval=query.interval,
                auto_adjust=False,
                actions=False,
                keepna=True,
                timeout=timeout_seconds,
            )
    except _RefusedError as error:
        raise ConnectionError(f"{error} for {asked}; run again later: the tickers that came are kept") from None
    except Exception as error:  # yfinance raises whatever its parsing met, from KeyError to AttributeError
        if session.status in REFUSED:
            raise ConnectionError(
                f"Yahoo refuses bars of {asked} (status {session.status}); run again later: the tickers that came are "
                "kept"
            ) from None
        raise ValueError(
            f"Yahoo has no bars of {asked} (status {session.status}): {type(error).__name__}: "
            f"{excerpt(first_line(error))}; check the spelling (BRK-B, not BRK.B) and the days"
        ) from None
    if frame.empty:
        raise ValueError(f"Yahoo sent no bars of {asked} (status {session.status}): check the spelling and the days")
    # All four by one factor, so that open and close stay within [low, high] to the last bit.
    factor = frame["Adj Close"] / frame["Close"]
    table = pd.DataFrame({name: frame[column] * factor for column, name in PRICES.items()})
    moments = pd.DatetimeIndex(frame.index)
    table.insert(0, "instant", moments.tz_convert("UTC"))
    table.insert(1, "ticker", ticker)
    table.attrs["zone"] = str(moments.tz)
    return table.assign(volume=frame["Volume"].astype("float64")).reset_index(drop=True)


class _RefusedError(Exception):
    """Yahoo gave no answer that could be bars."""


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, _RefusedError | curl.exceptions.RequestException)


class _Session(curl.Session):  # type: ignore[misc]
    """yfinance's session with retries; an answer that cannot be bars is an error here, where its status is known."""

    def __init__(self, pause_seconds: float, timeout_seconds: float):
        super().__init__(impersonate="chrome", timeout=timeout_seconds)
        self._pause = pause_seconds
        self._address = os.environ.get(ADDRESS)
        self.status = 0

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send a request; ask again for bars that did not come."""
        parts = urlsplit(url)
        address = url if self._address is None else f"{self._address}{parts.path}?{parts.query}"

        def ask() -> Any:
            return super(_Session, self).request(method, address, *args, **kwargs)

        return self._bars(ask) if "/finance/chart/" in parts.path else ask()

    def _bars(self, ask: Callable[[], Any]) -> Any:
        def ask_once() -> Any:
            answer = ask()
            self.status = answer.status_code
            if self.status in PASSING:
                raise _RefusedError(f"Yahoo answered with status {self.status} ({excerpt(answer.text)})")
            if not answer.text.strip():
                raise _RefusedError(f"Yahoo answered with status {self.status} and not a word")
            if answer.text.lstrip()[:1] == "<":
                raise _RefusedError(f"Yahoo answered with status {self.status} and a page: {excerpt(answer.text)!r}")
            return answer

        try:
            return insist(
                ask_once, lambda error: isinstance(error, _RefusedError | curl.exceptions.RequestException), self._pause
            )
        except curl.exceptions.RequestException as error:
            raise _RefusedError(
                f"no whole answer from Yahoo after {1 + RETRIES} attempts ({excerpt(first_line(error))})"
            ) from None

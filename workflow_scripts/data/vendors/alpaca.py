"""Alpaca's bars, through alpaca-py."""

import json
import math
import os
from typing import Any, NoReturn

import pandas as pd
import requests
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.data.requests import StockBarsRequest
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit
from requests.adapters import HTTPAdapter

from workflow_scripts.data.bars import as_dates
from workflow_scripts.data.periods import DAILY
from workflow_scripts.data.vendors.downloads import (
    NEW_YORK,
    PAUSE_SECONDS,
    RETRIES,
    TIMEOUT_SECONDS,
    Parts,
    Query,
    excerpt,
    insist,
    shorten,
)

KEYS = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
ADDRESS = "APCA_API_DATA_URL"
UNITS = {"d": TimeFrameUnit.Day, "h": TimeFrameUnit.Hour, "m": TimeFrameUnit.Minute}
FIELDS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}


def fetch_alpaca(
    query: Query, parts: Parts, pause_seconds: float = PAUSE_SECONDS, timeout_seconds: float = TIMEOUT_SECONDS
) -> pd.DataFrame:
    """Return bars (date, ticker, open, high, low, close, volume), adjusted for splits and dividends.

    The keys come from the environment variables APCA_API_KEY_ID and APCA_API_SECRET_KEY alone; APCA_API_DATA_URL names
    another address than Alpaca's own, such as a proxy's. Each page is kept in ``parts`` as soon as it is whole.

    Raises:
        ConnectionError: no answer, or one with an error's status; the message names status, tickers and days.
        ValueError: a key is missing, or what came is not bars of all tickers.

    """
    client = _Client(query, parts, pause_seconds, timeout_seconds)
    # At New York midnight in UTC, as the bars' own times are.
    start, end = (pd.Timestamp(day, tz=NEW_YORK) for day in (query.start, query.end))
    if query.interval != DAILY:
        end += pd.Timedelta(days=1) - pd.Timedelta(seconds=1)
    bars = client.get_stock_bars(
        StockBarsRequest(
            symbol_or_symbols=list(query.tickers),
            timeframe=TimeFrame(int(query.interval[:-1]), UNITS[query.interval[-1]]),
            start=start.to_pydatetime(),
            end=end.to_pydatetime(),
            adjustment=Adjustment.ALL,
            feed=DataFeed(query.feed),
        )
    )
    if absent := [ticker for ticker in query.tickers if not bars.get(ticker)]:
        raise ValueError(
            f"Alpaca has no bars of {', '.join(absent)} from {query.start} to {query.end} in its feed {query.feed}: "
            f"check the spelling (BRK.B, not BRK-B), or leave out what did not trade yet"
        )
    rows = [(row["t"], ticker, *(row[letter] for letter in FIELDS)) for ticker in query.tickers for row in bars[ticker]]
    table = pd.DataFrame(rows, columns=["date", "ticker", *FIELDS.values()])
    moments = pd.to_datetime(table["date"], utc=True).dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    table["date"] = as_dates(moments, query.interval)
    return table


class _Client(StockHistoricalDataClient):  # type: ignore[misc]
    """Alpaca's client with a time-out, more patience, errors in one line, and pages that need not come twice."""

    def __init__(self, query: Query, parts: Parts, pause_seconds: float, timeout_seconds: float):
        missing = [name for name in KEYS if not os.environ.get(name)]
        if missing:
            raise ValueError(
                f"source alpaca reads its keys from the environment, and {' and '.join(missing)} is not set there: "
                f"export {'=… '.join(missing)}=…"
            )
        self._secrets = [os.environ[name] for name in KEYS]
        super().__init__(*self._secrets, raw_data=True, url_override=os.environ.get(ADDRESS))
        self._query, self._parts, self._pause = query, parts, pause_seconds
        self._retry_wait = pause_seconds
        self._reached = "its first page"
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Impatient(timeout_seconds))

    def get(self, path: str, data: Any = None, **kwargs: Any) -> Any:
        """Return a page of bars: from the parts of this download, or from Alpaca, checked."""
        name = json.dumps(data, sort_keys=True, default=str)
        kept = self._parts.read(name)
        page = self._fetch(path, data, kwargs) if kept is None else json.loads(kept)
        if kept is None:
            self._check(page)
            self._parts.write(name, json.dumps(page).encode())
        ticker, rows = list(page["bars"].items())[-1]
        self._reached = f"the page after {ticker} on {rows[-1]['t'][:10]}"
        return page

    def _fetch(self, path: str, data: Any, options: dict[str, Any]) -> Any:
        try:
            return insist(lambda: super(_Client, self).get(path, data, **options), _is_passing, self._pause)
        except APIError as error:
            self._refuse_status(error)
        except requests.JSONDecodeError as error:
            raise ConnectionError(
                f"Alpaca's answer for {self._query} ({self._reached}) is not JSON: {self._clean(error.doc)!r}; "
                f"a proxy's page, or maintenance? Run again later"
            ) from None
        except requests.RequestException as error:
            # What urllib3 met, without the address that it puts before it.
            cause = getattr(error.args[0] if error.args else error, "reason", error)
            said = self._clean(str(cause).rpartition(": ")[2] or type(error).__name__)
            raise ConnectionError(
                f"no whole answer from Alpaca for {self._query} ({self._reached}) after {1 + RETRIES} attempts: "
                f"{said}; run again, and the pages that came are not asked for again"
            ) from None

    def _refuse_status(self, error: APIError) -> NoReturn:
        status = error.status_code
        try:
            said = str(json.loads(str(error))["message"])
        except (ValueError, KeyError, TypeError):
            said = str(error)
        raise ConnectionError(
            f"Alpaca answered with status {status} ({self._clean(said)}) for {self._query} in the feed "
            f"{self._query.feed} ({self._reached}): "
            + {
                401: f"check {' and '.join(KEYS)}",
                403: f"check {' and '.join(KEYS)}, and that your plan may read this feed (feed: iex is free)",
                422: "check the tickers and days of this market",
                429: "too many requests: run again in a minute, and the pages that came are not asked for again",
            }.get(status, "run again later, and the pages that came are not asked for again")
        ) from None

    def _clean(self, text: str) -> str:
        """Return the beginning of a text without the keys: a server may say them back."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return excerpt(text)

    def _check(self, page: Any) -> None:
        bars = page.get("bars") if isinstance(page, dict) else None
        if not isinstance(bars, dict) or not bars:
            raise ValueError(
                f"Alpaca has no bars for {self._query} in the feed {self._query.feed} ({self._reached}; "
                f"{f'bars: {json.dumps(bars)}' if isinstance(page, dict) else 'an empty answer'}): "
                f"check tickers and days; its own history begins in 2016"
            )
        if strange := sorted(set(bars) - set(self._query.tickers)):
            raise ValueError(f"Alpaca sent bars of {shorten(strange)}, and was asked for {self._query}")
        for ticker, rows in bars.items():
            if not rows:
                raise ValueError(f"Alpaca has no bars of {ticker} ({self._query}): {json.dumps(rows)} in place of them")
            for row in rows:
                broken = [name for name in ("t", *FIELDS) if not _is_value(name, (row or {}).get(name))]
                if broken:
                    day = str((row or {}).get("t"))[:10]
                    raise ValueError(
                        f"{ticker} on {day}: Alpaca sent {json.dumps(row)}, where {', '.join(broken)} is no value"
                    )


def _is_value(name: str, value: Any) -> bool:
    return isinstance(value, str) if name == "t" else isinstance(value, int | float) and math.isfinite(value)


def _is_passing(error: BaseException) -> bool:
    """Return whether to ask again; 429 and 504 were asked again by Alpaca's client."""
    if isinstance(error, APIError):
        return error.status_code in (500, 502, 503)
    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, broken)


class _Impatient(HTTPAdapter):  # type: ignore[misc]
    """An adapter that does not wait for ever where nobody says how long."""

    def __init__(self, timeout_seconds: float):
        super().__init__()
        self._timeout = timeout_seconds

    def send(self, request: Any, *args: Any, timeout: Any = None, **kwargs: Any) -> Any:
        """Send a request with a time-out."""
        return super().send(request, *args, timeout=timeout or self._timeout, **kwargs)

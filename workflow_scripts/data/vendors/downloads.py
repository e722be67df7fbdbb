"""What every vendor's download needs: the query, its days, and the parts that a resumed download finds again."""

import hashlib
import json
import shutil
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

import pandas as pd
from pydantic import Field, model_validator

from workflow_scripts.data.memberships import AVAILABLE
from workflow_scripts.data.periods import DAILY, Interval
from workflow_scripts.data.settings import Day
from workflow_scripts.data.sources.base import AnyInterval
from workflow_scripts.workflow.files import write_bytes
from workflow_scripts.workflow.model import SettingError

NEW_YORK = "America/New_York"
TIMEOUT_SECONDS = 30.0
RETRIES = 3
PAUSE_SECONDS = 3.0  # as long as Alpaca's client waits
SHOWN_TICKERS = 3
SHOWN_CHARACTERS = 120
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Query:
    """Bars to ask a vendor for.

    Attributes:
        tickers: the tickers, as the vendor spells them.
        start: first day (YYYY-MM-DD).
        end: last day (YYYY-MM-DD), included; a day that has not ended in New York has no bar yet.
        feed: the vendor's feed, where it has several.
        asked: day on which the vendor is asked: prices are adjusted for the dividends that it knows by then.
        interval: length of a bar.

    """

    tickers: tuple[str, ...]
    start: str
    end: str
    feed: str = ""
    asked: str = ""
    interval: Interval = DAILY

    def __str__(self) -> str:
        return f"{shorten(self.tickers)} from {self.start} to {self.end}"


def shorten(tickers: Iterable[str]) -> str:
    """Return the tickers, or the first few and how many there are."""
    names = list(tickers)
    more = f", … ({len(names)} tickers)" if len(names) > SHOWN_TICKERS else ""
    return ", ".join(names[:SHOWN_TICKERS]) + more


def last_finished_day() -> str:
    """Return the day before today in New York: the bars of a running day still change, and no exchange lies behind."""
    return (datetime.now(ZoneInfo(NEW_YORK)) - timedelta(days=1)).date().isoformat()


class Parts:
    """Pieces of one download by name, in a folder beside its output; each is whole or absent.

    Pieces of another query are removed on entry. So are those of another day: a vendor that has learnt of a dividend
    since then adjusts all prices before it, and pieces of two days would meet in a jump that no market made.
    """

    def __init__(self, folder: Path, query: Query):
        self._root = folder
        self._folder = folder / _digest(json.dumps(asdict(query), sort_keys=True))
        for other in folder.glob("*"):
            if other != self._folder:
                shutil.rmtree(other)

    def read(self, name: str) -> bytes | None:
        """Return a piece, or nothing where it is not there yet."""
        path = self._folder / _digest(name)
        return path.read_bytes() if path.exists() else None

    def write(self, name: str, content: bytes) -> None:
        """Keep a piece."""
        write_bytes(self._folder / _digest(name), content)


class Vendor(AnyInterval):
    """Bars of a vendor, asked for over the network."""

    downloads: ClassVar[bool] = True

    start: Day = Field(description="first day to ask for (YYYY-MM-DD)")
    end: Day | None = Field(
        default=None, description="last day to ask for (YYYY-MM-DD); null asks up to yesterday in New York"
    )

    @model_validator(mode="before")
    @classmethod
    def _require_a_question(cls, values: Any) -> Any:
        # A key that nobody reads, which may be one of these misspelt, is refused after this.
        known = isinstance(values, Mapping) and set(values) <= set(cls.model_fields)
        named = values.get("tickers") or values.get("universe", AVAILABLE) not in (None, AVAILABLE)
        if known and not (values.get("start") and named):
            raise SettingError(
                (), f"source {values.get('source')} needs start, and tickers or a universe that a file lists"
            )
        return values

    def query(self, today: str) -> Query:
        """Return what to ask for: the tickers, the volatility's and the index's, up to the last day that has ended."""
        tickers = (*(self.tickers or ()), *filter(None, [self.volatility_ticker, self.index_ticker]))
        return Query(tuple(dict.fromkeys(tickers)), self.start, min(self.end or today, today), "", today, self.interval)

    def said_of_bars(self) -> str:
        """Return what the bars are, and for what they are adjusted."""
        length = "daily bars" if self.interval == DAILY else f"bars of {self.interval}"
        return f"{length} adjusted for the splits and dividends"

    @abstractmethod
    def fetch(self, query: Query, parts: Parts) -> pd.DataFrame:
        """Return the bars that a query asks for; what came is kept in ``parts``."""

    def read(self, parts: Path | None) -> tuple[pd.DataFrame, str]:
        """Return the vendor's bars, and what they are."""
        today = last_finished_day()
        query = self.query(today)
        with TemporaryDirectory() as nowhere:
            bars = self.fetch(query, Parts(parts or Path(nowhere), query))
        feed = f", feed {query.feed}" if query.feed else ""
        return bars, (f"{type(self).__name__}{feed}: {self.said_of_bars()} known by the end of {today}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def insist(ask: Callable[[], Answer], is_passing: Callable[[BaseException], bool], pause_seconds: float) -> Answer:
    """Return what ``ask`` returns; ask again, three times and ever later, where its error looks like a passing one."""
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    attempts = Retrying(
        retry=retry_if_exception(is_passing),
        wait=wait_exponential(multiplier=pause_seconds),
        stop=stop_after_attempt(1 + RETRIES),
        reraise=True,
    )
    return attempts(ask)


def excerpt(text: str) -> str:
    """Return the beginning of what a server said, on one line."""
    line = " ".join(text.split())
    return line[:SHOWN_CHARACTERS] + ("…" if len(line) > SHOWN_CHARACTERS else "")

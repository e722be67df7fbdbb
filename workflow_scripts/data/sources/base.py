"""What every source has: the keys of a market that its bars depend on, and how they are read."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pandas as pd
from pydantic import Field, field_validator, model_validator

from workflow_scripts.data.calendars import Missing
from workflow_scripts.data.periods import DAILY, Interval
from workflow_scripts.data.settings import Day
from workflow_scripts.data.ticker_lists import LISTS
from workflow_scripts.workflow.model import SettingError, Settings
from workflow_scripts.workflow.registry import find

SOURCES = "workflow_scripts.data.sources"


@dataclass(frozen=True)
class Findings:
    """What a source came upon on its way to the bars.

    Attributes:
        details: what the lock states of it, as JSON has it.
        warnings: what a reader of results must know of it.

    """

    details: Mapping[str, Any]
    warnings: tuple[str, ...] = ()


# Bars and what they are; and where a source has more to say, what it came upon.
Reading = tuple[pd.DataFrame, str] | tuple[pd.DataFrame, str, Findings]


class Source(Settings, ABC):
    """Where a market's bars come from, and which of them to keep.

    Attributes:
        downloads: whether it asks a vendor: a refresh asks again, and an interrupted download goes on.
        automatic_volatility: what ``volatility_ticker: auto`` stands for.
        packages: packages of its own, whose versions the lock states.

    """

    downloads: ClassVar[bool] = False
    automatic_volatility: ClassVar[str | None] = None
    packages: ClassVar[tuple[str, ...]] = ()

    source: str = Field(description="name of a source, or your own as `module:Class`")
    start: Day | None = Field(default=None, description="first day to keep (YYYY-MM-DD); null keeps all")
    end: Day | None = Field(default=None, description="last day to keep (YYYY-MM-DD); null keeps all")
    tickers: Annotated[tuple[str, ...], Field(min_length=2)] | str | None = Field(
        default=None,
        description="tickers to keep, or `dow28`: the Dow Jones Industrial Average of 2020-08-31 without DOW and WBA; "
        "null keeps all, or those of `universe`",
    )
    universe: Literal["available"] | Path | None = Field(
        default=None,
        description="a .csv file of ticker, from, to (first and last day of a membership; an empty `to` is open): "
        "each fold has the tickers that are members on its last training day; `available`: each ticker is one from "
        "the end of its warm-up to its last bar",
    )
    missing: Missing = Field(
        default="error",
        description="what to do with a day that a ticker lacks and others have: refuse it (`error`), drop the ticker, "
        "or hold its last close",
    )
    periods_per_year: int | None = Field(
        default=None,
        ge=1,
        le=10**6,
        description="periods per year, by which everything is annualised; null takes them from the calendar of the "
        "rows: 252 for stocks, 260 for currencies, 365 for what never closes",
    )
    volatility_ticker: str | None = Field(
        default="auto",
        validate_default=True,
        description="ticker whose close is the market's volatility, and which is not traded; `auto` takes the "
        "source's own where it has one (VIXY at Alpaca, ^VIX at Yahoo); null takes the basket's realised volatility",
    )

    index_ticker: str | None = Field(
        default=None,
        description="ticker of the market's index, such as SPY: what it earned on the test days stands beside the "
        "baselines; it is not traded, and no agent sees it",
    )

    @field_validator("tickers", mode="before")
    @classmethod
    def _check_tickers(cls, tickers: Any) -> Any:
        if isinstance(tickers, str) and tickers not in LISTS:
            raise ValueError(f"{tickers!r} is not among the lists {', '.join(LISTS)}; your own is written [KO, PEP]")
        if isinstance(tickers, list | tuple):
            for ticker in tickers:
                if not isinstance(ticker, str) or not ticker:
                    raise ValueError(f"{ticker!r} is no ticker (put tickers of digits, and NO, ON or TRUE, in quotes)")
            if len(set(tickers)) < max(2, len(tickers)):
                raise ValueError(f"{', '.join(tickers)} are not two or more tickers, each of them once")
        return tickers

    @field_validator("volatility_ticker")
    @classmethod
    def _resolve_volatility(cls, ticker: str | None) -> str | None:
        return cls.automatic_volatility if ticker == "auto" else ticker

    @model_validator(mode="after")
    def _check_days_and_tickers(self) -> "Source":
        if self.start and self.end and self.start >= self.end:
            raise SettingError((), f"start < end does not hold for {self.start}, {self.end}: change one of them")
        if self.universe and self.missing == "drop_ticker":
            raise SettingError(
                ("missing",),
                "drop_ticker would drop each ticker of the universe that comes or goes; take error or hold",
            )
        return self

    @property
    def bar(self) -> Interval:
        """Length of a bar."""
        return DAILY

    @property
    def planted(self) -> bool:
        """Whether the bars hold a known signal, so that there is an oracle."""
        return False

    @property
    def origin(self) -> str:
        """Where the bars come from, for messages."""
        return self.source

    def settings(self) -> dict[str, Any]:
        """Return the keys and values that the bars depend on, as JSON has them; no index is no key."""
        return self.model_dump(mode="json", exclude=set() if self.index_ticker else {"index_ticker"})

    def files(self) -> list[Path]:
        """Return the user's files behind the bars, so that an edit of one is seen."""
        return [self.universe] if isinstance(self.universe, Path) else []

    def keeps(self, bars: pd.DataFrame) -> "pd.Series[bool]":
        """Return which rows are of the tickers and days asked for."""
        keep = pd.Series(True, bars.index)
        if self.tickers:
            keep &= bars["ticker"].isin({*self.tickers, self.volatility_ticker, self.index_ticker})
        if self.start:
            keep &= bars["date"] >= pd.Timestamp(self.start)
        if self.end:
            keep &= bars["date"] < pd.Timestamp(self.end) + pd.Timedelta(days=1)
        return keep

    @abstractmethod
    def read(self, parts: Path | None) -> Reading:
        """Return bars as ``arrange_bars`` takes them, of the tickers and days asked for or of more, and what they are.

        A third part, ``Findings``, may follow.

        Where it is called, ``tickers`` holds those of a named list or of the universe.

        Args:
            parts: folder where a download keeps what came until the bars stand; none keeps nothing.

        """


class AnyInterval(Source, ABC):
    """A source whose bars may be shorter than a day."""

    interval: Interval = Field(
        default=DAILY,
        description="length of a bar: a day, an hour, or 15, 5 or 1 minutes; folds stay in days, features count bars",
    )

    @property
    def bar(self) -> Interval:
        """Length of a bar."""
        return self.interval


def source_of(values: Mapping[str, Any]) -> Source:
    """Return the source that a market's keys spell.

    Raises:
        SettingError: there is no such source, or it does not read such a key or value.

    """
    name = values.get("source")
    if not isinstance(name, str):
        raise SettingError(("source",), "is required" if name is None else f"{name!r} is not the name of a source")
    try:
        kind = find(SOURCES, name, Source)
    except ValueError as error:
        raise SettingError(("source",), str(error)) from None
    source: Source = kind.of(values)
    return source

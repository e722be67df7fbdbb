"""A market's bars as its settings ask for them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from tyro.constructors import PrimitiveConstructorSpec

from workflow_scripts.data.bars import INDEX, VOLATILITY, arrange_bars, when
from workflow_scripts.data.calendars import fill_missing
from workflow_scripts.data.memberships import AVAILABLE, available, mark_members, read_universe, within_bars
from workflow_scripts.data.periods import PERIODS_PER_YEAR
from workflow_scripts.data.sources.base import Findings, Source, source_of
from workflow_scripts.data.ticker_lists import LISTS, survivorship
from workflow_scripts.data.years import check_interval, periods_by_calendar

LONGEST_HOLIDAYS = pd.Timedelta(days=14)  # as the Golden Week of an exchange
# A source on a command line: its settings as one JSON object.
SourceFlag = Annotated[
    Source,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="JSON",
        instance_from_str=lambda words: source_of(json.loads(words[0])),
        is_instance=lambda value: isinstance(value, Source),
        str_from_instance=lambda source: [json.dumps(source.settings(), ensure_ascii=False)],
    ),
]


@dataclass(frozen=True)
class Loaded:
    """A market's bars, not yet checked, a note on what they are, and what a reader of results must know of them.

    Attributes:
        bars: the bars.
        note: what they are.
        warnings: what a reader of results must know of them.
        member_since: the day since when each ticker of a named list is a member of its index.
        details: what the source states of them beside the note.
        calendar: their calendar in words; how many periods it gives a year stands in the attributes of the bars.

    """

    bars: pd.DataFrame
    note: str
    warnings: tuple[str, ...] = ()
    member_since: dict[str, str] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    calendar: str = ""


def load_market(source: Source, parts: Path | None = None) -> Loaded:
    """Return a market's bars as its settings ask for them: tickers, days, universe, volatility, days that lack.

    Args:
        source: where the bars come from, and which to keep.
        parts: folder where a vendor's download keeps what came until the bars stand; none keeps nothing.

    Raises:
        FileNotFoundError: a path leads nowhere.
        ConnectionError: a vendor gave no answer, or refused.
        ValueError: what came is not bars, or nothing is left of the chosen tickers and days.

    """
    name = source.tickers if isinstance(source.tickers, str) else None
    universe = members_between(source, source.universe) if isinstance(source.universe, Path) else None
    if name is not None:
        source = source.model_copy(update={"tickers": tuple(LISTS[name])})
    elif universe is not None and source.tickers is None:
        source = source.model_copy(update={"tickers": tuple(universe["ticker"].unique())})
    table, note, *more = source.read(parts)
    found = more[0] if more else Findings({})
    bars = _select(arrange_bars(table, source.origin, source.bar), source)
    check_interval(pd.DatetimeIndex(bars["date"]), source.bar)
    beside = {
        "volatility_ticker": (source.volatility_ticker, VOLATILITY, "the basket's realised volatility"),
        "index_ticker": (source.index_ticker, INDEX, "no index"),
    }
    beside_bars: list[str] = []
    for key, (ticker, prefix, instead) in beside.items():
        if ticker:
            bars, held = _as_column(bars, ticker, prefix, key, f"{key}: null for {instead}", source.missing == "hold")
            beside_bars += held
    first = bars["date"].min()
    warnings = [survivorship(name, first)] if name else []
    if source.start and first - pd.Timestamp(source.start) > LONGEST_HOLIDAYS:
        warnings.append(f"the bars begin on {first:%Y-%m-%d}, and start is {source.start}: the source has none before")
    bars, notices = fill_missing(bars, source.missing, come_and_go=source.universe is not None)
    if source.universe == AVAILABLE:
        bars = mark_members(bars, available(bars), "take missing: hold")
    elif universe is not None:
        universe = universe[universe["ticker"].isin(bars["ticker"])]
        if source.missing == "hold":
            universe, longer = within_bars(universe, bars)
            notices += longer
        bars = mark_members(bars, universe)
    counted, calendar = periods_by_calendar(pd.DatetimeIndex(bars["date"]))
    bars.attrs[PERIODS_PER_YEAR] = source.periods_per_year or counted
    said = (*found.warnings, *warnings, *beside_bars, *notices)
    return Loaded(bars, note, said, LISTS[name] if name else None, found.details, calendar)


def members_between(source: Source, path: Path) -> pd.DataFrame:
    """Return the memberships of a universe that reach into a market's days.

    Raises:
        ValueError: see ``read_universe``, or there is none.

    """
    universe = read_universe(path)
    after = universe["to"] >= pd.Timestamp(source.start or pd.Timestamp.min)
    members = universe[after & (universe["from"] <= pd.Timestamp(source.end or pd.Timestamp.max))]
    if members.empty:
        days = f"from {source.start or 'its first day'} to {source.end or 'its last'}"
        raise ValueError(f"the universe {path} has no member on the market's days, {days}: it has {len(universe)} rows")
    return members


def _as_column(
    bars: pd.DataFrame, ticker: str, prefix: str, key: str, instead: str, hold: bool
) -> tuple[pd.DataFrame, list[str]]:
    """Return bars in which a ticker's close is a column of all others, such as the market's volatility, and no row.

    Beside shorter bars a day's close is known from the next day on. The second part says where a last close stands.

    Raises:
        ValueError: the ticker lacks a day that the others have, and its last close is not to be held.

    """
    others = bars[bars["ticker"] != ticker].reset_index(drop=True)
    own = bars[bars["ticker"] == ticker].drop_duplicates("date").set_index("date")["close"].dropna()
    days = pd.DatetimeIndex(np.sort(others["date"].unique()))
    beside_shorter = not _is_daily(days) and _is_daily(pd.DatetimeIndex(own.index))
    if beside_shorter:
        own.index += pd.Timedelta(days=1)
    by_day = own.reindex(days, method="ffill" if hold else None)
    if len(lacking := days[by_day.isna()]):
        raise ValueError(
            f"{ticker}, the {key}, has no row on {when(lacking[0])} and {len(lacking) - 1} more days "
            f"that the market has; its own "
            f"{f'run from {own.index[0]:%Y-%m-%d} to {own.index[-1]:%Y-%m-%d}' if len(own) else 'are none'}: start the "
            f"market later, take missing: hold, or set {instead}"
        )
    repeated, said = days.difference(pd.DatetimeIndex(own.index)), []
    if beside_shorter:
        said = [f"{ticker}, the {key}, has one bar a day: the market's bars have its close of the day before"]
    elif len(repeated):
        said = [
            f"{ticker}, the {key}, repeats its last close on {len(repeated)} of {len(days)} days, from "
            f"{when(repeated[0])} to {when(repeated[-1])}"
        ]
    return others.assign(**{f"{prefix}{ticker}": others["date"].map(by_day)}), said


def _is_daily(days: pd.DatetimeIndex) -> bool:
    return bool((days == days.normalize()).all())


def _select(bars: pd.DataFrame, source: Source) -> pd.DataFrame:
    known = set(bars["ticker"].unique())
    wanted = {*(source.tickers or known), *filter(None, [source.volatility_ticker, source.index_ticker])}
    unknown = sorted(wanted - known)
    if unknown:
        raise ValueError(
            f"there is no ticker {', '.join(unknown)}, which tickers, volatility_ticker or index_ticker of config.yaml "
            f"names: add its bars, or name one of {', '.join(sorted(known))}"
        )
    keep = source.keeps(bars)
    if not keep.any():
        first, last = bars["date"].min(), bars["date"].max()
        raise ValueError(
            f"no bars between {source.start} and {source.end}: the bars run from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
    return bars[keep].reset_index(drop=True)

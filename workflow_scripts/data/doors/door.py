"""The door by which users' files come in: what they mean is understood for sure, or asked."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import arrange_bars, as_dates, when
from workflow_scripts.data.doors.files import Part, open_parts, sort_out
from workflow_scripts.data.doors.repairs import mend_ticks
from workflow_scripts.data.doors.shapes import Rows, is_of_prices, read_rows
from workflow_scripts.data.doors.tables import NoTableError, Table, read_table
from workflow_scripts.data.doors.wishes import Decimal, Repair, Wishes
from workflow_scripts.data.periods import DAILY, Interval

SHOWN = 5


@dataclass(frozen=True)
class Door:
    """A user's files, as bars and in words.

    Attributes:
        bars: date, ticker, open, high, low, close, volume, then the named features; sorted by date and ticker.
        understood: what the files were understood to be, the one line of the log.
        features: columns taken as features.
        left: columns that nothing reads.
        unread: what stands beside the files and was not read.
        repaired: rows repaired per ticker.
        warnings: what a reader of results must know.

    """

    bars: pd.DataFrame = field(repr=False)
    understood: str
    features: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    repaired: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_door(
    path: Path,
    *,
    date_format: str | None = None,
    timezone: str | None = None,
    adjusted: bool = False,
    features_from: tuple[str, ...] = (),
    repair: Repair = "none",
    decimal: Decimal | None = None,
    wanted: Callable[[pd.DataFrame], "pd.Series[bool]"] | None = None,
    interval: Interval = DAILY,
) -> Door:
    """Read a user's prices: a file or a folder, in any of the formats of docs/markets.md.

    Args:
        path: a table, packed or not, an archive of tables, or a folder of them.
        date_format: the format of all dates; none understands ISO 8601, YYYYMMDD and Unix time alone.
        timezone: the exchange's zone, in which time stamps with a zone have their day.
        adjusted: whether the prices are adjusted already, so that an adjusted close is not applied.
        features_from: further columns to take as features.
        repair: what to do with prices that are out of order or not above zero.
        decimal: the decimal sign; none finds the one that all numbers of a file fit.
        wanted: says of rows, by ticker and date, which are asked for: ticks of the others are not checked, since the
            market leaves these out.
        interval: length of a bar.

    Raises:
        FileNotFoundError: the path leads nowhere.
        ValueError: what a file means is not sure, or a row is wrong; names file, row, value and the key that mends it.

    """
    wishes = Wishes(date_format, timezone, adjusted, tuple(features_from), decimal, interval)
    files, unread = sort_out(path)
    tables: list[Table] = []
    read: list[Rows] = []
    warnings: list[str] = []
    for file in files:
        for part in open_parts(file, unread):
            table = _table_of_prices(part, alone=len(files) == 1 and part.name == file.name)
            if table is None:
                unread.append(part.name)
                continue
            read.append(read_rows(table, wishes))
            tables.append(table)
    if not read:
        raise ValueError(
            f"{path} has no table with a date or a price, and {', '.join(unread[:SHOWN])}: name columns so"
        )
    if unread:
        more = f" and {len(unread) - SHOWN} more" if len(unread) > SHOWN else ""
        warnings.append(f"not read: {', '.join(unread[:SHOWN])}{more}")
    warnings += [warning for rows in read for warning in rows.warnings]
    if 0 < (raw := sum(not rows.adjusted for rows in read)) < len(read):
        one = next(table.name for table, rows in zip(tables, read, strict=True) if not rows.adjusted)
        warnings.append(
            f"{raw} of {len(read)} tables have no adjusted close, such as {one}: their prices stay as they are"
        )
    whole = pd.concat([rows.frame.assign(table=number) for number, rows in enumerate(read)], ignore_index=True)
    if not len(whole):
        raise ValueError(f"{path.name} has no row with a price")

    def where(position: int) -> str:
        return tables[int(frame["table"].iloc[position])].at(int(frame["position"].iloc[position]))

    frame = whole.assign(date=as_dates(whole["moment"], interval))
    frame = frame.sort_values(["date", "ticker"], ignore_index=True, kind="stable")
    asked = pd.Series(True, frame.index) if wanted is None else wanted(frame)
    aside, frame = frame[~asked], frame[asked].reset_index(drop=True)
    _refuse_several_clocks(frame, where)
    _refuse_repeated(frame, where)
    frame, repaired = mend_ticks(frame, repair, where)
    if repaired:
        what = {"clip": "clipped", "drop": "dropped"}[repair]
        warnings.append(f"{sum(repaired.values())} rows {what}: {_few(repaired)}")
    if asked.any() and not len(frame):
        raise ValueError(f"{path.name}: repair: drop leaves no row")
    bars = arrange_bars(
        pd.concat([frame, aside]).drop(columns=["moment", "offset", "position", "table"]), path.name, interval
    )
    features = tuple(bars.columns[7:])
    left = tuple(dict.fromkeys(name for rows in read for name in rows.left))
    return Door(bars, _say(read, bars, features, left), features, left, tuple(unread), repaired, tuple(warnings))


def _table_of_prices(part: Part, alone: bool) -> Table | None:
    """Return a part's table; none where it stands beside others and is a text or a list of something else."""
    try:
        table = read_table(part)
    except NoTableError:
        if alone or part.ending != ".txt":
            raise
        return None
    return table if alone or is_of_prices(table) else None


def _refuse_several_clocks(frame: pd.DataFrame, where: Callable[[int], str]) -> None:
    """Refuse stamps of several exchanges, whose bars of one hour would be hours apart.

    On the days on which a zone sets its clocks, twice a year, it has two offsets by itself.
    """
    if frame["offset"].isna().all():  # the day is all that counts, or no zone or timezone says it
        return
    days = frame["moment"].dt.normalize()
    several = frame["offset"].groupby(days).transform("nunique") > 1
    if days[several].nunique() <= 1 + days.nunique() // 100:
        return
    of_day = np.flatnonzero(days == days[several].iloc[0])
    first = of_day[0]
    second = next(place for place in of_day if frame["offset"].iloc[place] != frame["offset"].iloc[first])
    said = [
        f"{frame['ticker'].iloc[place]} is {frame['offset'].iloc[place] / 60:+g} h from UTC"
        for place in (first, second)
    ]
    raise ValueError(
        f"{where(int(second))}: on {when(days.iloc[first])} the clock of {' and that of '.join(said)}: bars at one "
        f"time of two clocks are hours apart: name one for all, such as timezone: UTC"
    )


def _refuse_repeated(frame: pd.DataFrame, where: Callable[[int], str]) -> None:
    repeated = frame.duplicated(["date", "ticker"], keep=False)
    if not repeated.any():
        return
    first, second = np.flatnonzero(repeated)[:2]
    one, other = frame.iloc[first], frame.iloc[second]
    said = f"{one['ticker']} on {when(one['date'])}"
    if one["moment"] != other["moment"]:
        raise ValueError(
            f"{where(second)}: {said} has several bars, at {one['moment']:%H:%M} and {other['moment']:%H:%M}: these "
            f"are bars of less than a day: name their length, such as interval: 1h or interval: 15m"
        )
    if one["table"] != other["table"]:
        cure = "leave one of the files out"
    elif one["date"] != one["date"].normalize():
        cure = "leave one out; where clocks are set back an hour comes twice, but not with timezone: UTC"
    else:
        cure = "leave one out; a column of tickers has to be called ticker, and a day and its time stand in one column"
    more = int(frame.duplicated(["date", "ticker"]).sum())
    raise ValueError(f"{where(second)}: {said} stands in {where(first)} as well ({more} such rows): {cure}")


def _few(counts: dict[str, int]) -> str:
    most = sorted(counts.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{ticker} {count}" for ticker, count in most[:SHOWN]) + (", …" if len(most) > SHOWN else "")


def _say(read: list[Rows], bars: pd.DataFrame, features: tuple[str, ...], left: tuple[str, ...]) -> str:
    kinds = " and ".join(kind for kind, _ in Counter(rows.kind for rows in read).most_common())
    applied = sum(rows.adjusted for rows in read)
    part = "" if applied == len(read) else f" in {applied} of {len(read)} tables"
    notes = [f"Adj Close applied{part}"] if applied else []
    notes += dict.fromkeys(note for rows in read for note in rows.notes)
    if features:
        notes.append(f"features {', '.join(features)}")
    tickers = bars["ticker"].nunique()
    notes.append(f"{tickers} ticker{'s' if tickers > 1 else ''}")
    days = f"{bars['date'].min():%Y-%m-%d} to {bars['date'].max():%Y-%m-%d}"
    return f"read {kinds}: {', '.join(notes)}, {days}" + (f"; columns left: {', '.join(left)}" if left else "")

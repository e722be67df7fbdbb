"""Days of a file's rows: one format for the whole file, and the exchange's day where time stamps have a zone."""

import re
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from workflow_scripts.data.doors.tables import Table
from workflow_scripts.data.periods import DAILY, Interval
from workflow_scripts.workflow.files import first_line

ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?\s*(?P<zone>Z|UTC|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)
COMPACT = re.compile(r"(?:19|20)\d{6}(?:\.0)?", re.ASCII)
UNIX = re.compile(r"\d{9,19}(?:\.\d+)?", re.ASCII)
UNIX_UNITS = {10: "s", 13: "ms", 16: "us", 19: "ns"}
DAY_FORMATS = (
    "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%Y-%m-%d", "%Y-%d-%m",
    "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y",
    "%b %d, %Y", "%B %d, %Y", "%d%b%Y", "%a, %d %b %Y",
)  # fmt: skip
FORMATS = [day + clock for day in DAY_FORMATS for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")]
# Where daily bars come from: what a stamp of their zones could mean.
EXCHANGES = (
    "America/Chicago", "America/New_York", "America/Sao_Paulo", "Europe/London", "Europe/Berlin", "Asia/Kolkata",
    "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney",
)  # fmt: skip
SATURDAY = 5
YEARS = (1800, 2200)
KEY = 'set date_format, such as date_format: "%d/%m/%Y"'


class Moments(NamedTuple):
    """The moments of a table's rows.

    Attributes:
        wall: on the exchange's clock.
        how: how they were read.
        offset: minutes by which that clock is ahead of UTC; none where a bar's day is all that counts, or no zone or
            the key ``timezone`` says it.

    """

    wall: pd.DatetimeIndex
    how: str
    offset: NDArray[np.float64] | None = None


def read_moments(
    table: Table, place: int, date_format: str | None, timezone: str | None, interval: Interval = DAILY
) -> Moments:
    """Return the moment of each row on the exchange's clock, whose day is the row's.

    Args:
        table: the table.
        place: its column of dates.
        date_format: the format of all dates; none understands ISO 8601, YYYYMMDD and Unix time.
        timezone: the exchange's zone, in which a stamp with a zone has its day.
        interval: length of a bar; one shorter than a day needs the clock of a stamp, not its day alone.

    Raises:
        ValueError: a date is not in the format, or its format or zone has to be named; names file, row, value and key.

    """
    column = table.columns[place]
    empty = pc.equal(column, "") if pa.types.is_string(column.type) else column.is_null()
    if pc.any(pc.fill_null(empty, True)).as_py():
        position = int(pc.index(pc.fill_null(empty, True), True).as_py())
        raise ValueError(f"{table.at(position)}: {table.names[place]} is empty: mend the row, or leave it out")
    zone = _zone(timezone)
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        moments = pd.DatetimeIndex(column.to_pandas())
        wall = moments.tz_localize(None)
        utc = None if moments.tz is None else moments.tz_convert("UTC").tz_localize(None)
        _refuse_to_come(table, wall if utc is None else utc, np.arange(len(wall)), date_format)
        return _settled(table, place, np.arange(len(wall)), wall, utc, zone, interval)
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        column = column.cast(pa.int64(), safe=False).cast(pa.string())
    if not pa.types.is_string(column.type):
        raise ValueError(f"{table.at(0)}: {table.names[place]} is {column[0].as_py()!r}, which is no date: {KEY}")
    coded = column.dictionary_encode()
    codes = coded.indices.to_numpy()
    texts = [str(text) for text in coded.dictionary.to_pylist()]
    first = np.full(len(texts), len(codes))
    np.minimum.at(first, codes, np.arange(len(codes)))
    wall, instants, how = _read_texts(table, place, texts, first, date_format)
    strange = np.flatnonzero((wall.year < YEARS[0]) | (wall.year > YEARS[1]))
    if len(strange):
        one = int(strange[np.argmin(first[strange])])
        raise ValueError(
            f"{table.at(int(first[one]))}: the date {texts[one]!r} is of the year {wall[one].year}, which no bar is "
            f"of: mend the row, or {KEY}"
        )
    _refuse_to_come(table, wall if instants is None else instants, first, date_format)
    distinct = _settled(table, place, first, wall, instants, zone, interval)
    offset = None if distinct.offset is None else distinct.offset[codes]
    return Moments(distinct.wall[codes], ", ".join(filter(None, [how, distinct.how])), offset)


def _settled(
    table: Table,
    place: int,
    first: Any,
    wall: pd.DatetimeIndex,
    instants: pd.DatetimeIndex | None,
    zone: ZoneInfo | None,
    interval: Interval,
) -> Moments:
    """Return stamps on the exchange's clock; those without a zone are on it already.

    Raises:
        ValueError: a day or a clock depends on a zone that nobody names, or ``timezone`` says nothing of the stamps.

    """
    if instants is None:
        _refuse_idle_zone(table, place, wall, zone)
        return Moments(wall, "")
    _require_clock(table, place, wall, instants, zone, interval)
    there, how = _on_exchange(table, place, first, wall, instants, zone, interval)
    if zone is not None or interval == DAILY:
        return Moments(there, how)
    return Moments(there, how, np.asarray((wall - instants) / pd.Timedelta(minutes=1), dtype=np.float64))


def _refuse_idle_zone(table: Table, place: int, wall: pd.DatetimeIndex, zone: ZoneInfo | None) -> None:
    """Refuse times of a day without a zone beside ``timezone``, which would be taken for one of theirs or for none."""
    if zone is not None and len(timed := np.flatnonzero(wall != wall.normalize())):
        one = wall[timed[0]]
        raise ValueError(
            f"{table.name}: {table.names[place]} has times without a zone, such as {one:%Y-%m-%d %H:%M}, so that "
            f"timezone: {zone.key} cannot say whose they are: write {one:%Y-%m-%d %H:%M}Z where it is UTC, or leave "
            f"timezone out where it is the exchange's clock"
        )


def _refuse_to_come(table: Table, moments: pd.DatetimeIndex, first: Any, date_format: str | None) -> None:
    """Refuse moments later than a day from now."""
    now = pd.Timestamp.now("UTC").tz_localize(None)
    to_come = np.flatnonzero(moments > now + pd.Timedelta(days=1))
    if len(to_come):
        one = int(to_come[np.argmin(first[to_come])])
        two_digits = f"; {date_format} has years of two digits" if date_format and "%y" in date_format else ""
        raise ValueError(
            f"{table.at(int(first[one]))}: {moments[one]:%Y-%m-%d} is to come, today is {now:%Y-%m-%d}: mend the row"
            f"{two_digits}"
        )


def _zone(timezone: str | None) -> ZoneInfo | None:
    try:
        return None if timezone is None else ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"timezone {timezone!r} is not known: name one such as Asia/Tokyo or America/New_York"
        ) from error


def _read_texts(
    table: Table, place: int, texts: list[str], first: Any, date_format: str | None
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex | None, str]:
    """Return what distinct dates say, the instants in UTC where they have a zone, and how they were read."""
    if date_format is not None:
        return _by_format(table, place, texts, first, date_format)
    for pattern, read in ((ISO, _read_iso), (COMPACT, _read_compact), (UNIX, _read_unix)):
        misfits = [text for text in texts if not pattern.fullmatch(text)]
        if not misfits:
            return read(table, place, texts, first)
        if len(misfits) <= len(texts) // 2 and len(texts) > 2:
            position = int(first[texts.index(misfits[0])])
            raise ValueError(
                f"{table.at(position)}: the date {misfits[0]!r} is written otherwise than {len(texts) - len(misfits)} "
                f"others of the file, such as {next(text for text in texts if text not in misfits)!r}: a file has one "
                f"format; mend the row"
            )
    raise ValueError(_ask_for_format(table, place, texts, first))


def _read_iso(
    table: Table, place: int, texts: list[str], first: Any
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex | None, str]:
    zones = [_group(text) for text in texts]
    naive = [text for text, zone in zip(texts, zones, strict=True) if not zone]
    if naive and len(naive) < len(texts):
        position = int(first[texts.index(naive[0])])
        raise ValueError(
            f"{table.at(position)}: the date {naive[0]!r} has no zone, and others of the file have one: write all alike"
        )
    bare = [text[: len(text) - len(zone)].strip() if zone else text for text, zone in zip(texts, zones, strict=True)]
    wall = _parse(table, texts, bare, first, "ISO8601")
    if naive:
        return wall, None, ""
    offsets = pd.to_timedelta([_offset_minutes(zone) for zone in zones], unit="min")
    return wall, pd.DatetimeIndex(wall - offsets), ""


def _group(text: str) -> str:
    match = ISO.fullmatch(text)
    return (match["zone"] or "") if match else ""


def _offset_minutes(zone: str) -> int:
    if zone in ("Z", "UTC"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    return (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if zone[0] == "-" else 1)


def _read_compact(
    table: Table, place: int, texts: list[str], first: Any
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex | None, str]:
    return _parse(table, texts, [text[:8] for text in texts], first, "%Y%m%d"), None, "dates YYYYMMDD"


def _read_unix(
    table: Table, place: int, texts: list[str], first: Any
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex | None, str]:
    lengths = {len(text.split(".")[0]) for text in texts}
    units = {UNIX_UNITS[length + (length in (9, 12, 15, 18))] for length in lengths if length not in (11, 14, 17)}
    if len(units) != 1 or lengths & {11, 14, 17}:
        position = int(first[0])
        raise ValueError(
            f"{table.at(position)}: the date {texts[0]!r} could be Unix time of no one unit "
            f"({', '.join(map(str, sorted(lengths)))} digits): write dates as 2024-01-31"
        )
    unit = units.pop()
    whole = [int(text.split(".")[0]) for text in texts]
    instants = pd.DatetimeIndex(np.array(whole, dtype=np.int64).astype(f"datetime64[{unit}]"))
    return instants, instants, f"Unix time in {unit}"


def _by_format(
    table: Table, place: int, texts: list[str], first: Any, date_format: str
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex | None, str]:
    said = f"dates {date_format}"
    try:
        if "%z" not in date_format:
            return _parse(table, texts, texts, first, date_format, asked=True), None, said
        stamps = [pd.to_datetime(text, format=date_format) for text in texts]
    except ValueError as error:
        if str(error).startswith(table.name):
            raise
        raise ValueError(f'{table.name}: date_format: "{date_format}" cannot be used: {first_line(error)}') from error
    wall = pd.DatetimeIndex([stamp.tz_localize(None) for stamp in stamps])
    return wall, pd.DatetimeIndex([stamp.tz_convert("UTC").tz_localize(None) for stamp in stamps]), said


def _parse(
    table: Table, texts: list[str], bare: list[str], first: Any, date_format: str, asked: bool = False
) -> pd.DatetimeIndex:
    """Return distinct dates by one format.

    Raises:
        ValueError: one is not in it, or is no day; names file, row, value and key.

    """
    parsed = pd.DatetimeIndex(pd.to_datetime(pd.Series(bare, dtype="str"), format=date_format, errors="coerce"))
    bad = np.flatnonzero(parsed.isna())
    if not len(bad):
        return parsed
    earliest = int(bad[np.argmin(first[bad])])
    at, text = table.at(int(first[earliest])), texts[earliest]
    fitting = _fitting(texts)
    other = f"; {_either(fitting)} fits all {len(texts)} dates" if fitting else ""
    if asked:
        raise ValueError(
            f'{at}: the date {text!r} is not in date_format: "{date_format}"{other}: mend the key or the row'
        )
    raise ValueError(f"{at}: the date {text!r} is no day{other}: mend the row, or {KEY}")


def _fitting(texts: list[str]) -> list[str]:
    series = pd.Series(texts, dtype="str")
    few = series.iloc[: min(len(series), 50)]  # most formats fail at once
    return [
        one
        for one in FORMATS
        if pd.to_datetime(few, format=one, errors="coerce").notna().all()
        and pd.to_datetime(series, format=one, errors="coerce").notna().all()
    ]


def _either(formats: list[str]) -> str:
    return " or ".join(f'date_format: "{one}"' for one in formats)


def _ask_for_format(table: Table, place: int, texts: list[str], first: Any) -> str:
    earliest = int(np.argmin(first))
    said = f"{table.at(int(first[earliest]))}: the date {texts[earliest]!r} is not ISO 8601 (2024-01-31)"
    fitting = _fitting(texts)
    if len(fitting) == 1:
        return f"{said}: set {_either(fitting)}, the one format that fits all {len(texts)} dates"
    if fitting:
        sorts = sorted(texts)[:1] + texts[-1:]
        readings = "; ".join(
            f"by {one} {sorts[-1]} is {pd.to_datetime(sorts[-1], format=one):%Y-%m-%d}" for one in fitting
        )
        return f"{said}, and {len(fitting)} formats fit all {len(texts)} dates ({readings}): set {_either(fitting)}"
    series = pd.Series(texts, dtype="str")
    counts = {one: int(pd.to_datetime(series, format=one, errors="coerce").notna().sum()) for one in FORMATS}
    best = max(counts, key=lambda one: counts[one])
    if not counts[best]:
        return f"{said}, and no format known here fits it: {KEY}"
    misfits = pd.to_datetime(series, format=best, errors="coerce").isna().to_numpy()
    position = int(first[misfits].min())
    odd = texts[int(np.flatnonzero(first == position)[0])]
    return (
        f"{said}, and no one format fits all {len(texts)} dates: {best} fits {counts[best]}, but not {odd!r} of row "
        f"{table.row(position)}: mend the rows and {KEY}"
    )


def _require_clock(
    table: Table,
    place: int,
    wall: pd.DatetimeIndex,
    instants: pd.DatetimeIndex,
    zone: ZoneInfo | None,
    interval: Interval,
) -> None:
    """Refuse bars shorter than a day whose stamps are written in UTC, where nobody names the exchange's clock."""
    if interval != DAILY and zone is None and bool((wall == instants).all()):
        raise ValueError(
            f"{table.at(0)}: {table.names[place]} is in UTC ({wall[0]:%Y-%m-%d %H:%M}), and bars of {interval} need "
            f"the exchange's clock: set timezone: America/New_York, or the exchange's own, or timezone: UTC where the "
            f"market never closes"
        )


def _on_exchange(
    table: Table,
    place: int,
    first: Any,
    wall: pd.DatetimeIndex,
    instants: pd.DatetimeIndex,
    zone: ZoneInfo | None,
    interval: Interval,
) -> tuple[pd.DatetimeIndex, str]:
    """Return stamps on the exchange's clock.

    Without ``timezone`` the day as written stands where nothing could move it: all stamps are midnights, of the zone
    that they are written in or of an exchange whose day it is; or each has the written day in UTC and, where it is
    written in UTC, at each of ``EXCHANGES``.

    Raises:
        ValueError: the day depends on the zone.

    """
    if zone is not None:
        there = _to_zone(instants, zone)
        weekend = np.flatnonzero((there.dayofweek >= SATURDAY) & (wall.dayofweek < SATURDAY))
        if len(weekend) and not (wall.dayofweek >= SATURDAY).any():
            one = int(weekend[np.argmin(first[weekend])])
            raise ValueError(
                f"{table.at(int(first[one]))}: the stamp {str(wall[one])!r} is of {wall[one]:%A} as written and of "
                f"{there[one]:%A} in timezone: {zone.key}, and all days as written are Monday to Friday: "
                "leave timezone out"
            )
        return there, f"days of {zone.key}"
    if interval != DAILY or (wall == wall.normalize()).all():
        return wall, ""
    days = wall.normalize()
    in_utc = bool((wall == instants).all())
    clocks = {name: _to_zone(instants, ZoneInfo(name)) for name in EXCHANGES}
    midnights = [name for name, clock in clocks.items() if (clock == clock.normalize()).all()]
    if midnights and all((clocks[name].normalize() == days).all() for name in midnights):
        return wall, f"days of {midnights[-1]}"
    if in_utc:
        moved = {name: np.flatnonzero(clock.normalize() != days) for name, clock in clocks.items()}
        moved = {name: places for name, places in moved.items() if len(places)}
        if not moved:
            return wall, "days in UTC"
        other, places = next(((name, moved[name]) for name in midnights if name in moved), next(iter(moved.items())))
        there = clocks[other]
    else:
        other, there = "UTC", instants
        places = np.flatnonzero(there.normalize() != days)
        if not len(places):
            return wall, ""
    one = int(places[np.argmin(first[places])])
    key = midnights[0] if midnights else "America/New_York"
    raise ValueError(
        f"{table.at(int(first[one]))}: the stamp {str(wall[one])!r} in {'UTC' if in_utc else 'its own zone'} is of "
        f"{days[one]:%Y-%m-%d} as written and of {there[one]:%Y-%m-%d} in {other}: name the exchange's zone, such as "
        f"timezone: {key}" + (" (in which every stamp is a midnight)" if midnights else "")
    )


def _to_zone(instants: pd.DatetimeIndex, zone: ZoneInfo) -> pd.DatetimeIndex:
    return instants.tz_localize("UTC").tz_convert(zone).tz_localize(None)

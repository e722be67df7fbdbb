"""Moments whose day and time stand in two columns, as in ``<DATE>,<TIME>``."""

import re
from dataclasses import replace

import pyarrow as pa

from workflow_scripts.data.doors.names import DATE_NAMES, plain
from workflow_scripts.data.doors.tables import Table

CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?|\d{3,6}", re.ASCII)
COMPACT_DAY = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})", re.ASCII)


def join_clock(table: Table) -> Table:
    """Return a table whose column of days has the times of a column ``time`` too, where it has both as texts."""
    names = [plain(name) for name in table.names]
    day = next((place for place, name in enumerate(names) if name in DATE_NAMES), None)
    if day is None or "time" not in names or table.tickers is not None:
        return table
    time = names.index("time")
    if not all(pa.types.is_string(table.columns[place].type) for place in (day, time)):
        return table
    days, times = (table.columns[place].to_pylist() for place in (day, time))
    if not all(text and CLOCK.fullmatch(text) for text in times):
        return table
    spelled = [COMPACT_DAY.sub(r"\1-\2-\3", text or "") for text in days]
    joined = [f"{text} {_with_colons(clock)}" for text, clock in zip(spelled, times, strict=True)]
    kept = [place for place in range(len(names)) if place != time]
    columns = [pa.array(joined) if place == day else table.columns[place] for place in kept]
    return replace(table, names=[table.names[place] for place in kept], columns=columns)


def _with_colons(clock: str) -> str:
    """Return a time such as 153000 or 930 as 15:30:00 or 09:30."""
    if ":" in clock:
        return clock.zfill(5) if clock.count(":") == 1 else clock.zfill(8)
    digits = clock.zfill(6 if len(clock) > 4 else 4)
    return ":".join(digits[place : place + 2] for place in range(0, len(digits), 2))

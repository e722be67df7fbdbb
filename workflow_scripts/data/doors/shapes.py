"""What a table means: long, wide, or closes alone; each becomes rows of date, ticker, prices, volume."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from workflow_scripts.data.bars import COLUMNS, INDICATORS, PRICES, VOLATILITY
from workflow_scripts.data.doors.clocks import join_clock
from workflow_scripts.data.doors.dates import read_moments
from workflow_scripts.data.doors.names import (
    DATE_NAMES,
    LETTERS,
    NO_TICKERS,
    OPEN_HIGH_LOW,
    TICKER_NAMES,
    TIME_NAMES,
    WEAK_CLOSES,
    field_of,
    hidden_field,
    is_date,
    is_field,
    is_unnamed,
    plain,
    split_flat_names,
)
from workflow_scripts.data.doors.numbers import read_numbers
from workflow_scripts.data.doors.tables import Table
from workflow_scripts.data.doors.wishes import Wishes
from workflow_scripts.data.periods import DAILY

CLOSES = "a table of closes (open = high = low = close)"
STOOQ = "Stooq's format"
NUMBERS = (*PRICES, "adjusted", "divisor", "volume")


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what.

    Attributes:
        kind: what the format is called.
        date: the place of the dates.
        ticker: the place of the tickers; none where the file or the columns have them.
        fields: the places of prices and volume by field, a set per ticker ("" where a row has its ticker).
        features: the places of features by their names.
        left: names of columns that nothing reads.

    """

    kind: str
    date: int
    ticker: int | None
    fields: dict[str, dict[str, int]]
    features: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rows:
    """A table's rows of bars.

    Attributes:
        frame: moment, ``offset`` (see ``Moments``), ticker, the prices, volume, features, and ``position``, each
            row's in the table.
        kind: what the format is called.
        notes: how dates, numbers and prices were understood.
        left: names of columns that nothing reads.
        warnings: what a reader of results must know.
        adjusted: whether an adjusted close was applied.

    """

    frame: pd.DataFrame
    kind: str
    notes: list[str]
    left: list[str]
    warnings: list[str]
    adjusted: bool


def is_of_prices(table: Table) -> bool:
    """Return whether a table has a column of dates or prices; a list of tickers has none."""
    return table.tickers is not None or any(
        is_date(name) or field_of(name) in PRICES or (is_unnamed(name) and not _counts_up(column))
        for name, column in zip(table.names, table.columns, strict=True)
    )


def read_rows(table: Table, wishes: Wishes) -> Rows:
    """Return a table's rows of bars.

    Raises:
        ValueError: what the table means is not sure; the message has the readings and what decides between them.

    """
    if wishes.interval != DAILY:
        table = join_clock(table)
    columns = understand(table, wishes)
    moments = read_moments(table, columns.date, wishes.date_format, wishes.timezone, wishes.interval)
    places = [place for fields in columns.fields.values() for place in fields.values()]
    wanted = [*places, *columns.features.values()]
    lettered = columns.fields.get("", {}).get("volume")
    numbers, sign = read_numbers(table, wanted, wishes.decimal, lettered)
    by_place = dict(zip(wanted, numbers, strict=True))
    if columns.ticker is not None:
        tickers = _tickers(table, columns.ticker)
    pieces = []
    for ticker, fields in columns.fields.items():
        piece = pd.DataFrame(
            {
                "moment": moments.wall,
                "offset": np.nan if moments.offset is None else moments.offset,
                "ticker": tickers
                if columns.ticker is not None
                else pd.Series(ticker or table.stem, range(len(moments.wall))),
                **{name: by_place[fields[name]] for name in NUMBERS if name in fields},
                **{name: by_place[place] for name, place in columns.features.items()},
                "position": np.arange(len(moments.wall)),
            }
        )
        pieces.append(piece)
    frame = pd.concat(pieces, ignore_index=True)
    no_volume = "" if "volume" in frame else "no volume (0 in its place)"
    notes = [moments.how, "decimal comma" if sign == "," else "", no_volume]
    return _prices(table, frame, columns, wishes.adjusted, notes)


def _tickers(table: Table, place: int) -> pd.Series:
    """Return the tickers as texts: NA, TRUE, 1E5 and 000001 are some."""
    column = table.columns[place]
    texts = column if pa.types.is_string(column.type) else column.cast(pa.string())
    empty = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(texts), ""), True)
    if pc.any(empty).as_py():
        position = int(pc.index(empty, True).as_py())
        raise ValueError(f"{table.at(position)}: {table.names[place]} is empty: mend the row, or leave it out")
    return pd.Series(pc.utf8_trim_whitespace(texts).to_pandas(), dtype="str")


def _prices(table: Table, frame: pd.DataFrame, columns: Columns, adjusted: bool, notes: list[str]) -> Rows:
    """Return the rows with four adjusted prices and a volume."""
    warnings: list[str] = []
    left = list(columns.left)
    if any(plain(table.names[fields["close"]]) == "prc" for fields in columns.fields.values() if "close" in fields):
        frame["close"] = frame["close"].abs()  # CRSP's mark of a mean of bid and ask
    if "close" not in frame:
        frame = frame.rename(columns={"adjusted": "close"})
    if "open" not in frame:
        frame = frame.assign(open=frame["close"], high=frame["close"], low=frame["close"])
    if "volume" not in frame:
        frame["volume"] = 0.0
    frame["volume"] = frame["volume"].fillna(0.0)
    lacking = frame[PRICES].isna().all(axis=1)
    if lacking.any() and "" in columns.fields:
        counts = frame.loc[lacking, "ticker"].value_counts()
        warnings.append(
            f"{table.name}: {lacking.sum()} rows without any price are days that their tickers lack ({_counts(counts)})"
        )
    frame = frame[~lacking]
    factors = [name for name in ("adjusted", "divisor") if name in frame]
    if adjusted:
        notes.append("prices as they stand (adjusted: true)")
        left += [
            table.names[place]
            for fields in columns.fields.values()
            for name, place in fields.items()
            if name in factors
        ]
    elif "adjusted" in factors:
        frame = _apply(table, frame, "the adjusted close", frame["adjusted"] / frame["close"].where(frame["close"] > 0))
        frame = frame.assign(close=frame["adjusted"].where(frame["close"] > 0, frame["close"]))
    elif "divisor" in factors:
        frame = _apply(table, frame, "cfacpr", 1 / frame["divisor"])
        notes.append("splits applied by CFACPR")
        warnings.append(f"{table.name}: CFACPR has splits and no dividends, so that returns lack dividends")
    kept = ["moment", "offset", "ticker", *PRICES, "volume", *columns.features, "position"]
    applied = "adjusted" in factors and not adjusted
    return Rows(frame[kept], columns.kind, list(filter(None, notes)), list(dict.fromkeys(left)), warnings, applied)


def _apply(table: Table, frame: pd.DataFrame, name: str, factor: pd.Series) -> pd.DataFrame:
    """Return the rows with all four prices moved by a factor; rows whose close is no price stay, to be refused as such.

    Raises:
        ValueError: a factor is not above zero; names file, row, value and key.

    """
    bad = (frame["close"] > 0) & ~((factor > 0) & np.isfinite(factor))
    if bad.any():
        row = frame[bad].iloc[0]
        value = row["divisor" if name == "cfacpr" else "adjusted"]
        raise ValueError(
            f"{table.at(int(row['position']))}: {name} of {row['ticker']} is {value:g}, which adjusts nothing: mend "
            f"the row, or set adjusted: true if the prices are adjusted already"
        )
    factor = factor.where(frame["close"] > 0, 1.0)
    return frame.assign(**{price: frame[price] * factor for price in PRICES})


def _counts(counts: pd.Series) -> str:
    shown = ", ".join(f"{ticker} {count}" for ticker, count in counts.head(5).items())
    return shown + (", …" if len(counts) > 5 else "")


def understand(table: Table, wishes: Wishes) -> Columns:
    """Return which columns of a table hold what.

    Raises:
        ValueError: that is not sure; the message has the readings and what decides between them.

    """
    date = _date_place(table, wishes)
    ticker = _ticker_place(table)
    others = [place for place in range(len(table.names)) if place not in (date, ticker)]
    if table.tickers is not None:
        pairs = [(table.names[place], table.tickers[place]) for place in others]
        return _wide(table, wishes, date, others, pairs, "yf.download's two-row header")
    fields = _fields(table, others)
    if "close" in fields or ("adjusted" in fields and not set(OPEN_HIGH_LOW) & set(fields)):
        return _long(table, wishes, date, ticker, others, fields)
    if not fields and ticker is None:
        named = [place for place in others if not is_unnamed(table.names[place])]
        readings = split_flat_names([table.names[place] for place in named])
        if len(readings) > 1:
            said = " or ".join(
                f"{table.names[named[0]]!r} as {field} of {ticker}" for field, ticker in (one[0] for one in readings)
            )
            raise ValueError(
                f"{table.name}: its columns can be read as {said}: write a column ticker and a row per ticker and day"
            )
        if readings:
            return _wide(table, wishes, date, named, readings[0], "a wide frame")
    return _closes(table, wishes, date, ticker, others, fields)


def _date_place(table: Table, wishes: Wishes) -> int:
    """Return the place of the dates; a column for the day comes before one for the time, and both before the index.

    Where a bar is shorter than a day, the time comes first.
    """
    spelled = [plain(name) for name in table.names]
    for known in (DATE_NAMES, TIME_NAMES) if wishes.interval == DAILY else (TIME_NAMES, DATE_NAMES):
        found = [
            place
            for place, name in enumerate(spelled)
            if name in known and not (table.tickers or [""] * len(spelled))[place]
        ]
        if len(found) > 1:
            days = [
                read_moments(table, place, wishes.date_format, wishes.timezone, wishes.interval).wall.normalize()
                for place in found
            ]
            if not all((other == days[0]).all() for other in days[1:]):
                position = int(np.flatnonzero(days[1] != days[0])[0]) if (days[1] != days[0]).any() else 0
                first, second = (
                    f"{table.names[place]} ({moment[position]:%Y-%m-%d})"
                    for place, moment in zip(found[:2], days[:2], strict=True)
                )
                raise ValueError(
                    f"{table.at(position)}: the day can be of {first} or of {second}: leave one column out"
                )
        if found:
            return found[0]
    if _lower_letters(table) and "t" in [name.strip() for name in table.names]:
        return [name.strip() for name in table.names].index("t")
    unnamed = [
        place for place, name in enumerate(table.names) if is_unnamed(name) and not _counts_up(table.columns[place])
    ]
    if unnamed:
        return unnamed[0]
    raise ValueError(
        f"{table.name} has no column of dates (its columns are {', '.join(table.names[:12])}): call it date"
    )


def _counts_up(column: pa.Array) -> bool:
    """Return whether a column numbers the rows."""
    head = [str(value) for value in column.slice(0, 3).to_pylist()]
    return all(text.isdigit() and len(text) < 8 for text in head)


def _ticker_place(table: Table) -> int | None:
    if table.tickers is not None:
        return None
    names = [name.strip() for name in table.names]
    found = [place for place, name in enumerate(names) if plain(name) in TICKER_NAMES]
    if not found and _lower_letters(table) and "T" in names:
        found = [names.index("T")]
    found = found or [place for place, name in enumerate(names) if plain(name) == "name"]
    distinct = [place for place in found if not table.columns[place].equals(table.columns[found[0]])]
    if distinct:
        one, other = (f"{names[place]} ({table.columns[place][0].as_py()})" for place in (found[0], distinct[0]))
        raise ValueError(f"{table.at(0)}: the ticker can be {one} or {other}: leave one column out")
    return found[0] if found else None


def _lower_letters(table: Table) -> bool:
    return {"o", "h", "l", "c"} <= {name.strip() for name in table.names}


def _fields(table: Table, places: list[int]) -> dict[str, int]:
    """Return the places of prices and volume by field.

    Raises:
        ValueError: two columns have one field's name.

    """
    fields: dict[str, int] = {}
    if _lower_letters(table):
        found = [(LETTERS.get(table.names[place].strip()), place) for place in places]
    else:
        found = [(field_of(table.names[place]), place) for place in places]
    for name, place in found:
        if name is None:
            continue
        if name in fields:
            raise ValueError(
                f"{table.name}: {name} can be {table.names[fields[name]]!r} or {table.names[place]!r}: leave one out"
            )
        fields[name] = place
    named = {plain(table.names[place]): place for place in places}
    weak = [named[name] for name in WEAK_CLOSES if name in named]
    alone = not [
        place for place in places if place not in (*weak, *fields.values()) and not is_unnamed(table.names[place])
    ]
    if "close" not in fields and len(weak) == 1 and (set(OPEN_HIGH_LOW) <= set(fields) or alone):
        fields["close"] = weak[0]
    return fields


def _long(
    table: Table, wishes: Wishes, date: int, ticker: int | None, others: list[int], fields: dict[str, int]
) -> Columns:
    some = [name for name in OPEN_HIGH_LOW if name in fields]
    if some and len(some) < 3:
        absent = [name for name in OPEN_HIGH_LOW if name not in fields]
        raise ValueError(
            f"{table.name} has {', '.join(some)} and close, and no {', '.join(absent)} (its columns are "
            f"{', '.join(table.names[:12])}): name the column so, or leave {', '.join(some)} out for closes alone"
        )
    features = _features(table, wishes, [place for place in others if place not in fields.values()])
    taken = {date, ticker, *fields.values(), *features.values()}
    left = [table.names[place] or "(no name)" for place in range(len(table.names)) if place not in taken]
    kind = _kind(table) if some else CLOSES
    if kind == STOOQ and wishes.interval == DAILY:
        _refuse_short_bars(table)
    return Columns(kind, date, ticker, {"": fields}, features, left)


def _refuse_short_bars(table: Table) -> None:
    """Refuse Stooq's files of hours and minutes, of which one a day would pass for a day's."""
    place = [name.strip().upper() for name in table.names].index("<PER>")
    periods = [str(period) for period in table.columns[place].to_pylist()]
    if set(periods) != {"D"}:
        position = next(place for place, period in enumerate(periods) if period != "D")
        raise ValueError(
            f"{table.at(position)}: <PER> is {periods[position]}, and bars of a day have D: take Stooq's daily files, "
            f"or name the length of a bar, such as interval: 1h"
        )


def _kind(table: Table) -> str:
    names = {plain(name) for name in table.names}
    for kind, sign in (
        (STOOQ, {"<PER>", "<OPENINT>"} <= {name.strip().upper() for name in table.names}),
        ("Polygon's format", _lower_letters(table) or "windowstart" in names),
        ("CRSP's format", "prc" in names),
        ("FinRL's format", "tic" in names),
        ("yf history's format", "stocksplits" in names),
        ("Nasdaq's format", "closelast" in names),
        ("Yahoo's format", {"date", "adjclose"} <= names and "adjopen" not in names),
    ):
        if sign:
            return kind
    return "a long table"


def _features(table: Table, wishes: Wishes, free: list[int]) -> dict[str, int]:
    """Return the places of the named features.

    Raises:
        ValueError: a name is no column, is of text, or is what foldsweep computes or reads already.

    """
    features: dict[str, int] = {}
    spelled = {table.names[place].strip(): place for place in free}
    folded = {name.lower(): place for name, place in spelled.items()}
    for wish in wishes.features_from:
        name = wish.strip()
        if name.lower() in (*INDICATORS, "turbulence", "volatility") or name.lower().startswith("is:"):
            raise ValueError(
                f"features_from: {wish!r} is the name of an indicator, which foldsweep computes: rename the column"
            )
        if name.lower() in COLUMNS or field_of(name) in COLUMNS:
            raise ValueError(f"features_from: {wish!r} is a column of the bars already: leave it out of features_from")
        place = spelled.get(name, folded.get(name.lower()))
        if place is None:
            there = ", ".join(spelled) or "no further column"
            raise ValueError(f"{table.name} has no column {wish!r}, which features_from names: it has {there}")
        column = table.columns[place]
        if pa.types.is_string(column.type) and not pc.any(pc.match_substring_regex(column, r"\d")).as_py():
            raise ValueError(f"{table.at(0)}: features_from: {wish!r} is text ({column[0].as_py()!r}): leave it out")
        features[name if name.startswith(VOLATILITY) else name.lower()] = place
    return features


def _wide(
    table: Table, wishes: Wishes, date: int, places: list[int], pairs: list[tuple[str, str]], kind: str
) -> Columns:
    if wishes.features_from:
        raise ValueError(
            f"{table.name} is wide, and features_from names {', '.join(wishes.features_from)}: stack the tickers into "
            f"a column ticker, so that a row has its features"
        )
    fields: dict[str, dict[str, int]] = {}
    left = [table.names[place] or "(no name)" for place in range(len(table.names)) if place not in (date, *places)]
    for place, (name, ticker) in zip(places, pairs, strict=True):
        known = field_of(name)
        if known is None:
            left.append(name)
        elif known in fields.setdefault(ticker, {}):
            raise ValueError(f"{table.name}: {known} of {ticker} stands twice: leave one column out")
        else:
            fields[ticker][known] = place
    for ticker, found in fields.items():
        some = [name for name in OPEN_HIGH_LOW if name in found]
        if "close" not in found and some:
            raise ValueError(f"{table.name}: {ticker} has {', '.join(some)} and no close: add its Close")
        if some and len(some) < 3:
            raise ValueError(
                f"{table.name}: {ticker} has {', '.join(some)} and close alone: give open, high and low, or none"
            )
    if len({frozenset(set(found) & {*PRICES, "adjusted"}) for found in fields.values()}) > 1:
        sizes = {ticker: len(set(found) & {*PRICES, "adjusted"}) for ticker, found in fields.items()}
        few, many = min(sizes, key=lambda one: sizes[one]), max(sizes, key=lambda one: sizes[one])
        raise ValueError(
            f"{table.name}: {many} has {sizes[many]} columns of prices and {few} has {sizes[few]}: give all the same"
        )
    return Columns(kind, date, None, fields, {}, list(dict.fromkeys(left)))


def _closes(
    table: Table, wishes: Wishes, date: int, ticker: int | None, others: list[int], fields: dict[str, int]
) -> Columns:
    """Return the columns of a table of closes, in which each further column is a ticker; or say what lacks."""
    places = [place for place in others if not is_unnamed(table.names[place])]
    names = [table.names[place].strip() for place in places]
    known = [name for name in names if is_field(name)]
    features = [name for name in wishes.features_from if name in names]
    if {"O", "H", "L", "C"} <= set(names):
        raise ValueError(
            f"{table.name}: O, H, L and C can be prices or four tickers' closes: write open, high, low, close, or a "
            f"column ticker"
        )
    if set(map(plain, known)) - {"open", "low", "high"} or ticker is not None or features or not places:
        absent = ", ".join(name for name in PRICES if name not in fields)
        raise ValueError(
            f"{table.name} has no column for {absent} (its columns are {', '.join(table.names[:12])}): bars need date, "
            f"open, high, low, close, or date and close alone"
        )
    if len(known) > 1 or (known and len(places) < 3):
        raise ValueError(
            f"{table.name}: {', '.join(known)} can be prices without a close, or tickers' closes: write a "
            f"column close, or a column ticker"
        )
    for name in names:
        if said := hidden_field(name):
            raise ValueError(
                f"{table.name}: {name!r} can be {said}, or a ticker: write a column ticker and a row per day"
            )
        if name in (*INDICATORS, *NO_TICKERS):
            raise ValueError(
                f"{table.name}: {name!r} is no ticker, so this is no table of closes, and it has no column close (its "
                f"columns are {', '.join(table.names[:12])}): leave {name!r} out, or name the close"
            )
    if repeated := [name for name in set(names) if names.count(name) > 1]:
        raise ValueError(
            f"{table.name}: the ticker {repeated[0]} stands over {names.count(repeated[0])} columns: leave one out"
        )
    _refuse_text(table, places)
    left = [table.names[place] or "(no name)" for place in others if place not in places]
    return Columns(
        CLOSES, date, None, {name: {"close": place} for name, place in zip(names, places, strict=True)}, {}, left
    )


def _refuse_text(table: Table, places: list[int]) -> None:
    """Refuse columns of words, which make a table of closes unlikely."""
    for place in places:
        column: Any = table.columns[place]
        if pa.types.is_string(column.type):
            words = pc.fill_null(
                pc.and_(pc.not_equal(column, ""), pc.invert(pc.match_substring_regex(column, r"\d"))), False
            )
            if pc.all(words).as_py():
                raise ValueError(
                    f"{table.at(0)}: {table.names[place]} is {column[0].as_py()!r}, so this is no table of closes, and "
                    f"it has no column close (its columns are {', '.join(table.names[:12])}): name the columns date, "
                    f"ticker, open, high, low, close, volume"
                )

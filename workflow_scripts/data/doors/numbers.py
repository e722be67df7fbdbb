"""Numbers as people write them: one decimal sign for a file, thousands, currencies, and words for nothing."""

from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workflow_scripts.data.doors.tables import Table
from workflow_scripts.data.doors.wishes import Decimal

Floats = np.ndarray[Any, np.dtype[np.float64]]
NOTHING = ["", "null", "nan", "na", "n/a", "#n/a", "none", "nil", "-", "--", "."]
EXPONENT = r"(?:[eE][+-]?\d+)?"
# Without a sign of thousands or decimals every reading gives the same.
WHOLE = rf"^[+-]?\d+{EXPONENT}$"
SPACED = r"\d{1,3}(?:[' ’]\d{3})+"
# Thousands with commas can be India's, 12,34,567.
COMMAS = r"\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}"
FITS: dict[Decimal, str] = {
    ".": rf"^[+-]?(?:\d+|{COMMAS}|{SPACED})?(?:\.\d*)?{EXPONENT}$",
    ",": rf"^[+-]?(?:\d+|\d{{1,3}}(?:\.\d{{3}})+|{SPACED})?(?:,\d*)?{EXPONENT}$",
}
THOUSANDS: dict[Decimal, str] = {".": r"[,' ’]", ",": r"[.' ’]"}
NAMES: dict[Decimal, str] = {".": "a decimal point", ",": "a decimal comma"}
LARGE = {"k": 1e3, "m": 1e6, "b": 1e9}


def read_numbers(
    table: Table, places: list[int], decimal: Decimal | None = None, lettered: int | None = None
) -> tuple[list[Floats], str]:
    """Return the numbers of columns, NaN where there is none, and the decimal sign by which they were read.

    Args:
        table: the table.
        places: its columns to read.
        decimal: the decimal sign; none finds the one that all columns fit.
        lettered: a column that may count in K, M and B, as a volume does.

    Raises:
        ValueError: a value is no number, or two readings fit; names file, row and value.

    """
    texts: dict[int, pa.Array] = {}
    read: dict[int, Floats] = {}
    for place in places:
        column = table.columns[place]
        if not pa.types.is_string(column.type):
            read[place] = _typed(table, place)
            continue
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
        point_for_sure = decimal != "," and table.delimiter == ","
        quick = _quick(column) if point_for_sure else None
        if quick is None:
            texts[place] = column
        else:
            read[place] = quick
    sign = decimal or "."
    if texts:
        factors = {place: _letters(texts, place) for place in texts if place == lettered}
        texts = {place: _bare(column) for place, column in texts.items()}
        points = any(bool((values % 1 > 0).any()) for values in read.values())
        sign = decimal or _common_sign(table, texts, points)
        for place, column in texts.items():
            read[place] = _by_sign(column, sign) * factors.get(place, 1.0)
    for place in places:
        endless = np.flatnonzero(np.isinf(read[place]))
        if len(endless):
            _refuse(table, place, int(endless[0]))
    return [read[place] for place in places], sign


def _typed(table: Table, place: int) -> Floats:
    try:
        values: Floats = table.columns[place].cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        _refuse(table, place, 0)
    return values


def _quick(column: pa.Array) -> Floats | None:
    """Return the numbers of a column that needs no cleaning, if it needs none."""
    try:
        values: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return values


def _bare(column: pa.Array) -> pa.Array:
    """Return texts without currencies and the spaces around, null where they are a word for nothing."""
    column = pc.replace_substring_regex(column, "[\u00a0\u202f\u2009]", " ")
    column = pc.replace_substring_regex(column, r"^([+-]?)\s*(?:US|R)?[$€£¥₹]\s*([+-]?)", r"\1\2")
    column = pc.replace_substring_regex(column, r"\s*[$€£¥₹]$", "")
    nothing = pc.is_in(pc.utf8_lower(column), value_set=pa.array(NOTHING))
    return pc.if_else(nothing, pa.scalar(None, pa.string()), column)


def _letters(texts: dict[int, pa.Array], place: int) -> Floats:
    """Return the factors that letters at the end of a column's texts stand for, and take the letters away."""
    column = texts[place]
    factors = np.ones(len(column))
    for letter, factor in LARGE.items():
        has = pc.fill_null(pc.match_substring_regex(column, rf"\d\s*{letter}$", ignore_case=True), False)
        factors[has.to_numpy(zero_copy_only=False)] = factor
    texts[place] = pc.replace_substring_regex(column, r"(\d)\s*[kKmMbB]$", r"\1")
    return factors


def _common_sign(table: Table, texts: dict[int, pa.Array], points: bool) -> Decimal:
    """Return the decimal sign that all texts of a table fit.

    Where commas part the columns, a point in a bare number is the decimal point: who writes thousands with points
    writes decimals with commas, and parts columns otherwise.

    Args:
        table: the table.
        texts: its columns that are not plain numbers, by their place.
        points: whether others of its columns have decimal points.

    Raises:
        ValueError: none does, or both do and give different numbers.

    """
    candidates: tuple[Decimal, ...] = (".",) if points else (".", ",")
    misfits = {sign: {place: _misfits(column, FITS[sign]) for place, column in texts.items()} for sign in candidates}
    counts = {sign: sum(map(len, found.values())) for sign, found in misfits.items()}
    fitting = [sign for sign, count in counts.items() if not count]
    if not fitting:
        best = min(counts, key=lambda sign: counts[sign])
        place = next(place for place, found in misfits[best].items() if len(found))
        _refuse(table, place, int(misfits[best][place][0]))
    if len(fitting) == 1:
        return fitting[0]
    for place, column in texts.items():
        signed = _misfits(column, WHOLE)
        if not len(signed):
            continue
        position = int(signed[0])
        value = column[position].as_py()
        if table.delimiter == "," and "," not in value:
            return "."
        readings = " or ".join(
            f'{_by_sign(column.slice(position, 1), sign)[0]:g} (decimal: "{sign}", {name})'
            for sign, name in NAMES.items()
        )
        raise ValueError(
            f"{table.at(position)}: {table.names[place]} {value!r} is {readings}, and all numbers of the file fit "
            f"both: set decimal"
        )
    return "."


def _misfits(column: pa.Array, pattern: str) -> Any:
    fits = pc.fill_null(pc.match_substring_regex(column, pattern), True)
    digits = pc.fill_null(pc.match_substring_regex(column, r"\d"), True)
    return np.flatnonzero(~pc.and_(fits, digits).to_numpy(zero_copy_only=False))


def _by_sign(column: pa.Array, sign: Decimal) -> Floats:
    column = pc.replace_substring_regex(column, THOUSANDS[sign], "")
    column = pc.replace_substring(column, ",", ".") if sign == "," else column
    values: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _refuse(table: Table, place: int, position: int) -> NoReturn:
    value = str(table.columns[place][position].as_py())
    raise ValueError(
        f"{table.at(position)}: {table.names[place]} is {value[:40]!r}, which is no number: mend the row, or leave the "
        f"cell empty"
    )

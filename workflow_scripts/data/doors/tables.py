"""Tables as files have them: named columns of text, or of parquet's types, before anybody says what they mean."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.lib

from workflow_scripts.data.doors.files import Part, as_utf8, lines_of
from workflow_scripts.data.doors.names import header_rows, is_known, is_unnamed, pair_up
from workflow_scripts.workflow.files import first_line

DELIMITERS = ",;\t|"
SNIFFED_LINES = 50


class NoTableError(ValueError):
    """A text has no columns."""


@dataclass(frozen=True)
class Table:
    """A table as its file has it.

    Attributes:
        name: what messages call its file.
        stem: the file's name without endings.
        names: the columns' names.
        columns: the columns, text unless the file has types.
        tickers: the ticker of each column, "" where it has none; none where the header is one row.
        delimiter: what stands between columns; "" in a file with types.
        header: lines up to the first row of the table.
        content: the text, by which rows are counted; empty in a file with types.

    """

    name: str
    stem: str
    names: list[str]
    columns: list[pa.Array] = field(repr=False)
    tickers: list[str] | None = None
    delimiter: str = ""
    header: int = 0
    content: bytes = field(default=b"", repr=False)

    def row(self, position: int) -> int:
        """Return the line of the file, from one, at which a row of the table stands."""
        if not self.content:
            return position + 1
        left = position
        for number, line in enumerate(io.BytesIO(self.content)):
            if number >= self.header and line.strip():
                if not left:
                    return number + 1
                left -= 1
        return self.header + position + 1

    def at(self, position: int) -> str:
        """Return the file and the row, as each message begins."""
        return f"{self.name}, row {self.row(position)}"


def read_table(part: Part) -> Table:
    """Return the table of a file.

    Raises:
        ValueError: it is none; the message names file and row.

    """
    return _read_parquet(part) if part.ending == ".parquet" else _read_text(part)


def _read_parquet(part: Part) -> Table:
    try:
        frame = pd.read_parquet(io.BytesIO(part.content))
    except (OSError, ValueError) as error:
        raise ValueError(f"{part.name} cannot be read as parquet: {first_line(error)}; write it again") from error
    two_rows = frame.columns.nlevels == 2
    if not isinstance(frame.index, pd.RangeIndex):
        levels = [str(name or "") for name in frame.index.names]
        indices = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
    else:
        levels, indices = [], []
    columns = [_plain_array(pa.array(values, from_pandas=True)) for values in indices]
    columns += [_plain_array(pa.array(frame.iloc[:, place], from_pandas=True)) for place in range(frame.shape[1])]
    if two_rows:
        first, second = ([*levels, *(str(pair[level]) for pair in frame.columns)] for level in (0, 1))
        second[: len(levels)] = [""] * len(levels)
        return _with_pairs(part, first, second, columns, len(levels) or 1, Table(part.name, part.stem, [], []))
    return Table(part.name, part.stem, [*levels, *map(str, frame.columns)], columns)


def _plain_array(values: pa.Array) -> pa.Array:
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values.cast(pa.string()) if pa.types.is_large_string(values.type) else values


def _with_pairs(
    part: Part, first: list[str], second: list[str], columns: list[pa.Array], indices: int, like: Table
) -> Table:
    """Return the table of a header of two rows, in which columns before ``indices`` have no ticker."""
    pairs = pair_up(first[indices - 1 :], second[indices - 1 :])
    if pairs is None:
        raise ValueError(
            f"{part.name} has two rows of names that are no field and ticker for each column ({first[-1]}, "
            f"{second[-1]}): give each ticker a Close, or stack the tickers into a column ticker"
        )
    names = [*first[:indices], *(name for name, _ in pairs)]
    tickers = [*[""] * indices, *(ticker for _, ticker in pairs)]
    return Table(part.name, part.stem, names, columns, tickers, like.delimiter, like.header, like.content)


def _read_text(part: Part) -> Table:
    content = as_utf8(part)
    delimiter, skipped = _sniff(part.name, content)
    rows = _split(lines_of(content, skipped + 4)[skipped:], delimiter)
    depth = header_rows(rows)
    names = [name.strip() for name in rows[0]]
    header = skipped + depth
    codes = [str(place) for place in range(len(names))]
    try:
        read = pyarrow.csv.read_csv(
            io.BytesIO(content),
            read_options=pyarrow.csv.ReadOptions(use_threads=False, skip_rows=header, column_names=codes),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in content),
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(codes, pa.string())),
        )
    except pyarrow.lib.ArrowInvalid as error:
        ragged = ValueError if any(map(is_known, names)) else NoTableError
        raise ragged(_ragged(part.name, content, delimiter, header, len(names), first_line(error))) from error
    columns = [pc.utf8_trim_whitespace(read[code].combine_chunks()) for code in codes]
    kept = _rows_with_text(columns)
    if kept is not None:
        columns = [column.filter(kept) for column in columns]
    if not len(columns[0]):
        raise ValueError(f"{part.name} has names and no rows: {delimiter.join(names[:8])}")
    like = Table(part.name, part.stem, names, columns, None, delimiter, header, content)
    if depth == 1:
        return like
    return _with_pairs(part, ["date", *names[1:]], rows[1], columns, 1, like)


def _rows_with_text(columns: list[pa.Array]) -> pa.Array | None:
    """Return which rows have text, if one at the end has none, as spreadsheets write them; others keep their number."""
    filled = len(columns[0])
    while filled and all(column[filled - 1].as_py() == "" for column in columns):
        filled -= 1
    return None if filled == len(columns[0]) else pa.array(place < filled for place in range(len(columns[0])))


def _sniff(name: str, content: bytes) -> tuple[str, int]:
    """Return what stands between columns, and how many lines stand before the header.

    Most lines have as many cells as the header, which is the first line that has as many.
    """
    lines = lines_of(content, SNIFFED_LINES)
    if lines and (said := re.fullmatch(r'"?sep=(.)"?', lines[0].strip("\n "))):
        return said[1], 1  # as Excel writes it
    candidates = []
    for delimiter in DELIMITERS:
        counts = [len(cells) for cells in _split(lines, delimiter)]
        common = Counter(count for count in counts if count > 1).most_common(1)
        if common and common[0][1] * 2 > sum(map(bool, lines)) - 1:
            candidates.append((counts.index(common[0][0]), -common[0][0], delimiter))
    if not candidates:
        raise NoTableError(
            f"{name} is no table of columns: its first line is {(lines or [''])[0][:60]!r}, and no comma, semicolon, "
            f"tab or bar parts all lines alike"
        )
    skipped, _, delimiter = min(candidates)
    header = _split(lines[skipped : skipped + 1], delimiter)[0]
    if all(is_unnamed(cell) or not any(letter.isalpha() for letter in cell) for cell in header):
        if skipped:
            raise ValueError(_ragged(name, content, delimiter, skipped - 1, len(header), ""))
        raise ValueError(
            f"{name}, row {skipped + 1}: the first row is {lines[skipped][:60]!r}, which names no column: write a "
            f"first row of names, such as date,open,high,low,close,volume"
        )
    return delimiter, skipped


def _split(lines: list[str], delimiter: str) -> list[list[str]]:
    """Return the cells of each line; a line alone, since a quotation that one leaves open would swallow the next."""
    try:
        return [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
    except csv.Error as error:
        raise NoTableError(f"no table of columns: {error}") from None


def _ragged(name: str, content: bytes, delimiter: str, header: int, width: int, reason: str) -> str:
    for number, line in enumerate(io.BytesIO(content)):
        cells = _split([line.decode().rstrip("\n")], delimiter)[0]
        if number >= header and cells and len(cells) != width:
            return (
                f"{name}, row {number + 1}: {line.decode().strip()[:60]!r} has {len(cells)} cells, and the others have "
                f"{width}: quote cells that hold {delimiter!r}, or mend the row"
            )
    return f"{name} cannot be read as a table: {reason}"

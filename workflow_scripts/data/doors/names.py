"""What vendors call the columns of bars."""

import re

OPEN_HIGH_LOW = ("open", "high", "low")
DATE_NAMES = ("date", "datadate", "tradedate", "tradingdate", "observationdate")
# Columns that say when a bar was as well; read where no column is named for the day.
TIME_NAMES = ("datetime", "timestamp", "time", "windowstart", "opentime", "unix", "unixtime", "unixtimestamp")
TICKER_NAMES = ("ticker", "tic", "symbol")
FIELD_OF = {
    **dict.fromkeys(("open", "openprice", "openprc"), "open"),
    **dict.fromkeys(("high", "highprice", "askhi"), "high"),
    **dict.fromkeys(("low", "lowprice", "bidlo"), "low"),
    **dict.fromkeys(("close", "closeprice", "closelast", "prc"), "close"),
    **dict.fromkeys(("volume", "vol", "totaltradedquantity"), "volume"),
    **dict.fromkeys(("adjclose", "adjustedclose", "adjcp", "adjusted"), "adjusted"),
    "cfacpr": "divisor",
}
# A close where no column is named so.
WEAK_CLOSES = ("price", "last", "value", "nav", "pxlast")
# Polygon's and Alpaca's letters, in lower case; T is the ticker, t the time.
LETTERS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "t": "date"}
# What stands beside prices and is no ticker of a table of closes.
BESIDE_PRICES = {
    "dividends",
    "stocksplits",
    "capitalgains",
    "dividendamount",
    "splitcoefficient",
    "divcash",
    "splitfactor",
    "openint",
    "openinterest",
    "marketcap",
    "vwap",
    "turnover",
    "trades",
    "tradecount",
    "transactions",
    "prevclose",
    "repaired",
}
# What stands in tables and is no ticker of a table of closes, spelled so.
NO_TICKERS = {"day", "weekday", "week", "month", "year", "return", "returns", "id", "sno", "vix", "turbulence"}
# How pandas and its readers call a column without a name.
UNNAMED = re.compile(r"|index|level_\d+|unnamed:? ?\d+(_level_\d+)?", re.IGNORECASE)


def plain(name: str) -> str:
    """Return a column's name without case, spaces and signs: ``<CLOSE>``, ``4. close`` and ``Close `` are one."""
    return re.sub(r"[^0-9a-z]", "", re.sub(r"^\d+\. ", "", name.strip().casefold()))


def field_of(name: str) -> str | None:
    """Return the field of bars that a column's name says, if it says one."""
    return FIELD_OF.get(plain(name))


def is_field(name: str) -> bool:
    """Return whether a name is one of a price, the volume, or of what vendors put beside them."""
    return field_of(name) is not None or plain(name) in BESIDE_PRICES


def is_date(name: str) -> bool:
    """Return whether a column's name says that it holds dates."""
    return plain(name) in (*DATE_NAMES, *TIME_NAMES)


def is_known(name: str) -> bool:
    """Return whether a column's name is of a table of prices, or is none."""
    return is_date(name) or is_field(name) or is_unnamed(name)


def is_unnamed(name: str) -> bool:
    """Return whether a column has no name of its own, as the index of a frame that was written."""
    return UNNAMED.fullmatch(name.strip()) is not None


def header_rows(rows: list[list[str]]) -> int:
    """Return how many rows the header has: one, or two and more as yf.download's, whose columns are field and ticker.

    Args:
        rows: the cells of the file's first rows.

    """
    if len(rows) < 3 or len(rows[0]) < 2 or pair_up(rows[0], rows[1]) is None:
        return 1
    repeated = len(set(rows[0][1:])) < len(rows[0]) - 1 or len(set(rows[1][1:])) < len(rows[1]) - 1
    labelled = plain(rows[1][0]) in ("ticker", "tickers", "symbol", "symbols", "price", "attributes")
    if not labelled and not (repeated and is_unnamed(rows[1][0])) and not _all_words(rows[1]):
        return 1
    named = len(rows[2]) < 2 or not any(cell.strip() for cell in rows[2][1:])
    return 3 if named else 2


def _all_words(cells: list[str]) -> bool:
    return is_unnamed(cells[0]) and all(re.search("[A-Za-z]", cell) for cell in cells[1:])


def pair_up(first: list[str], second: list[str]) -> list[tuple[str, str]] | None:
    """Return (field, ticker) of each column after the first of a two-row header, whichever row holds which.

    A reading holds where each name of one row is a field's, no pair stands twice, and each ticker has a close: so
    Lowe's, whose ticker is LOW, is a ticker. None where no reading holds.
    """
    for fields, tickers in ((first[1:], second[1:]), (second[1:], first[1:])):
        if names := readable_pairs(list(zip(fields, tickers, strict=False))):
            return names
    return None


def readable_pairs(pairs: list[tuple[str, str]]) -> list[tuple[str, str]] | None:
    """Return the pairs of field and ticker, if they name the columns of bars."""
    pairs = [(re.sub(r"\.\d+$", "", field.strip()), ticker.strip()) for field, ticker in pairs]  # pandas' Close.1
    if not pairs or not all(is_field(field) and ticker for field, ticker in pairs) or len(set(pairs)) < len(pairs):
        return None
    closes = {ticker for field, ticker in pairs if field_of(field) in ("close", "adjusted")}
    return pairs if closes == {ticker for _, ticker in pairs} else None


def split_flat_names(names: list[str]) -> list[list[tuple[str, str]]]:
    """Return the readings of one-row names as field and ticker: ``Close_KO``, ``KO.Close``, ``('Close', 'KO')``."""
    readings = []
    tuples = [re.fullmatch(r"\(['\"](.*?)['\"], ['\"](.*?)['\"]\)", name.strip()) for name in names]
    if all(tuples):
        found = [(match[1], match[2]) for match in tuples if match]
        readings += [found, [(second, first) for first, second in found]]
    for mark in "" if all(tuples) else "_.|:- ":
        if all(mark in name for name in names):
            readings.append([(name.rsplit(mark, 1)[1], name.rsplit(mark, 1)[0]) for name in names])
            # A field can hold the mark, as «Adj Close KO» does, and so can a ticker: the longest field wins.
            readings.append([_field_first(name, mark) for name in names])
            readings.append([_field_last(name, mark) for name in names])
    distinct: list[list[tuple[str, str]]] = []
    for reading in readings:
        pairs = readable_pairs(reading)
        if pairs and pairs not in distinct:
            distinct.append(pairs)
    return distinct


def hidden_field(name: str) -> str | None:
    """Return the field that a part of a name says, as ``KO_volume`` does."""
    for mark in "_.|:- ":
        if mark in name:
            for field, ticker in (_field_first(name, mark), _field_last(name, mark)):
                if field:
                    return f"{field} of {ticker}"
    return None


def _field_first(name: str, mark: str) -> tuple[str, str]:
    words = name.split(mark)
    for cut in range(len(words) - 1, 0, -1):
        if is_field(mark.join(words[:cut])):
            return mark.join(words[:cut]), mark.join(words[cut:])
    return "", name


def _field_last(name: str, mark: str) -> tuple[str, str]:
    words = name.split(mark)
    for cut in range(1, len(words)):
        if is_field(mark.join(words[cut:])):
            return mark.join(words[cut:]), mark.join(words[:cut])
    return "", name

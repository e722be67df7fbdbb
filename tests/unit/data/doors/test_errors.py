"""Every refusal of a file is one line with the file, the row, the value, and the key that mends it."""

import pytest

from workflow_scripts.data.download_bars import download_bars
from workflow_scripts.data.sources.base import source_of

LONG = "date,ticker,open,high,low,close,volume\n"
GOOD = "2024-01-02,KO,10,12,9,11,100\n2024-01-02,PEP,20,22,19,21,200\n"
ADJUSTED = "date,ticker,open,high,low,close,adj close,volume\n"
GAP = "2024-01-03,KO,10,12,9,11.5,100\n2024-01-04,KO,10,12,9,11,100\n2024-01-04,PEP,20,22,19,20,200\n"
FURTHER = "date,ticker,close,macd,vix\n2024-01-02,KO,11,0.1,13.2\n2024-01-02,PEP,21,0.2,13.2\n"


def both(dates, closes=(1, 2, 4, 3)):
    """Return two tickers' closes."""
    return "date,A,B\n" + "".join(f"{date},{one},{9 - one}\n" for date, one in zip(dates, closes, strict=False))


# What is refused: the file, keys of the market; where, the value, and the key or remedy that the line has.
REFUSED = {
    "days before months": (
        both(["02/01/15", "13/01/15", "14/01/15"]),
        {},
        "prices.csv, row 2: ",
        "'02/01/15'",
        'date_format: "%d/%m/%y"',
    ),
    "two formats fit": (
        both(["02/01/2015", "05/01/2015"]),
        {},
        "prices.csv, row 2: ",
        "'02/01/2015'",
        'date_format: "%m/%d/%Y"',
    ),
    "a date of another format": (
        both(["2024-01-02", "03/01/2024", "2024-01-04"]),
        {},
        "prices.csv, row 3: ",
        "'03/01/2024'",
        "mend the row",
    ),
    "a zone that moves a day": (
        both(["2024-01-02T15:00:00Z", "2024-01-03T15:00:00Z"]),
        {},
        "prices.csv, row 2: ",
        "'2024-01-02 15:00:00'",
        "timezone: ",
    ),
    "several bars a day": (
        both(["2024-01-02 09:30", "2024-01-02 10:30"]),
        {},
        "prices.csv, row 3: ",
        "09:30 and 10:30",
        "interval: 1h",
    ),
    "bars of another length": (
        both(["2024-01-02 09:30", "2024-01-02 09:45", "2024-01-02 10:00"]),
        {"interval": "1h"},
        "",
        "15 minutes",
        "interval: 15m",
    ),
    "an adjusted close of 0": (
        ADJUSTED + "2024-01-02,KO,10,12,9,11,0,100\n2024-01-02,PEP,20,22,19,21,21,200\n",
        {},
        "prices.csv, row 2: ",
        "is 0",
        "adjusted: true",
    ),
    "the name of an indicator": (FURTHER, {"features_from": ["macd"]}, "", "'macd'", "features_from"),
    "a feature that is not there": (
        FURTHER,
        {"features_from": ["sentiment"]},
        "prices.csv",
        "'sentiment'",
        "features_from",
    ),
    "tickers that are one series": (
        "date,A,B,C\n2024-01-02,1,1,1\n2024-01-03,2,2,2\n2024-01-04,4,4,4\n2024-01-05,3,3,3\n",
        {},
        "",
        "A, B, C",
        "tickers",
    ),
    "a decimal with two readings": (
        "date;A;B\n2024-01-02;1.234;2.345\n2024-01-03;1.234;2.346\n",
        {},
        "prices.csv, row 2: ",
        "1.234",
        'decimal: ","',
    ),
    "what is no number": (
        LONG + GOOD + "2024-01-03,KO,10,12,9,x,100\n",
        {},
        "prices.csv, row 4: ",
        "'x'",
        "mend the row",
    ),
    "a close outside": (
        LONG + GOOD + "2024-01-03,KO,10,12,9,13,100\n",
        {},
        "prices.csv, row 4: ",
        "close 13",
        "repair: clip",
    ),
    "a price of 0": (LONG + GOOD + "2024-01-03,KO,0,12,9,11,100\n", {}, "prices.csv, row 4: ", "open is 0", "repair: "),
    "a ticker twice": (
        LONG + GOOD + "2024-01-02,KO,10,12,9,11,100\n",
        {},
        "prices.csv, row 4: ",
        "KO on 2024-01-02",
        "prices.csv, row 2",
    ),
    "two columns of tickers": (
        "ticker,symbol,date,close\nKO,US1,2024-01-02,1\n",
        {},
        "prices.csv, row 2: ",
        "KO",
        "symbol (US1)",
    ),
    "a day that a ticker lacks": (LONG + GOOD + GAP, {}, "", "PEP has no row on 2024-01-03", "missing: hold"),
    "a ticker that drop_ticker needs": (
        LONG + GOOD + GAP,
        {"missing": "drop_ticker"},
        "",
        "PEP lacks 1 day",
        "missing: hold",
    ),
    "one ticker": (LONG + "2024-01-02,KO,10,12,9,11,100\n", {}, "", "(KO)", "tickers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_one_line_with_the_file_the_row_the_value_and_the_key(tmp_path, case):
    text, keys, where, value, key = REFUSED[case]
    (tmp_path / "mine").mkdir()
    (tmp_path / "prices.csv").write_text(text, encoding="utf-8")
    source = source_of({"source": "csv", "path": str(tmp_path / "prices.csv"), **keys})
    with pytest.raises(ValueError) as error:
        download_bars(source, tmp_path / "mine/bars.parquet", tmp_path / "mine/data.lock.json")
    said = str(error.value)
    assert "\n" not in said
    prefix = f"market mine ({tmp_path / 'prices.csv'}): "
    assert said.startswith(f"{prefix}{where}")
    assert value in said.removeprefix(prefix)
    assert key in said.removeprefix(prefix)

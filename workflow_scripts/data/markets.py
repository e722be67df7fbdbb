"""Where bars come from: vendors, the embedded sample, a user's files, synthetic worlds."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import VOLATILITY, arrange_bars
from workflow_scripts.data.calendars import Missing, fill_missing
from workflow_scripts.data.universes import list_name, mark_members, read_universe, spell_out, survivorship
from workflow_scripts.workflow.files import first_line

SIGNAL = "signal"
FIRST_SYNTHETIC_DAY = "2000-01-03"
LONGEST_HOLIDAYS = pd.Timedelta(days=14)  # as the Golden Week of an exchange


@dataclass(frozen=True)
class Market:
    """A market's settings, as config.yaml has them.

    Attributes:
        source: where its bars come from.
        start: first day to keep; none keeps all.
        end: last day to keep; none keeps all.
        tickers: tickers to keep, or the name of a list, such as dow28; none keeps all.
        universe: a file of ticker, from, to: each fold has the tickers that are members on its last training day.
        missing: what to do with days that a ticker lacks and others have.
        path: file or folder of the bars (csv).
        feed: which of Alpaca's feeds (alpaca).
        volatility_ticker: ticker whose close is the market's volatility and which is not traded (alpaca, yahoo, csv);
            none takes the basket's realised volatility.
        ticker_count: tickers to make (synthetic).
        days: business days to make (synthetic).
        signal_strength: next day's expected return per unit of the signal (planted).
        half_life_days: days in which the signal's autocorrelation halves (synthetic).
        noise_sd: standard deviation of a ticker's unpredictable daily return (synthetic).
        seed: seed of the world (synthetic).

    """

    source: Literal["alpaca", "yahoo", "embedded", "csv", "planted", "null"]
    start: str | None = None
    end: str | None = None
    tickers: tuple[str, ...] | None = None
    universe: Path | None = None
    missing: Missing = "error"
    path: Path | None = None
    feed: Literal["sip", "iex"] = "sip"
    volatility_ticker: str | None = None
    ticker_count: int = 15
    days: int = 3000
    signal_strength: float = 0.0015
    half_life_days: float = 10
    noise_sd: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class Loaded:
    """A market's bars, not yet checked, a note on what they are, and what a reader of results must know of them."""

    bars: pd.DataFrame
    note: str
    warnings: tuple[str, ...] = ()


def load_market(market: Market, parts: Path | None = None) -> Loaded:
    """Return a market's bars as its settings ask for them: tickers, days, universe, volatility, days that lack.

    Args:
        market: where the bars come from, and which to keep.
        parts: folder where a vendor's download keeps what came until the bars stand; none keeps nothing.

    Raises:
        FileNotFoundError: a path leads nowhere.
        ConnectionError: a vendor gave no answer, or refused.
        ValueError: what came is not bars, or nothing is left of the chosen tickers and days.

    """
    name = list_name(market.tickers)
    universe = None if market.universe is None else members_between(market)
    if universe is not None and market.tickers is None:
        market = replace(market, tickers=tuple(universe["ticker"].unique()))
    bars, note = load_bars(replace(market, tickers=spell_out(market.tickers)), parts)
    first = bars["date"].min()
    warnings = [survivorship(name, first)] if name else []
    if market.start and first - pd.Timestamp(market.start) > LONGEST_HOLIDAYS:
        warnings.append(f"the bars begin on {first:%Y-%m-%d}, and start is {market.start}: the source has none before")
    bars, notices = fill_missing(bars, market.missing, come_and_go=universe is not None)
    if universe is not None:
        bars = mark_members(bars, universe[universe["ticker"].isin(bars["ticker"])])
    return Loaded(bars, note, (*warnings, *notices))


def members_between(market: Market) -> pd.DataFrame:
    """Return the memberships of a market's universe that reach into its days."""
    universe = read_universe(Path(str(market.universe)))
    after = universe["to"] >= pd.Timestamp(market.start or pd.Timestamp.min)
    return universe[after & (universe["from"] <= pd.Timestamp(market.end or pd.Timestamp.max))]


def load_bars(market: Market, parts: Path | None = None) -> tuple[pd.DataFrame, str]:
    """Return the bars of a market's tickers and days, and a note on what they are.

    Args:
        market: where the bars come from, and which to keep.
        parts: see ``load_market``, and its errors.

    """
    if market.source in ("alpaca", "yahoo"):
        bars, note = _from_vendor(market, parts)
    elif market.source == "embedded":
        bars, note = _embedded()
    elif market.source == "csv":
        bars, note = _from_files(market.path)
    else:
        strength = market.signal_strength if market.source == "planted" else 0.0
        bars = synthetic_bars(
            market.ticker_count, market.days, strength, market.half_life_days, market.noise_sd, market.seed
        )
        note = f"synthetic: the column {SIGNAL!r} moves the next day's expected return by {strength} per unit"
    bars = _select(bars, market)
    if market.volatility_ticker:
        bars = _with_volatility(bars, market.volatility_ticker, hold=market.missing == "hold")
    return bars, note


def _from_vendor(market: Market, parts: Path | None) -> tuple[pd.DataFrame, str]:
    from workflow_scripts.data.sources.downloads import Parts, Query, last_finished_day

    if not market.start or not market.tickers:
        raise ValueError(f"source {market.source} needs start and tickers: name the first day and what to ask for")
    tickers = tuple(dict.fromkeys([*market.tickers, *filter(None, [market.volatility_ticker])]))
    today = last_finished_day()
    query = Query(tickers, market.start, min(market.end or today, today), market.feed, asked=today)
    with TemporaryDirectory() as nowhere:
        kept = Parts(parts or Path(nowhere), query)
        if market.source == "alpaca":
            from workflow_scripts.data.sources.alpaca import fetch_alpaca  # its client takes a second to import

            bars, feed = fetch_alpaca(query, kept), f", feed {market.feed}"
        else:
            from workflow_scripts.data.sources.yahoo import fetch_yahoo

            bars, feed = fetch_yahoo(query, kept), ""
    origin = market.source.capitalize()
    return (
        arrange_bars(bars, origin),
        f"{origin}{feed}: daily bars adjusted for the splits and dividends known by the end of {today}",
    )


def _with_volatility(bars: pd.DataFrame, ticker: str, hold: bool) -> pd.DataFrame:
    """Return bars in which a ticker's close is a column of all others, the market's volatility, and no row of its own.

    Raises:
        ValueError: the ticker lacks a day that the others have, and its last close is not to be held.

    """
    others = bars[bars["ticker"] != ticker].reset_index(drop=True)
    own = bars[bars["ticker"] == ticker].drop_duplicates("date").set_index("date")["close"].dropna()
    days = pd.DatetimeIndex(np.sort(others["date"].unique()))
    by_day = own.reindex(days, method="ffill" if hold else None)
    if len(lacking := days[by_day.isna()]):
        raise ValueError(
            f"{ticker}, the volatility_ticker, has no row on {lacking[0]:%Y-%m-%d} and {len(lacking) - 1} more days "
            f"that the market has; its own run from {own.index[0]:%Y-%m-%d} to {own.index[-1]:%Y-%m-%d}: start the "
            f"market later, take missing: hold, or set volatility_ticker: null for the basket's realised volatility"
        )
    return others.assign(**{f"{VOLATILITY}{ticker}": others["date"].map(by_day)})


def synthetic_bars(
    ticker_count: int, days: int, signal_strength: float, half_life_days: float, noise_sd: float, seed: int
) -> pd.DataFrame:
    """Return a world in which one feature per ticker predicts the next day's return, and nothing else does.

    The signal of each ticker is a stationary AR(1) process of unit variance; the return of day t + 1 is
    ``signal_strength`` × signal of day t, plus independent normal noise of ``noise_sd``. Prices start at 100, and
    open = high = low = close.
    """
    rng = np.random.default_rng(seed)
    persistence = 0.5 ** (1 / half_life_days)
    shocks = rng.standard_normal((days, ticker_count))
    noise = noise_sd * rng.standard_normal((days, ticker_count))
    signal = np.empty((days, ticker_count))
    signal[0] = shocks[0]
    for day in range(1, days):
        signal[day] = persistence * signal[day - 1] + np.sqrt(1 - persistence**2) * shocks[day]
    returns = noise
    returns[0] = 0
    returns[1:] += signal_strength * signal[:-1]
    close = 100 * np.cumprod(1 + np.clip(returns, -0.45, 0.45), axis=0)
    dates = pd.bdate_range(FIRST_SYNTHETIC_DAY, periods=days)
    width = len(str(ticker_count))
    wide = pd.DataFrame(close, index=dates, columns=[f"S{index:0{width}}" for index in range(1, ticker_count + 1)])
    return _closes_only(wide).assign(**{SIGNAL: signal.ravel()})  # both a row a day, tickers within it


def _embedded() -> tuple[pd.DataFrame, str]:
    from skfolio.datasets import load_sp500_dataset  # takes 1.7 s, and only this source needs it

    return (
        _closes_only(load_sp500_dataset()),
        "skfolio's sample of 20 US large caps, adjusted closes: open = high = low = close, volume 0. "
        "They were chosen because they survived to 2022, so that every long portfolio of them looks better than it was",
    )


def _closes_only(wide: pd.DataFrame) -> pd.DataFrame:
    """Return bars of a table of closes (a row a day, a column a ticker)."""
    long = wide.rename_axis(index="date").reset_index().melt("date", var_name="ticker", value_name="close")
    return arrange_bars(
        long.assign(open=long["close"], high=long["close"], low=long["close"], volume=0.0), "a table of closes"
    )


def _from_files(path: Path | None) -> tuple[pd.DataFrame, str]:
    if path is None or not path.exists():
        raise FileNotFoundError(f"the csv market's path {path} does not exist: name a file or a folder of TICKER.csv")
    if not path.is_dir():
        return arrange_bars(_read_table(path), str(path)), f"the user's file {path.name}"
    files = sorted(path.glob("*.csv"))
    if not files:
        raise ValueError(f"the csv market's folder {path} has no file that ends in .csv")
    tables = []
    for file in files:
        table = _read_table(file)
        if "ticker" not in table.rename(columns=str.lower):
            table["ticker"] = file.stem
        tables.append(arrange_bars(table, str(file)))
    return arrange_bars(pd.concat(tables), str(path)), f"the user's folder {path.name} of {len(files)} files"


def _read_table(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        names = [str(name) for name in pd.read_csv(path, nrows=0) if str(name).strip().lower() == "ticker"]
        return pd.read_csv(path, converters=dict.fromkeys(names, str))  # 000001 is a ticker, and so is NA
    except (ValueError, UnicodeDecodeError, OSError) as error:
        raise ValueError(f"{path} cannot be read as a table: {first_line(error)}") from error


def _select(bars: pd.DataFrame, market: Market) -> pd.DataFrame:
    known = set(bars["ticker"])
    wanted = {*(market.tickers or known), *filter(None, [market.volatility_ticker])}
    unknown = sorted(wanted - known)
    if unknown:
        raise ValueError(
            f"there is no ticker {', '.join(unknown)}, which tickers or volatility_ticker of config.yaml names: add "
            f"its bars, or name one of {', '.join(sorted(known))}"
        )
    keep = bars["ticker"].isin(wanted)
    for bound, kept in ((market.start, bars["date"].ge), (market.end, bars["date"].le)):
        if bound:
            keep &= kept(pd.Timestamp(bound))
    if not keep.any():
        first, last = bars["date"].min(), bars["date"].max()
        raise ValueError(
            f"no bars between {market.start} and {market.end}: the bars run from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
    return bars[keep].reset_index(drop=True)

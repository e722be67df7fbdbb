"""What an agent sees of a market: features of day t computed from days up to t."""

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import COLUMNS, HELD, INDICATORS, VOLATILITY, index_column, volatility_column, when
from workflow_scripts.data.features import Array, Features
from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR, look_back, periods_of
from workflow_scripts.data.shrinkage import describe_covariance
from workflow_scripts.data.turbulence import turbulence

VOLATILITY_DAYS = 21
REALISED = f"realised volatility of the equal-weight basket over {VOLATILITY_DAYS} days, in percent"


def compute_features(bars: pd.DataFrame, turbulence_days: int) -> Features:
    """Return the features of every day after the warm-up.

    Raises:
        ValueError: there are no days after the warm-up, or a feature is not finite (names ticker, date and feature).

    """
    implied = volatility_column(bars)
    own_names = [name for name in bars.columns if name not in (*COLUMNS, HELD, implied, index_column(bars))]
    wanted = ["close", *own_names, *([] if implied is None else [implied])]
    wide = {name: bars.pivot(index="date", columns="ticker", values=name) for name in wanted}
    close, own = wide["close"], [wide[name].to_numpy() for name in own_names]
    warmup = warm_up(turbulence_days, len(close))
    of_tickers = {ticker: _indicators(own_bars) for ticker, own_bars in bars.groupby("ticker")}
    indicators = np.stack([of_tickers[ticker] for ticker in close.columns], axis=1)
    price = close.to_numpy()
    scale_free, names = _scale_free(price, indicators)
    periods_per_year = periods_of(bars.attrs)
    fear = volatility(close, periods_per_year) if implied is None else wide[implied].iloc[:, 0].to_numpy()
    market = np.stack([turbulence(close, turbulence_days), fear], axis=1)
    features = Features(
        dates=pd.DatetimeIndex(close.index[warmup:]),
        tickers=tuple(close.columns),
        close=price[warmup:],
        indicators=np.concatenate([indicators, *(column[..., None] for column in own)], axis=2)[warmup:],
        scale_free=np.concatenate([scale_free, *(column[..., None] for column in own)], axis=2)[warmup:],
        market=market[warmup:],
        scale_free_names=(*names, *own_names),
        volatility=REALISED if implied is None else f"close of {implied.removeprefix(VOLATILITY)}",
        covariance=describe_covariance(close.shape[1], turbulence_days),
        periods_per_year=periods_per_year,
    )
    _require_finite(features)
    return features


def warm_up(turbulence_days: int, days: int) -> int:
    """Return how many first days of a market have no features: the longest look-back and one day.

    Raises:
        ValueError: the market has no more days than these.

    """
    needed = look_back(turbulence_days)
    if days <= needed:
        raise ValueError(
            f"the market has {days} days, and its features need a warm-up of {needed}: "
            "start it earlier or lower features.turbulence_days"
        )
    return needed


def _indicators(bars: pd.DataFrame) -> Array:
    """Return (days, 8) indicators of one ticker, through stockstats as FinRL does.

    They know the days on which the ticker traded; on a day on which it did not they stay as they were.
    """
    from stockstats import StockDataFrame

    traded = bars[HELD].to_numpy() == 0 if HELD in bars else np.ones(len(bars), dtype=bool)
    traded[0] = True  # where days begin while it stands still, its last close
    frame = StockDataFrame.retype(bars.loc[traded, COLUMNS].reset_index(drop=True).copy())
    indicators: Array = np.asarray(frame[list(INDICATORS)], dtype=np.float64)
    return np.take(indicators, traded.cumsum() - 1, axis=0)


def _scale_free(close: Array, indicators: Array) -> tuple[Array, tuple[str, ...]]:
    macd, upper, lower, rsi, cci, dx, average_30, average_60 = np.moveaxis(indicators, 2, 0)
    columns = {
        "return_1": _log_return(close, 1),
        "return_5": _log_return(close, 5),
        "return_21": _log_return(close, 21),
        "macd": macd / close,
        "boll_ub": upper / close - 1,
        "boll_lb": lower / close - 1,
        "rsi_30": rsi,
        "cci_30": cci,
        "dx_30": dx,
        "close_30_sma": close / average_30 - 1,
        "close_60_sma": close / average_60 - 1,
    }
    return np.stack(list(columns.values()), axis=2), tuple(columns)


def _log_return(close: Array, days: int) -> Array:
    returns = np.full_like(close, np.nan)
    returns[days:] = np.log(close[days:] / close[:-days])
    return returns


def volatility(close: pd.DataFrame, periods_per_year: int = TRADING_DAYS_A_YEAR) -> Array:
    """Return (days,) realised volatility of the equal-weight basket over 21 days, annualised, in percent.

    It stands in for the VIX where a source has none.
    """
    basket = close.pct_change().mean(axis=1)
    realised = basket.rolling(VOLATILITY_DAYS).std() * np.sqrt(periods_per_year) * 100
    return np.asarray(realised, dtype=np.float64)


def _require_finite(features: Features) -> None:
    for values, names in ((features.scale_free, features.scale_free_names), (features.indicators, INDICATORS)):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            day, ticker, column = bad[0]
            raise ValueError(
                f"{features.tickers[ticker]} on {when(features.dates[day])}: the feature {names[column]} "
                f"is not a finite number ({len(bad)} such values); does its price stand still?"
            )
    bad = np.argwhere(~np.isfinite(features.market))
    if len(bad):
        raise ValueError(f"turbulence or volatility is not a finite number on {when(features.dates[bad[0][0]])}")

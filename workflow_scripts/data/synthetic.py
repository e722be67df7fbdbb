"""Worlds whose law is known."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from workflow_scripts.data.bars import SIGNAL, bars_of_closes
from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR
from workflow_scripts.data.sources.base import Source

FIRST_DAY = "2000-01-03"


class Synthetic(Source):
    """A world in which one feature per ticker may predict the next day's return, and nothing else does."""

    ticker_count: int = Field(default=15, ge=2, le=5000, description="tickers to make")
    days: int = Field(default=3000, ge=100, le=60_000, description=f"business days to make from {FIRST_DAY} on")
    half_life_days: float = Field(
        default=10, gt=0, le=10**6, description="days in which the signal's autocorrelation halves"
    )
    noise_sd: float = Field(
        default=0.01, gt=0, le=1, description="standard deviation of a ticker's unpredictable daily return"
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="seed of the world")
    periods_per_year: int | None = Field(
        default=TRADING_DAYS_A_YEAR, ge=1, le=10**6, description="periods per year, by which everything is annualised"
    )

    def strength(self) -> float:
        """Return the next day's expected return per unit of the signal."""
        return 0.0

    def read(self, parts: Path | None) -> tuple[pd.DataFrame, str]:
        """Return the world's bars, and its law."""
        strength = self.strength()
        bars = synthetic_bars(self.ticker_count, self.days, strength, self.half_life_days, self.noise_sd, self.seed)
        return bars, f"synthetic: the column {SIGNAL!r} moves the next day's expected return by {strength} per unit"


def draw_signal(days: int, ticker_count: int, half_life_days: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return signals (days, tickers): stationary AR(1) processes of unit variance, independent between tickers."""
    persistence = 0.5 ** (1 / half_life_days)
    shocks = rng.standard_normal((days, ticker_count))
    signal = np.empty((days, ticker_count))
    signal[0] = shocks[0]
    for day in range(1, days):
        signal[day] = persistence * signal[day - 1] + np.sqrt(1 - persistence**2) * shocks[day]
    return signal


def synthetic_bars(
    ticker_count: int, days: int, signal_strength: float, half_life_days: float, noise_sd: float, seed: int
) -> pd.DataFrame:
    """Return a world in which one feature per ticker predicts the next day's return, and nothing else does.

    The signal of each ticker is a stationary AR(1) process of unit variance; the return of day t + 1 is
    ``signal_strength`` × signal of day t, plus independent normal noise of ``noise_sd``. Prices start at 100, and
    open = high = low = close.
    """
    rng = np.random.default_rng(seed)
    signal = draw_signal(days, ticker_count, half_life_days, rng)
    returns = noise_sd * rng.standard_normal((days, ticker_count))
    returns[0] = 0
    returns[1:] += signal_strength * signal[:-1]
    close = 100 * np.cumprod(1 + np.clip(returns, -0.45, 0.45), axis=0)
    dates = pd.bdate_range(FIRST_DAY, periods=days)
    width = len(str(ticker_count))
    wide = pd.DataFrame(close, index=dates, columns=[f"S{index:0{width}}" for index in range(1, ticker_count + 1)])
    return bars_of_closes(wide).assign(**{SIGNAL: signal.ravel()})  # both a row per day, tickers within it

"""Measures of a run: numbers from its daily returns.

They are computed when a trial is scored, so that a new one retrains nothing. Each is a function of one record and is
known by its name. It returns a finite number, or says why there is none.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR

# A dispersion below this part of the level of what disperses is the rounding of a constant.
NOTHING = 1e-12
# Of resamples: where fewer are defined, they do not speak for the rest.
LEAST_DEFINED = 0.95
WORST = 0.05
Array = NDArray[np.float64]


class UndefinedError(ValueError):
    """These returns have no such number; the message says why."""


@dataclass(frozen=True)
class Record:
    """What a run earned and traded.

    Attributes:
        daily_returns: (days,) simple returns after fees, as fractions.
        benchmark: (days,) the benchmark's on the same days; none where there is no benchmark.
        turnover: (days,) traded value as a fraction of the portfolio's; none where nobody kept it.
        periods_per_year: days per year.
        risk_free: what cash earns a year.

    """

    daily_returns: Array
    benchmark: Array | None = None
    turnover: Array | None = None
    periods_per_year: int = TRADING_DAYS_A_YEAR
    risk_free: float = 0.0

    @property
    def excess(self) -> Array:
        """The daily returns beyond the risk-free rate."""
        return self.daily_returns - self.risk_free / self.periods_per_year


Measure = Callable[[Record], float]
MEASURES: dict[str, Measure] = {}


def measure(function: Measure) -> Measure:
    """Register a measure under its function's name."""
    MEASURES[function.__name__] = function
    return function


def take(name: str, function: Measure, record: Record) -> float:
    """Return what a measure says of a record, a finite number.

    Raises:
        UndefinedError: it is undefined, or beyond what a float holds.

    """
    if not len(record.daily_returns):
        raise UndefinedError("there are no daily returns")
    with np.errstate(all="ignore"):
        value = float(function(record))
    if not math.isfinite(value):
        raise UndefinedError(f"{name} is not finite")
    return value


def take_all(record: Record) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return every measure of a record, none where it is undefined, and the reasons of those."""
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, function in MEASURES.items():
        try:
            values[name] = take(name, function, record)
        except UndefinedError as undefined:
            values[name], reasons[name] = None, str(undefined)
    return values, reasons


def sharpe_of(daily_returns: Array, periods_per_year: int) -> float:
    """Return mean / standard deviation (ddof=1) of daily returns × √periods: Sharpe (1994).

    Raises:
        UndefinedError: the returns do not vary.

    """
    deviation = dispersion(daily_returns, "daily returns")
    return float(np.mean(daily_returns)) / deviation * math.sqrt(periods_per_year)


def level(daily_returns: Array) -> Array:
    """Return the level (…,) of daily returns (…, days), of which a deviation has to be 1e-12 to be one.

    A return carries the rounding of the ratio of two values of a portfolio, so its level is that of the growth factor.
    """
    largest: Array = 1 + np.abs(daily_returns).max(axis=-1)
    return largest


def dispersion(daily_returns: Array, what: str, fitted: int = 1) -> float:
    """Return the standard deviation of daily returns; below 1e-12 of their level it is none.

    Args:
        daily_returns: of a portfolio, or their difference to others.
        what: their name in the message.
        fitted: numbers that were estimated from them: degrees of freedom that are lost.

    Raises:
        UndefinedError: there are too few, or they do not vary.

    """
    days = len(daily_returns)
    if days <= fitted:
        raise UndefinedError(f"{days} {what} are too few: it takes {fitted + 1}")
    deviation = float(np.std(daily_returns, ddof=fitted))
    if deviation <= NOTHING * level(daily_returns):
        raise UndefinedError(f"{days} {what} do not vary")
    return deviation


@measure
def sharpe(record: Record) -> float:
    """Annualised Sharpe ratio: mean / standard deviation of the returns beyond the risk-free rate × √periods.

    Sharpe (1994), "The Sharpe Ratio".
    """
    return sharpe_of(record.excess, record.periods_per_year)


@measure
def total_return(record: Record) -> float:
    """Growth over all days, as a fraction: the product of 1 + return, less 1."""
    return float(np.prod(1 + record.daily_returns) - 1)


@measure
def sortino(record: Record) -> float:
    """Annualised Sortino ratio: mean / downside deviation of the returns beyond the risk-free rate × √periods.

    The downside deviation is √(mean of min(return, 0)²) over all days: Sortino and Price (1994), "Performance
    Measurement in a Downside Risk Framework".
    """
    downside = float(np.sqrt(np.mean(np.minimum(record.excess, 0) ** 2)))
    if downside <= NOTHING * level(record.daily_returns):
        raise UndefinedError("no day lost")
    return float(np.mean(record.excess)) / downside * math.sqrt(record.periods_per_year)


@measure
def omega(record: Record) -> float:
    """Sum of the gains / sum of the losses of single days, threshold 0.

    Keating and Shadwick (2002), "A Universal Performance Measure".
    """
    losses = -float(np.minimum(record.daily_returns, 0).sum())
    if losses <= NOTHING * level(record.daily_returns):
        raise UndefinedError("no day lost")
    return float(np.maximum(record.daily_returns, 0).sum()) / losses


@measure
def max_drawdown(record: Record) -> float:
    """Deepest fall from a peak, as a fraction of the peak, 0 or more; the first day's start is a peak too."""
    growth = np.concatenate([[1.0], np.cumprod(1 + record.daily_returns)])
    return float(np.max(1 - growth / np.maximum.accumulate(growth)))


@measure
def calmar(record: Record) -> float:
    """Compound annual return / deepest drawdown, over all days: Young (1991), "Calmar Ratio: A Smoother Tool"."""
    drawdown = max_drawdown(record)
    if drawdown <= NOTHING:
        raise UndefinedError("there is no drawdown")
    years = len(record.daily_returns) / record.periods_per_year
    return float((np.prod(1 + record.daily_returns) ** (1 / years) - 1) / drawdown)


@measure
def cvar(record: Record) -> float:
    """Mean daily loss of the worst 5 % of days, as a fraction, positive for a loss.

    The last of them counts by its part: of 30 days the worst one and half of the next. Rockafellar and Uryasev (2002),
    "Conditional Value-at-Risk for General Loss Distributions".
    """
    days = WORST * len(record.daily_returns)
    if days < 1:
        raise UndefinedError(f"{WORST:.0%} of {len(record.daily_returns)} days are less than a day")
    parts = np.clip(days - np.arange(math.ceil(days)), 0, 1)
    return -float(parts @ np.sort(record.daily_returns)[: len(parts)]) / days


@measure
def annual_turnover(record: Record) -> float:
    """Value traded in a year, as a multiple of the portfolio's: mean daily turnover × periods."""
    if record.turnover is None:
        raise UndefinedError("no turnover was kept")
    return float(record.turnover.mean() * record.periods_per_year)


@measure
def skewness(record: Record) -> float:
    """Skewness of the daily returns: the mean of z³, with the population's deviation."""
    return _standardised_moment(record.daily_returns, 3)


@measure
def kurtosis(record: Record) -> float:
    """Kurtosis of the daily returns, raw (a normal distribution has 3): the mean of z⁴."""
    return _standardised_moment(record.daily_returns, 4)


@measure
def alpha(record: Record) -> float:
    """Annualised alpha against the benchmark, as a fraction: intercept of the daily regression × periods.

    Jensen (1968), "The Performance of Mutual Funds", by least squares of the returns on the benchmark's, both beyond
    the risk-free rate.
    """
    return _regression(record)[0] * record.periods_per_year


@measure
def beta(record: Record) -> float:
    """Slope of the daily returns on the benchmark's, by least squares: Sharpe (1964), "Capital Asset Prices"."""
    return _regression(record)[1]


@measure
def information_ratio(record: Record) -> float:
    """Annualised information ratio: alpha / standard deviation of the regression's residuals (ddof=2) × √periods.

    Grinold and Kahn (2000), "Active Portfolio Management". With beta held at 1 it is the Sharpe ratio of the
    returns less the benchmark's.
    """
    intercept, _, residuals = _regression(record)
    return intercept / dispersion(residuals, "residuals", fitted=2) * math.sqrt(record.periods_per_year)


def benchmark_of(record: Record) -> Array:
    """Return the benchmark's daily returns.

    Raises:
        UndefinedError: there is no benchmark.

    """
    if record.benchmark is None:
        raise UndefinedError("there is no benchmark")
    return record.benchmark


def _standardised_moment(daily_returns: Array, order: int) -> float:
    """Return the mean of z^order; scipy.stats has it too, but takes 0.9 s to import, and every trial pays that."""
    dispersion(daily_returns, "daily returns")
    return float(np.mean(((daily_returns - daily_returns.mean()) / daily_returns.std()) ** order))


def _regression(record: Record) -> tuple[float, float, Array]:
    """Return intercept, slope and residuals of the least squares of the returns on the benchmark's."""
    benchmark, returns = benchmark_of(record) - record.risk_free / record.periods_per_year, record.excess
    dispersion(benchmark, "daily returns of the benchmark")
    centred = benchmark - benchmark.mean()
    slope = float(centred @ returns) / float(centred @ centred)
    intercept = float(np.mean(returns)) - slope * float(benchmark.mean())
    return intercept, slope, returns - intercept - slope * benchmark

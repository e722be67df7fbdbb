"""Days of a market in another order, and what makes of them a market in which nothing can be found."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def resampled_days(days: int, count: int, block_days: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``count`` of the numbers below ``days`` by the stationary bootstrap (Politis and Romano 1994).

    Blocks begin anywhere, have geometric lengths, and go on from the first day after the last.

    Args:
        days: number of days to draw from.
        count: number of days to draw.
        block_days: mean length of a block; 1 draws each day by itself.
        rng: what draws.

    """
    numbers = np.arange(count)
    begins = rng.random(count) < 1 / block_days
    begins[0] = True
    start = np.maximum.accumulate(np.where(begins, numbers, 0))
    drawn: NDArray[np.int64] = (rng.integers(days, size=count)[start] + numbers - start) % days
    return drawn


def without_alpha(returns: Array) -> Array:
    """Return returns whose means make equal weight the portfolio with the largest Sharpe ratio.

    Some tickers earn more for their risk than others do, whatever the order of the days. An agent that holds these has
    skill. So each ticker's mean becomes its beta to equal weight × the mean of equal weight: the first-order condition
    of the largest Sharpe ratio (Sharpe 1964). Deviations from the mean, and the mean of equal weight, stay.

    Args:
        returns: (days, tickers) simple returns.

    """
    equal_weight = returns.mean(axis=1)
    deviations = equal_weight - equal_weight.mean()
    beta = deviations @ returns / (deviations @ equal_weight)
    means: Array = beta * equal_weight.mean() - returns.mean(axis=0)
    return returns + means


def own_deviation(returns: Array) -> Array:
    """Return the standard deviation (tickers,) of each ticker's return less that of equal weight."""
    beside: Array = (returns - returns.mean(axis=1, keepdims=True)).std(axis=0, ddof=1)
    return beside

"""What a number of days can show: power, the smallest difference, the days that a difference takes."""

import math

from scipy.stats import norm

from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR


def sharpe_difference_error(days: int, correlation: float, first: float = 0.0, second: float = 0.0) -> float:
    """Return the standard error of the difference of two Sharpe ratios per day, of independent normal returns.

    Jobson and Korkie (1981) as corrected by Memmel (2003), "Performance Hypothesis Testing with the Sharpe Ratio":
    √((2 − 2ρ + (SR₁² + SR₂² − 2 SR₁ SR₂ ρ²)/2) / T).

    Args:
        days: T, number of paired returns.
        correlation: ρ between the paired returns.
        first: Sharpe ratio per day of the first series; of little weight at daily sizes.
        second: the same of the second series.

    Raises:
        ValueError: no day, or a correlation beyond one.

    """
    if days < 1 or abs(correlation) > 1:
        raise ValueError(f"{days} days with correlation {correlation}: at least 1 and within [−1, 1] are needed")
    levels = (first**2 + second**2 - 2 * first * second * correlation**2) / 2
    return math.sqrt((2 - 2 * correlation + levels) / days)


def detectable(error: float, power: float = 0.8, size: float = 0.05) -> float:
    """Return the effect that a two-sided test finds with probability ``power``: (z₁₋ₛᵢ𝓏ₑ/₂ + z_power) errors.

    Args:
        error: standard error of the estimate.
        power: probability to find the effect.
        size: probability of the test to find what is not there.

    """
    return float(norm.isf(size / 2) + norm.ppf(power)) * error


def power_to_detect(effect: float, error: float, size: float = 0.05) -> float:
    """Return the probability that a two-sided test finds an effect, in the right direction.

    Args:
        effect: the true one.
        error: standard error of the estimate.
        size: of the test.

    """
    if error == 0:
        return 1.0 if effect else size / 2
    return float(norm.sf(norm.isf(size / 2) - abs(effect) / error))


def detectable_sharpe_difference(
    days: int, correlation: float, power: float = 0.8, size: float = 0.05, days_a_year: int = TRADING_DAYS_A_YEAR
) -> float:
    """Return the annual Sharpe difference that a two-sided test finds with probability ``power``.

    By Memmel's error at Sharpe ratios near zero.

    Args:
        days: number of paired returns.
        correlation: between the paired returns, as it was measured: .9 and .998 differ by a factor of seven.
        power: probability to find it.
        size: probability of the test to find what is not there.
        days_a_year: days per year of the market.

    """
    return detectable(sharpe_difference_error(days, correlation) * math.sqrt(days_a_year), power, size)


def power_of_sharpe_difference(
    difference: float, days: int, correlation: float, size: float = 0.05, days_a_year: int = TRADING_DAYS_A_YEAR
) -> float:
    """Return the probability that a two-sided test calls an annual Sharpe difference, in the right direction.

    Args:
        difference: true annual Sharpe difference.
        days: number of paired returns.
        correlation: between the paired returns.
        size: of the two-sided test.
        days_a_year: days per year of the market.

    """
    return power_to_detect(difference, sharpe_difference_error(days, correlation) * math.sqrt(days_a_year), size)


def days_to_detect(
    difference: float,
    correlation: float,
    power: float = 0.8,
    size: float = 0.05,
    days_a_year: int = TRADING_DAYS_A_YEAR,
) -> int:
    """Return how many days a two-sided test needs to find an annual Sharpe difference with probability ``power``.

    Raises:
        ValueError: a difference of zero, which no number of days shows.

    """
    if difference == 0:
        raise ValueError("no number of days shows a difference of zero")
    of_one_day = detectable_sharpe_difference(1, correlation, power, size, days_a_year)
    return max(1, math.ceil((of_one_day / difference) ** 2))

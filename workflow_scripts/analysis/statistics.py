"""The statistics that tell skill from luck. A Sharpe ratio enters a test per day, never annualised."""

import math
from collections.abc import Mapping

import numpy as np
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from scipy.stats import norm

from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR
from workflow_scripts.sweeps.measures import LEAST_DEFINED, NOTHING, Array, UndefinedError, dispersion, level

EULER_GAMMA = 0.5772156649015329


def probabilistic_sharpe_ratio(
    sharpe: float, benchmark: float, days: int, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return the probability that the true Sharpe ratio exceeds the benchmark.

    Bailey and López de Prado (2012), "The Sharpe Ratio Efficient Frontier", eq. 11:
    Φ((SR − SR*) √(n − 1) / √(1 − γ3 SR + (γ4 − 1)/4 SR²)).

    Args:
        sharpe: estimated Sharpe ratio per day.
        benchmark: Sharpe ratio per day to exceed.
        days: number of daily returns.
        skewness: of the daily returns.
        kurtosis: of the daily returns, raw (normal = 3).

    Raises:
        UndefinedError: fewer than two returns, or moments that no distribution has.

    """
    spread = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if days < 2 or spread <= 0:
        raise UndefinedError(
            f"no distribution: {days} days, skewness {skewness}, kurtosis {kurtosis}, Sharpe {sharpe} a day"
        )
    return float(norm.cdf((sharpe - benchmark) * math.sqrt((days - 1) / spread)))


def expected_maximum_sharpe(trials: int, variance: float) -> float:
    """Return the Sharpe ratio per day that the best of ``trials`` without skill is expected to show.

    Bailey and López de Prado (2014), "The Deflated Sharpe Ratio", eq. 1:
    √V ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))).

    Args:
        trials: number of independent trials.
        variance: variance between the trials' Sharpe ratios per day.

    """
    if trials < 2:
        return 0.0
    quantiles = norm.ppf(1 - 1 / trials), norm.ppf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * float((1 - EULER_GAMMA) * quantiles[0] + EULER_GAMMA * quantiles[1])


def annualised_sharpes(daily_returns: Array) -> Array:
    """Return the annualised Sharpe ratios (…,) of daily returns (…, days), NaN of those that do not vary."""
    deviation = daily_returns.std(axis=-1, ddof=1)
    varying = np.where(deviation > NOTHING * level(daily_returns), deviation, np.nan)
    ratios: Array = daily_returns.mean(axis=-1) / varying * math.sqrt(TRADING_DAYS_A_YEAR)
    return ratios


def bootstrap_mean_sharpes(series: Mapping[str, Array], resamples: int, seed: int) -> dict[str, Array]:
    """Return, for each name, (resamples,) draws of its mean Sharpe ratio over seeds; NaN where a draw is undefined.

    Two sources of luck are resampled: the days, in blocks (stationary bootstrap, Politis and Romano 1994, with the
    automatic block length of Politis and White 2004) that are the same for every name, so that differences are paired;
    and the seeds, within each name (stratified, Agarwal et al. 2021).

    Args:
        series: daily returns (seeds, days) on the same days.
        resamples: number of draws.
        seed: of the draws.

    """
    rng = np.random.default_rng(seed)
    days = next(iter(series.values())).shape[1]
    # The names share their days, so they share a block length: that of the series that needs the longest.
    length = max(_block_length(rows.mean(axis=0)) for rows in series.values())
    blocks = StationaryBootstrap(max(1.0, min(length, days / 4)), np.arange(days), seed=rng)
    draws: dict[str, list[float]] = {name: [] for name in series}
    for (drawn,), _ in blocks.bootstrap(resamples):
        for name, rows in series.items():
            seeds = rng.integers(len(rows), size=len(rows))
            draws[name].append(float(annualised_sharpes(rows[:, drawn])[seeds].mean()))
    return {name: np.asarray(values) for name, values in draws.items()}


def _block_length(daily_returns: Array) -> float:
    try:
        dispersion(daily_returns, "daily returns")
    except UndefinedError:  # any blocks of them are the same
        return 1.0
    with np.errstate(all="ignore"):  # of fewer than eleven days it is infinite
        return float(np.nan_to_num(optimal_block_length(daily_returns)["stationary"].iloc[0], nan=1.0))


def percentile_interval(draws: Array, confidence: float) -> tuple[float, float]:
    """Return the central interval of the bootstrap draws that are defined, where nearly all are.

    Raises:
        UndefinedError: more than one draw in twenty is undefined: those that are not would speak for the rest.

    """
    defined = draws[~np.isnan(draws)]
    if len(defined) < LEAST_DEFINED * len(draws):
        raise UndefinedError(f"{len(draws) - len(defined)} of {len(draws)} bootstrap draws have no Sharpe ratio")
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)

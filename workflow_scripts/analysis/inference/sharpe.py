"""How sure one Sharpe ratio is. Ratios are per period, as the returns are; a name says so where one is per year."""

import math

from scipy.stats import norm


def sharpe_standard_error(sharpe: float, periods: int) -> float:
    """Return the standard error of a Sharpe ratio of independent normal returns: √((1 + SR²/2) / T).

    Lo (2002), "The Statistics of Sharpe Ratios", the error of independent returns.

    Args:
        sharpe: Sharpe ratio per period.
        periods: number of returns.

    Raises:
        ValueError: no returns.

    """
    if periods < 1:
        raise ValueError(f"{periods} returns have no Sharpe ratio: at least 1 is needed")
    return math.sqrt((1 + sharpe**2 / 2) / periods)


def aggregation_factor(periods: int, autocorrelation: float) -> float:
    """Return η, by which a Sharpe ratio per period becomes one per ``periods`` periods where returns are AR(1).

    Lo (2002), on time aggregation: η(q) = q / √(q + 2 Σₖ (q − k) ρᵏ), k from 1 to q − 1; √q where ρ = 0.

    Args:
        periods: q, how many periods are added up.
        autocorrelation: ρ, of one period's return with the next one's.

    Raises:
        ValueError: no period, or an autocorrelation of one and beyond.

    """
    if periods < 1 or abs(autocorrelation) >= 1:
        raise ValueError(f"{periods} periods of autocorrelation {autocorrelation}: ≥ 1 and within (−1, 1) are needed")
    covariances = sum((periods - lag) * autocorrelation**lag for lag in range(1, periods))
    return periods / math.sqrt(periods + 2 * covariances)


def probabilistic_sharpe_ratio(
    sharpe: float, benchmark: float, periods: int, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return the probability that the true Sharpe ratio exceeds the benchmark.

    Bailey and López de Prado (2012), "The Sharpe Ratio Efficient Frontier", eq. 11:
    Φ((SR − SR*) √(T − 1) / √(1 − γ₃ SR + (γ₄ − 1)/4 SR²)). skfolio's function of this name starts from returns and
    gives the same; this one starts from moments, which is what papers print and a score keeps.

    Args:
        sharpe: estimated Sharpe ratio per period.
        benchmark: Sharpe ratio per period to exceed.
        periods: number of returns.
        skewness: γ₃ of the returns.
        kurtosis: γ₄ of the returns, raw (normal = 3).

    Raises:
        ValueError: fewer than two returns, or moments that no distribution has.

    """
    spread = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    if periods < 2 or spread <= 0:
        raise ValueError(
            f"no distribution: {periods} returns, skewness {skewness}, kurtosis {kurtosis}, Sharpe {sharpe} a period"
        )
    return float(norm.cdf((sharpe - benchmark) * math.sqrt((periods - 1) / spread)))


def minimum_track_record(
    sharpe: float, benchmark: float, confidence: float = 0.95, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return how many returns the probabilistic Sharpe ratio needs to reach ``confidence``.

    Bailey and López de Prado (2012), "minimum track record length": 1 + (1 − γ₃ SR + (γ₄ − 1)/4 SR²) (z / (SR − SR*))².

    Args:
        sharpe: Sharpe ratio per period, as it is seen.
        benchmark: Sharpe ratio per period to exceed.
        confidence: probability to reach.
        skewness: γ₃ of the returns.
        kurtosis: γ₄ of the returns, raw (normal = 3).

    Raises:
        ValueError: the ratio does not exceed the benchmark, so that no length is enough.

    """
    if sharpe <= benchmark:
        raise ValueError(f"no track record shows that a Sharpe ratio of {sharpe} exceeds {benchmark}")
    spread = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    return float(1 + spread * (norm.ppf(confidence) / (sharpe - benchmark)) ** 2)

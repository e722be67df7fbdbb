"""How much better one series of daily returns is than another: Sharpe difference, alpha, information ratio.

Each estimand is given as values (seeds,) and their influences (seeds, days): what a day adds to the estimate, so that
the variance of the estimate is the long-run variance of the influences over the number of days.
"""

import math
from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm  # type: ignore[import-untyped]
from numpy.typing import NDArray

from workflow_scripts.analysis.inference.estimands import Estimand
from workflow_scripts.analysis.inference.long_run import parzen_covariance

Array = NDArray[np.float64]


def sharpe_ratios(returns: Array) -> tuple[Array, Array]:
    """Return Sharpe ratios per day (…,) of returns (…, days), with their influences (…, days).

    The influence of a day with z = (r − mean)/sd is z − SR (z² − 1)/2: the delta method of Lo (2002), appendix A.
    """
    mean, deviation = returns.mean(axis=-1, keepdims=True), returns.std(axis=-1, keepdims=True)
    standard = (returns - mean) / deviation
    ratios = mean / deviation
    unbiased: Array = (ratios * math.sqrt(1 - 1 / returns.shape[-1]))[..., 0]
    influences: Array = standard - ratios * (standard**2 - 1) / 2
    return unbiased, influences


def alphas(returns: Array, benchmark: Array) -> tuple[Array, Array]:
    """Return the intercepts per day (…,) of returns (…, days) regressed on the benchmark's, with influences (…, days).

    The influence of a day with residual e is e (1 − mean(b) (b − mean(b)) / var(b)), the first row of (X'X/T)⁻¹ xₜ eₜ.
    """
    mean = benchmark.mean(axis=-1, keepdims=True)
    centred, variance = benchmark - mean, benchmark.var(axis=-1, keepdims=True)
    betas = np.mean((returns - returns.mean(axis=-1, keepdims=True)) * centred, axis=-1, keepdims=True) / variance
    residuals = returns - betas * benchmark
    intercepts = residuals.mean(axis=-1)
    influences: Array = (residuals - intercepts[..., None]) * (1 - mean * centred / variance)
    return intercepts, influences


def difference(returns: Array, benchmark: Array, estimand: Estimand) -> tuple[Array, Array]:
    """Return by how much returns (seeds, days) exceed the benchmark, per day (seeds,), with influences (seeds, days).

    Args:
        returns: daily returns (seeds, days).
        benchmark: daily returns (days,), or (seeds, days) where every seed has its own rival.
        estimand: ``sharpe``: difference of Sharpe ratios; ``alpha``: with beta matched; ``information_ratio``: Sharpe
            ratio of the active returns.

    """
    if estimand == "alpha":
        return alphas(returns, np.broadcast_to(benchmark, returns.shape))
    if estimand == "information_ratio":
        return sharpe_ratios(returns - benchmark)
    (own, own_influences), (other, other_influences) = sharpe_ratios(returns), sharpe_ratios(benchmark)
    return own - other, own_influences - other_influences


@dataclass(frozen=True)
class Regression:
    """An OLS regression on a benchmark, its errors robust to dependence over ``lags`` periods."""

    alpha: float
    alpha_error: float
    beta: float
    beta_error: float
    p_value: float


def regress_on_benchmark(returns: Array, benchmark: Array, lags: int | None = None) -> Regression:
    """Return alpha per period and beta of returns (days,) on a benchmark (days,), by OLS with Newey–West errors.

    statsmodels' ``OLS.fit(cov_type="HAC")``: Bartlett's kernel (Newey and West 1987), no correction of small samples.

    Args:
        returns: returns (days,).
        benchmark: returns (days,) of the same days.
        lags: of the kernel; ⌈T^⅓⌉ where none is given.

    Raises:
        ValueError: the benchmark does not vary, so that there is no beta.

    """
    if np.ptp(benchmark) == 0:
        raise ValueError(f"the benchmark earns {benchmark[0]} on each of {len(benchmark)} days: there is no beta")
    lags = math.ceil(len(returns) ** (1 / 3)) if lags is None else lags
    fit = sm.OLS(returns, sm.add_constant(benchmark)).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    (alpha, beta), (alpha_error, beta_error) = fit.params, fit.bse
    return Regression(float(alpha), float(alpha_error), float(beta), float(beta_error), float(fit.pvalues[0]))


def sharpe_difference_hac_error(first: Array, second: Array, prewhiten: bool = False) -> float:
    """Return the standard error of the difference of two Sharpe ratios per period, robust to dependence.

    Ledoit and Wolf (2008), section 3.1: the delta method over the means of r₁, r₂, r₁², r₂² with Parzen's kernel.

    Args:
        first: returns (days,).
        second: returns (days,) of the same days.
        prewhiten: whether a VAR(1) is taken out first; the paper's own recommendation.

    """
    returns = np.column_stack([first, second])
    means, squares = returns.mean(axis=0), (returns**2).mean(axis=0)
    cubes = (squares - means**2) ** 1.5
    signs = np.array([1, -1])
    gradient = np.concatenate([signs * squares / cubes, -signs * means / (2 * cubes)])
    covariance = parzen_covariance(np.hstack([returns - means, returns**2 - squares]), prewhiten)
    return float(np.sqrt(gradient @ covariance @ gradient / len(returns)))


@dataclass(frozen=True)
class BootstrappedDifference:
    """A difference of Sharpe ratios per period with its studentised bootstrap."""

    estimate: float
    standard_error: float
    p_value: float
    interval: tuple[float, float]


def bootstrap_sharpe_difference(
    first: Array, second: Array, block: int = 5, resamples: int = 499, confidence: float = 0.95, seed: int = 0
) -> BootstrappedDifference:
    """Return the difference of two Sharpe ratios per period with Ledoit and Wolf's studentised bootstrap.

    Ledoit and Wolf (2008), section 3.2.2: circular blocks; the data by the prewhitened HAC error, each resample by the
    variance of its own block sums (Götze and Künsch 1996); p = (1 + #{|d*| ≥ |d|}) / (resamples + 1).

    Args:
        first: returns (days,).
        second: returns (days,) of the same days.
        block: length of the blocks in days.
        resamples: number of resamples.
        confidence: of the symmetric interval.
        seed: of the resamples.

    Raises:
        ValueError: fewer than two blocks.

    """
    days = len(first)
    blocks = days // block
    if blocks < 2:
        raise ValueError(f"{days} days make {blocks} blocks of {block}: at least 2 are needed")
    pair = np.stack([first, second])
    estimate = float(np.subtract(*sharpe_ratios(pair)[0]))
    error = sharpe_difference_hac_error(first, second, prewhiten=True)
    rng = np.random.default_rng(seed)
    statistics = np.empty(resamples)
    for number in range(resamples):
        starts = rng.integers(days, size=blocks)
        drawn = (starts[:, None] + np.arange(block)).ravel() % days
        ratios, influences = sharpe_ratios(pair[:, drawn])
        sums = (influences[0] - influences[1]).reshape(blocks, block).sum(axis=1)
        own_error = math.sqrt(float(np.mean(sums**2)) / block / len(drawn))
        statistics[number] = abs(float(ratios[0] - ratios[1]) - estimate) / own_error
    reach = float(np.quantile(statistics, confidence)) * error
    p_value = (1 + int(np.sum(statistics >= abs(estimate) / error))) / (resamples + 1)
    return BootstrappedDifference(estimate, error, p_value, (estimate - reach, estimate + reach))

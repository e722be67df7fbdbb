"""The variance of a mean over days that depend on each other."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

Array = NDArray[np.float64]


def cosine_degrees(days: int) -> int:
    """Return how many cosines the long-run variance averages over: 0.4 T^⅔, rounded.

    Lazarus, Lewis, Stock and Watson (2018), "HAR Inference: Recommendations for Practice", on the number of cosines.
    """
    return max(1, round(0.4 * math.pow(days, 2 / 3)))


def long_run_variance(series: Array) -> Array:
    """Return the long-run variances (…,) of series (…, days): T times the variance of their means.

    The equal-weighted cosine estimator of Lazarus et al. (2018): the mean square of the first ``cosine_degrees``
    type-II cosine transforms, which are independent and of this variance each. So a mean over its standard error is
    Student's t with ``cosine_degrees`` degrees of freedom: the uncertainty of the variance is part of the test, where
    Parzen's kernel with normal quantiles leaves it out. Measured (``benchmarks/verdicts.py``: one Sharpe difference,
    252 days, correlation .9, 300 samples, error 1.3 points) at autocorrelation 0, .4 and .6 of active returns: the
    cosines reject 3.3, 5.0 and 7.3 % of true nulls, Parzen's kernel 2.7, 10.7 and 20.3 %, prewhitened 2.3, 5.0 and
    9.0 %, Ledoit and Wolf's bootstrap with blocks of ten 2.0, 4.0 and 8.7 %, errors of independent days 2.7, 21.3 and
    34.3 %. The bootstrap is as good and takes some four hundred times as long.

    Args:
        series: values (…, days), at least two days.

    """
    days = series.shape[-1]
    cosines = dct(series, type=2, axis=-1)[..., 1 : cosine_degrees(days) + 1] / np.sqrt(2 * days)
    variances: Array = np.mean(cosines**2, axis=-1)
    return variances


def stationary_bootstrap_variance(series: Array, block: float) -> Array:
    """Return the long-run variances (…,) that a stationary bootstrap of series (…, days) resamples.

    Politis and Romano (1994), "The Stationary Bootstrap", lemma 1: γ₀ + 2 Σᵢ κᵢ γᵢ with the sample's autocovariances γ
    and κᵢ = (1 − i/T)(1 − p)ⁱ + (i/T)(1 − p)^{T−i}, p the inverse of the mean block length.

    Args:
        series: values (…, days).
        block: mean length of the blocks in days.

    """
    days = series.shape[-1]
    centred = series - series.mean(axis=-1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(centred, 2 * days, axis=-1)) ** 2
    autocovariances = np.fft.irfft(spectrum, axis=-1)[..., :days] / days
    lags, stay = np.arange(days), 1 - 1 / block
    weights = 2 * ((1 - lags / days) * stay**lags + lags / days * stay ** (days - lags))
    weights[0] = 1
    variances: Array = autocovariances @ weights
    return variances


def parzen_covariance(series: Array, prewhiten: bool = False) -> Array:
    """Return the long-run covariance (k, k) of centred series (days, k) by Parzen's kernel.

    Ledoit and Wolf (2008), "Robust Performance Hypothesis Testing with the Sharpe Ratio", section 3.1: bandwidth
    2.6614 (α̂(2) T)^⅕ with α̂ from an AR(1) for each column (Andrews 1991, eq. 6.4) and T/(T − k) for small samples.
    arch's Parzen has the same kernel over another bandwidth (Newey and West 1994, plus one), hence this function.

    Args:
        series: centred values (days, k).
        prewhiten: by a VAR(1) whose singular values are held at .97 (Andrews and Monahan 1992).

    Raises:
        ValueError: too few days for the autoregressions.

    """
    days, columns = series.shape
    if days < columns + 4:
        raise ValueError(f"{days} days are too few for a long-run covariance of {columns} series")
    if not prewhiten:
        return _parzen(series)
    left, singular, right = np.linalg.svd(np.linalg.lstsq(series[:-1], series[1:], rcond=None)[0].T)
    autoregression = left @ np.diag(np.minimum(singular, 0.97)) @ right
    recolour = np.linalg.inv(np.eye(columns) - autoregression)
    covariance: Array = recolour @ _parzen(series[1:] - series[:-1] @ autoregression.T) @ recolour.T
    return covariance


def _parzen(series: Array) -> Array:
    days, columns = series.shape
    bandwidth = min(2.6614 * (_andrews_alpha(series) * days) ** 0.2, days - 1)
    covariance: Array = series.T @ series / days
    for lag in range(1, int(np.ceil(bandwidth))):
        lagged = series[lag:].T @ series[:-lag] / days
        covariance = covariance + _parzen_weight(lag / bandwidth) * (lagged + lagged.T)
    covariance *= days / (days - columns)
    return covariance


def _parzen_weight(ratio: float) -> float:
    return 1 - 6 * ratio**2 + 6 * ratio**3 if ratio <= 0.5 else 2 * (1 - ratio) ** 3


def _andrews_alpha(series: Array) -> float:
    numerator = denominator = 0.0
    for column in series.T:
        regressors = np.column_stack([np.ones(len(column) - 1), column[:-1]])
        coefficients = np.linalg.lstsq(regressors, column[1:], rcond=None)[0]
        variance = float(np.mean((column[1:] - regressors @ coefficients) ** 2))
        slope = float(coefficients[1])
        numerator += 4 * slope**2 * variance**2 / (1 - slope) ** 8
        denominator += variance**2 / (1 - slope) ** 4
    return numerator / denominator

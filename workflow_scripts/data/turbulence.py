"""Turbulence: how unusual a day's returns are beside those of the days before it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg.lapack import dpocon, dposv, dpotrf, dtrtrs

from workflow_scripts.data.shrinkage import is_shrunk

Array = NDArray[np.float64]
# Below this reciprocal condition number a covariance counts as singular: a price stood still, or one follows others.
SINGULAR = 1e-10


def turbulence(close: pd.DataFrame, days: int) -> Array:
    """Return (days,) squared Mahalanobis distance of a day's returns from the ``days`` before it.

    Kritzman and Li (2010), "Skulls, Financial Turbulence, and Risk Management", without their division by the number
    of assets, as FinRL has it. NaN where fewer than ``days`` returns precede. A day's number depends on the returns of
    its window alone, to the last bit. A singular covariance is inverted on the space that it spans. With many tickers
    (see ``is_shrunk``) a sample covariance says little, and is shrunk.
    """
    returns = close.to_numpy()[1:] / close.to_numpy()[:-1] - 1
    distances = np.full(len(close), np.nan)
    if is_shrunk(close.shape[1], days):
        distances[days + 1 :] = _shrunk_distances(returns, days)
    else:
        for day in range(days, len(returns)):
            distances[day + 1] = _distance(returns[day - days : day], returns[day])
    return distances


def _distance(past: Array, today: Array) -> float:
    """Return the squared Mahalanobis distance of returns (tickers,) from those of a window (days, tickers)."""
    deviation = today - past.mean(axis=0)
    covariance = np.atleast_2d(np.cov(past, rowvar=False))
    factor, not_positive = dpotrf(covariance)
    if not_positive or dpocon(factor, np.abs(covariance).sum(axis=0).max())[0] < SINGULAR:
        return float(deviation @ np.linalg.pinv(covariance, hermitian=True) @ deviation)
    half, _ = dtrtrs(factor, deviation, trans=1)
    return float(half @ half)


def _shrunk_distances(returns: Array, days: int) -> Array:
    """Return the distances of the days that have ``days`` before them, from a covariance that is shrunk.

    Ledoit and Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices", as scikit-learn
    has it: (1 − s) S + s μ I, with S the sample covariance (divided by the days), μ its mean variance and s the
    intensity. All of it needs only the inner products of the window's days with each other, of which a day adds one
    row: X the window less its mean, S = X'X / n, so that by Woodbury's identity a matrix of days × days is factored.
    """
    tickers = returns.shape[1]
    distances = np.empty(len(returns) - days)
    products = returns[:days] @ returns[:days].T
    for place in range(len(distances)):
        today = returns[place + days]
        with_today, own = returns[place : place + days] @ today, today @ today
        means = products.mean(axis=0)
        centred = products - (means - means.mean())
        centred -= means[:, None]
        with_deviation = with_today - with_today.mean() - means + means.mean()
        squared_deviation = own - 2 * with_today.mean() + means.mean()

        variance = centred.trace() / days / tickers
        squares = np.vdot(centred, centred) / days**2
        spread = squares / tickers - variance**2
        noise = (np.sum(centred.diagonal() ** 2) / days - squares) / tickers / days
        intensity = min(noise, spread) / spread

        # S⁻¹ of a S-multiple plus a ridge: d'(b X'X + a I)⁻¹d = (d'd − b (Xd)'(b XX' + a I)⁻¹ Xd) / a.
        ridge, scale = intensity * variance, (1 - intensity) / days
        centred *= scale
        centred.flat[:: days + 1] += ridge
        solved, _ = dposv(centred, with_deviation)[1:]
        distances[place] = (squared_deviation - scale * (with_deviation @ solved)) / ridge

        products[:-1, :-1] = products[1:, 1:]
        products[-1, :-1] = products[:-1, -1] = with_today[1:]
        products[-1, -1] = own
    return distances

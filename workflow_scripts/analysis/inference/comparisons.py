"""Trials compared on the same folds: how far the best of many stands apart by luck alone.

A trial's value on a fold is the mean over its seeds. What all trials share on a fold does not say which is better. What
is left, the residuals of the two-way table of trials and folds, holds the luck of days, of training and of seeds alike.

Chosen by simulation (``benchmarks/trials.py``): how often the best of 12 and of 50 equal configurations lies beyond the
default at 5 %, over 3 folds × 2 seeds. Without an interaction of trial and fold this test finds 4.5 and 5.0 %, with one
4.0 and 5.5 %; runs resampled jointly 8.0 and 6.8 %, 19.0 and 22.2 %; folds resampled 15 to 18 %; Hansen's test over
days 30 to 72 %, since days do not show that seeds differ.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, roots_hermitenorm, roots_legendre, stdtrit

Array = NDArray[np.float64]

# Residuals below this part of the values are the rounding of equal ones.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Luck:
    """How far trials' mean values over folds stray by luck.

    Attributes:
        error: standard error of a trial's mean beyond what its folds give all trials; 0 where nothing strays.
        degrees: degrees of freedom of that error.

    """

    error: float
    degrees: int


def luck_of(values: Array) -> Luck | None:
    """Return what luck there is in values (trials, folds), pooled over the trials; none with less than two of either.

    √(Σ residuals² / ((K − 1)(F − 1)) / F): the analysis of variance of a randomised block design, folds as blocks.
    """
    trials, folds = values.shape
    degrees = (trials - 1) * (folds - 1)
    if not degrees:
        return None
    residuals = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    error = math.sqrt(float((residuals**2).sum()) / degrees / folds)
    return Luck(error if error > ROUNDING * float(np.abs(values).max()) else 0.0, degrees)


def beyond_by_luck(statistic: float, count: int, degrees: float, shared: bool = True) -> float:
    """Return the probability that the largest of ``count`` studentised errors exceeds a statistic.

    With ``shared`` they are errors of differences to one reference, which correlate by one half: Dunnett (1955), "A
    Multiple Comparison Procedure for Comparing Several Treatments with a Control", 1 − ∫∫ Φ(z + √2 t s)ᴺ dΦ(z) dF(s),
    where ν s² is χ² with ν degrees of freedom. Without, they are independent: 1 − ∫ Φ(t s)ᴺ dF(s). scipy's ``dunnett``
    takes samples without blocks, and gives no critical value.

    Args:
        statistic: t, a difference over its standard error.
        count: N, how many there are to be the best.
        degrees: ν, of the error.
        shared: whether the reference has an error too.

    """
    scales, weights = _scales(degrees)
    if not shared:
        return max(0.0, 1 - float(weights @ ndtr(statistic * scales) ** count))
    nodes, masses = roots_hermitenorm(64)
    below = ndtr(nodes + math.sqrt(2) * statistic * scales[:, None]) ** count @ (masses / masses.sum())
    return max(0.0, 1 - float(weights @ below))


@cache
def critical_value(count: int, degrees: int, tail: float, shared: bool = True) -> float:
    """Return which statistic ``beyond_by_luck`` gives the probability ``tail``, below one half."""
    return float(brentq(lambda value: beyond_by_luck(value, count, degrees, shared) - tail, -1e3, 1e6))


def reach_beyond_reference(luck: Luck, count: int, confidence: float) -> float:
    """Return the half-width around the difference of the best of ``count`` trials to one reference.

    All ``count`` lower ends are right together with probability (1 + confidence)/2, and so is the best one's.
    """
    return critical_value(count, luck.degrees, (1 - confidence) / 2) * math.sqrt(2) * luck.error


def p_value_beyond_reference(difference: float, luck: Luck, count: int) -> float:
    """Return the probability that the best of ``count`` trials equal to a reference lies so far above it."""
    return beyond_by_luck(difference / (math.sqrt(2) * luck.error), count, luck.degrees)


def reach_of_best(values: Array, count: int, confidence: float) -> float | None:
    """Return the half-width around the mean value of the best of values (trials, folds); none of a single fold.

    Two independent parts, the level that folds give all trials and the luck of the best of ``count`` beyond it, are put
    together by the root of their squared half-widths: Zou and Donner (2008), "Construction of Confidence Limits about
    Effect Measures: A General Approach".

    Args:
        values: of the trials on the folds.
        count: how many trials there were to be the best, those without a row here too.
        confidence: of the interval.

    """
    folds = values.shape[1]
    if folds < 2:
        return None
    tail = (1 - confidence) / 2
    levels = values.mean(axis=0)
    level = float(stdtrit(folds - 1, 1 - tail)) * float(levels.std(ddof=1)) / math.sqrt(folds)
    luck = luck_of(values)
    chosen = critical_value(count, luck.degrees, tail, shared=False) * luck.error if luck else 0.0
    return math.hypot(level, chosen)


@cache
def _scales(degrees: float) -> tuple[Array, Array]:
    """Return values of s, the root of χ²/ν, at which to integrate over its distribution, and their weights."""
    nodes, weights = roots_legendre(200)
    scales: Array = np.sqrt(chdtri(degrees, (nodes + 1) / 2) / degrees)
    return scales, weights / 2

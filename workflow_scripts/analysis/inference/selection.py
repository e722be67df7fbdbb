"""How much of a best result is luck of selection. Ratios are per period unless a name says otherwise."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from arch.bootstrap import SPA, optimal_block_length
from numpy.typing import NDArray
from scipy.stats import t as student
from skfolio.measures import expected_max_sharpe_ratio

from workflow_scripts.analysis.inference.long_run import long_run_variance
from workflow_scripts.analysis.inference.sharpe import probabilistic_sharpe_ratio

Array = NDArray[np.float64]


def expected_maximum_sharpe(trials: float, variance: float) -> float:
    """Return the Sharpe ratio that the best of ``trials`` without skill is expected to show; zero for one trial.

    Bailey and López de Prado (2014), "The Deflated Sharpe Ratio", eq. 1, as skfolio has it:
    √V ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))).

    Args:
        trials: N, number of independent trials; may be fractional.
        variance: V, between the trials' Sharpe ratios.

    Raises:
        ValueError: fewer than one trial, or a negative variance.

    """
    if trials < 1 or variance < 0:
        raise ValueError(f"{trials} trials with variance {variance}: at least 1 and 0 are needed")
    return float(expected_max_sharpe_ratio(float(trials), math.sqrt(variance)))


def deflated_sharpe_ratio(
    sharpe: float, variance: float, trials: float, periods: int, skewness: float = 0.0, kurtosis: float = 3.0
) -> float:
    """Return the probability that the best of ``trials`` has skill: PSR against the expected maximum.

    Bailey and López de Prado (2014), eq. 2. skfolio's function of this name takes N to be the number of ratios given;
    here N is *every* trial ever made on the market, or an effective number.

    Args:
        sharpe: of the best trial, per period.
        variance: between the trials' Sharpe ratios per period.
        trials: number of independent trials.
        periods: number of the best trial's returns.
        skewness: of the best trial's returns.
        kurtosis: of the best trial's returns, raw (normal = 3).

    """
    return probabilistic_sharpe_ratio(sharpe, expected_maximum_sharpe(trials, variance), periods, skewness, kurtosis)


def effective_trials(series: Array) -> float:
    """Return how many independent trials (trials, days) stand for, at least 2 and at most their number.

    Galwey (2009), "A New Measure of the Effective Number of Tests": (Σ √λ)² / Σ λ over the eigenvalues λ of the
    trials' correlations; N where they are independent, 1 where all are one. Of five methods it came nearest to what the
    best of simulated trials shows where they form clusters: 50 trials in three clusters of correlation .9 show 1.38
    standard errors, by Galwey 1.35, by N 1.77, Nyholt 1.68, mean correlation (Bailey and López de Prado 2014) 1.67, Li
    and Ji 1.18, the participation ratio 0.77. Where all correlate alike, N itself is right (.9: 0.70, by N 0.72, by
    Galwey 0.49): the variance between trials, by which a hurdle is multiplied, has shrunk already. So both are shown.

    Args:
        series: daily active returns (trials, days), each with some variation.

    Raises:
        ValueError: fewer than two trials.

    """
    if len(series) < 2:
        raise ValueError(f"{len(series)} trial: an effective number needs at least 2")
    eigenvalues = np.clip(np.linalg.eigvalsh(np.corrcoef(series)), 0, None)
    return float(np.clip(np.sqrt(eigenvalues).sum() ** 2 / eigenvalues.sum(), 2, len(series)))


def minimum_backtest_years(trials: float, sharpe: float = 1.0) -> float:
    """Return below how many years the best of ``trials`` without skill is expected to show an annual Sharpe ratio.

    Bailey, Borwein, López de Prado and Zhu (2014), "Pseudo-Mathematics and Financial Charlatanism", theorem 1:
    (E[max] / SR)², E[max] of ``trials`` standard normals.

    Raises:
        ValueError: a Sharpe ratio of zero or less.

    """
    if sharpe <= 0:
        raise ValueError(f"chance alone shows an annual Sharpe ratio of {sharpe} in any number of years")
    return (expected_maximum_sharpe(trials, 1.0) / sharpe) ** 2


@dataclass(frozen=True)
class Haircut:
    """A p-value corrected for the number of trials, and the annual Sharpe ratio that one trial would need for it."""

    p_value: float
    sharpe: float


def haircut_sharpe(sharpe: float, periods: int, trials: int, periods_a_year: int) -> Haircut:
    """Return what is left of an annual Sharpe ratio after ``trials`` trials, by Bonferroni.

    Harvey and Liu (2015), "Backtesting": t = SR √years, p = min(1, N p₁) of two-sided p₁ with T − 1 degrees of
    freedom, and back. A ratio below zero keeps its sign. Where the p-value is below the least positive float, no number
    of trials takes anything visible off, and the ratio stays whole.

    Args:
        sharpe: annual Sharpe ratio.
        periods: number of returns.
        trials: N, how many were tried.
        periods_a_year: number of returns per year.

    """
    root_of_years = math.sqrt(periods / periods_a_year)
    single = 2 * student.sf(abs(sharpe) * root_of_years, periods - 1)
    p_value = min(1.0, float(single) * trials)
    left = float(student.isf(p_value / 2, periods - 1)) / root_of_years if p_value else abs(sharpe)
    return Haircut(p_value, math.copysign(left, sharpe))


@dataclass(frozen=True)
class SuperiorAbility:
    """The reality check, with the best mean and what the best mean of as many without skill shows.

    Attributes:
        p_value: of the best mean.
        studentised_p_value: of the best mean over its standard error.
        best: the best mean.
        median_of_luck: what the best mean of as many without skill shows in half of the cases.
        low_of_luck: in all but a share ``size`` of the cases.
        high_of_luck: in a share ``size`` of the cases.
        superior: which trials stand out.

    """

    p_value: float
    studentised_p_value: float
    best: float
    median_of_luck: float
    low_of_luck: float
    high_of_luck: float
    superior: tuple[int, ...]


def block_length(series: Array) -> int:
    """Return the longest automatic block length in days over series (trials, days), from 1 to a quarter of the days.

    Politis and White (2004), corrected by Patton, Politis and White (2009); arch's ``optimal_block_length``.
    """
    lengths = optimal_block_length(series.T)["stationary"].to_numpy(dtype=np.float64)
    return round(float(np.clip(np.nanmax(np.append(lengths, 1.0)), 1, series.shape[1] / 4)))


def superior_ability(
    gains: Array, block: int | None = None, resamples: int = 1000, size: float = 0.05, seed: int = 0
) -> SuperiorAbility:
    """Return whether the best of all trials gains more than luck of selection explains.

    White (2000), "A Reality Check for Data Snooping", with the consistent recentring of Hansen (2005), "A Test for
    Superior Predictive Ability", by arch's ``SPA``. Its statistic is the best mean, by which a sweep chooses too, and
    which Hansen divides by its standard error; arch 8.0 does not, whatever ``studentize`` says. So one quiet trial that
    gains a little each day may hide behind the luck of noisy ones. Hansen's own p-value is ``studentised_p_value``, by
    the root of the cosines' long-run variance. Which trials stand out by Romano and Wolf's (2005) StepM on the same
    resamples: those above the critical value leave, and the rest is tested again. arch 8.0's own ``StepM`` gives the
    same, but fails where its steps have found every trial.

    Args:
        gains: daily gains over the benchmark (trials, days); their means are what is compared.
        block: mean length of the stationary bootstrap's blocks in days; ``block_length`` where none is given.
        resamples: number of resamples.
        size: of each step, and of either tail of luck that is returned.
        seed: of the resamples.

    """
    length = block or block_length(gains)

    def tested(of: Array) -> SPA:
        test = SPA(np.zeros(of.shape[1]), -of.T, block_size=length, reps=resamples, seed=seed)
        test.compute()
        return test

    def told(test: SPA) -> float:
        """Return the share of resamples with so large a mean; with the data themselves no less than one is."""
        return max(float(test.pvalues["consistent"]), 1 / (resamples + 1))

    test, errors = tested(gains), np.sqrt(long_run_variance(gains))
    p_value = told(test)
    low, median, high = (float(test.critical_values(tail)["consistent"]) for tail in (1 - size, 0.5, size))
    left = np.ones(len(gains), dtype=np.bool_)
    while left.any():
        test.subset(left)
        test.compute()
        found = test.better_models(size)
        if not len(found):
            break
        left[found] = False
    return SuperiorAbility(
        p_value=p_value,
        studentised_p_value=told(tested(gains / errors[:, None])),
        best=float(gains.mean(axis=1).max()),
        median_of_luck=median,
        low_of_luck=low,
        high_of_luck=high,
        superior=tuple(int(index) for index in np.flatnonzero(~left)),
    )


@dataclass(frozen=True)
class Overfitting:
    """The probability of backtest overfitting, with what it is when no trial is better than another."""

    probability: float
    null_mean: float
    p_value: float


def probability_of_overfitting(returns: Array, blocks: int = 8, permutations: int = 200, seed: int = 0) -> Overfitting:
    """Return how often the best trial of one half of the days lies in the lower half of the trials on the other.

    Bailey, Borwein, López de Prado and Zhu (2017), "The Probability of Backtest Overfitting": combinatorially symmetric
    cross-validation; the share of logits ≤ 0. Its null permutes the trials within each block of days, so that no trial
    stays better while days, moments and correlations are kept; ``p_value`` is the share of permutations with as low a
    probability, (1 + #) / (permutations + 1). The null is not one half for every data set, hence beside it.

    Args:
        returns: daily returns (trials, days) or active returns.
        blocks: S, an even number; days that do not fill a block go to the first ones.
        permutations: number of permutations.
        seed: of the permutations.

    Raises:
        ValueError: fewer than two trials, an odd number of blocks, or blocks of fewer than two days.

    """
    trials, days = returns.shape
    if trials < 2 or blocks % 2 or blocks < 2 or days < 2 * blocks:
        raise ValueError(
            f"{trials} trials, {days} days, {blocks} blocks: at least 2 trials, an even number of blocks and 2 days "
            "per block are needed"
        )
    parts = np.array_split(np.arange(days), blocks)
    sums = np.array([returns[:, part].sum(axis=1) for part in parts])
    squares = np.array([(returns[:, part] ** 2).sum(axis=1) for part in parts])
    lengths = np.array([len(part) for part in parts], dtype=np.float64)
    halves = np.array(list(itertools.combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(halves), blocks))
    np.put_along_axis(inside, halves, 1.0, axis=1)
    observed = _share_in_lower_half(sums, squares, lengths, inside)
    rng = np.random.default_rng(seed)
    null = np.empty(permutations)
    for number in range(permutations):
        order = rng.permuted(np.tile(np.arange(trials), (blocks, 1)), axis=1)
        null[number] = _share_in_lower_half(
            np.take_along_axis(sums, order, axis=1), np.take_along_axis(squares, order, axis=1), lengths, inside
        )
    p_value = (1 + int(np.sum(null <= observed))) / (permutations + 1)
    return Overfitting(observed, float(null.mean()), p_value)


def _share_in_lower_half(sums: Array, squares: Array, lengths: Array, inside: Array) -> float:
    def ratios(chosen: Array) -> Array:
        days = (chosen @ lengths)[:, None]
        mean = chosen @ sums / days
        result: Array = mean / np.sqrt(np.maximum(chosen @ squares / days - mean**2, 1e-300))
        return result

    best = ratios(inside).argmax(axis=1)
    outside = ratios(1 - inside)
    ranks = np.sum(outside <= np.take_along_axis(outside, best[:, None], axis=1), axis=1)
    return float(np.mean(ranks / (sums.shape[1] + 1) <= 0.5))


def moments(series: Sequence[float] | Array) -> tuple[float, float]:
    """Return skewness and raw kurtosis of a series with some variation."""
    values = np.asarray(series, dtype=np.float64)
    standard = (values - values.mean()) / values.std()
    return float(np.mean(standard**3)), float(np.mean(standard**4))

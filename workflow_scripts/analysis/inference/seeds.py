"""A mean over seeds, sure as far as days and seeds make it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import t as student

from workflow_scripts.analysis.inference.long_run import cosine_degrees, long_run_variance

Array = NDArray[np.float64]
# Student's quantiles of rarer events overflow in scipy for some degrees of freedom.
LEAST_P_VALUE = 1e-16


@dataclass(frozen=True)
class MeanOverSeeds:
    """A mean over seeds with what a test of it needs.

    ``seed_weight`` is 0 but for two seeds, whose critical value mixes Student's t of the days and of the seeds.
    """

    estimate: float
    standard_error: float
    degrees: float
    seed_weight: float = 0.0

    def critical_value(self, size: float) -> float:
        """Return which multiple of the standard error a two-sided test of this size asks for."""
        of_days, of_seeds = student.isf(size / 2, self.degrees), student.isf(size / 2, 1)
        return float((1 - self.seed_weight) * of_days + self.seed_weight * of_seeds)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Return the two-sided interval of this coverage."""
        reach = self.critical_value(1 - confidence) * self.standard_error
        return self.estimate - reach, self.estimate + reach

    def p_value(self) -> float:
        """Return the two-sided p-value of no difference."""
        statistic = abs(self.estimate) / self.standard_error
        if self.seed_weight == 0:
            return float(2 * student.sf(statistic, self.degrees))
        if statistic == 0:
            return 1.0
        if statistic >= self.critical_value(LEAST_P_VALUE):
            return LEAST_P_VALUE
        return float(brentq(lambda size: self.critical_value(size) - statistic, LEAST_P_VALUE, 1.0))

    def times(self, factor: float) -> "MeanOverSeeds":
        """Return the same in another unit."""
        return MeanOverSeeds(self.estimate * factor, self.standard_error * factor, self.degrees, self.seed_weight)


def mean_over_seeds(values: Array, influences: Array) -> MeanOverSeeds:
    """Return the mean over seeds with a standard error that counts the noise of days once and that of seeds once.

    The variance is V + W. V is the long-run variance of the influences' mean over seeds, per day. W is
    max(0, s² − n)/S, with s² the variance between the S seeds' values and n what the days explain of it: the long-run
    variance of the influences around their mean. Seeds that agree have W = 0; W is what more days do not remove.

    The degrees of freedom are Satterthwaite's, with the whole s²/S as the seeds' part instead of W:
    (V + W)² / (V²/B + (s²/S)²/(S − 1)), at most B, the number of cosines. Where W is small by luck, so is its own
    uncertainty in the usual formula, which then rejects too often. Measured on 40,000 exact normal draws per cell over
    shares of days, common noise and seeds; nominal 5 %, the largest of the cells at 2, 3, 5 and 10 seeds: with W
    17.3, 11.6, 8.7 and 7.0 % of true nulls; with s²/S 12.6, 7.6, 5.8 and 5.2 %. Two seeds therefore take Cochran and
    Cox's (1950) critical value, (1 − w) t_B + w t_{S−1} with w = s²/S / (V + W) ≤ 1: 5.8 % at two. It holds for more
    seeds too, but rejects 2.8 % in the median at three, where s²/S gives 4.8 %.

    Where the days explain what parts the seeds, W is near 0 beside an s²/S that is not, and the degrees fall far below
    one: Student's quantile is then a million standard errors. The variance V + s²/S with its own degrees counts some
    days twice but is never so unsure. Of the two the one with the shorter 95 % interval is taken. On 40,000 draws per
    cell that leaves the largest share of rejected true nulls as it is, 7.6, 5.9 and 5.3 % at 3, 5 and 10 seeds, and
    moves the median over the cells from 3.9, 3.8 and 4.3 to 4.1, 4.1 and 4.3 %.

    One seed has no W: the answer is then about that policy, not about its configuration.

    Args:
        values: estimates (seeds,).
        influences: of the days (seeds, days).

    """
    seeds, days = influences.shape
    cosines = cosine_degrees(days)
    of_days = float(long_run_variance(influences.mean(axis=0))) / days
    if seeds == 1:
        return MeanOverSeeds(float(values[0]), math.sqrt(of_days), cosines)
    between = float(values.var(ddof=1))
    around = long_run_variance(influences - influences.mean(axis=0))
    explained = float(around.sum()) / (seeds - 1) / days
    variance = of_days + max(0.0, between - explained) / seeds
    mean = float(values.mean())
    if variance == 0:
        return MeanOverSeeds(mean, 0.0, cosines)
    if seeds == 2:
        return MeanOverSeeds(mean, math.sqrt(variance), cosines, min(1.0, between / seeds / variance))
    spread = of_days**2 / cosines + (between / seeds) ** 2 / (seeds - 1)
    either = [
        MeanOverSeeds(mean, math.sqrt(each), min(cosines, each**2 / spread))
        for each in (of_days + between / seeds, variance)
    ]
    return min(either, key=lambda result: result.critical_value(0.05) * result.standard_error)

"""What a sweep's design can show: skill on the test days, and how much luck of selection the validation days allow."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.analysis.inference.answers import SAME_RETURN
from workflow_scripts.analysis.inference.differences import difference
from workflow_scripts.analysis.inference.estimands import Estimand
from workflow_scripts.analysis.inference.long_run import long_run_variance
from workflow_scripts.analysis.inference.power import detectable, power_to_detect, sharpe_difference_error
from workflow_scripts.analysis.inference.selection import expected_maximum_sharpe, minimum_backtest_years
from workflow_scripts.analysis.inference.sharpe import minimum_track_record, sharpe_standard_error
from workflow_scripts.analysis.kept_returns import read_validation_returns
from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.sweeps.measures import sharpe_of

Array = NDArray[np.float64]

# Of tuned agent and benchmark, where nothing has been measured: tilts of equal weights are more alike, weights less.
ASSUMED_CORRELATION = 0.9
# An edge that most would call large. A design that cannot find it in four of five cases cannot answer its question.
EDGE = 0.5
POWER = 0.8
# A Sharpe ratio by which track records and backtests are usually measured.
ONE = 1.0
MOST_YEARS, MOST_SEEDS = 200, 200


@dataclass(frozen=True)
class Likeness:
    """How alike the daily returns of a tuned agent and its benchmark are; of alpha per unit of benchmark volatility.

    Attributes:
        source: where it is known from, in words.
        correlation: between agent and benchmark.
        residual: volatility of the agent's residuals on the benchmark over the benchmark's volatility.
        seeds_alike: correlation between the active returns of two seeds.
        seed_deviation: standard deviation, between seeds, of the annual difference that no number of days removes.
        benchmark_sharpe: annual Sharpe ratio of the benchmark.

    """

    source: str
    correlation: float = ASSUMED_CORRELATION
    residual: float = math.sqrt(ASSUMED_CORRELATION**-2 - 1)
    seeds_alike: float = 1.0
    seed_deviation: float = 0.0
    benchmark_sharpe: float = 0.0


@dataclass(frozen=True)
class Design:
    """A claim of skill to be tested.

    Attributes:
        estimand: what it is measured by.
        test_days: days of the test.
        seeds: final seeds.
        validation_days: days that validate, each once.
        trials: how many were and will be made on the market.
        year: days per year.
        likeness: of agent and benchmark.
        windows: into which the test days are cut, with the sweep before each.

    """

    estimand: Estimand
    test_days: int
    seeds: int
    validation_days: int
    trials: int
    year: int
    likeness: Likeness
    windows: int = 1

    @property
    def unit(self) -> str:
        """What a difference is counted in."""
        return "annual Sharpe ratio" if self.estimand == "sharpe" else "alpha per year over the benchmark's volatility"

    def error(self, days: int, seeds: int) -> float:
        """Return the standard error of the annual difference to the benchmark: Memmel's of one seed, shared by seeds.

        What the active returns of seeds do not share shrinks with their number, and so does what differs between them
        on any number of days.
        """
        alike = self.likeness
        one = (
            sharpe_difference_error(days, alike.correlation)
            if self.estimand == "sharpe"
            else alike.residual / math.sqrt(days)
        )
        shared = alike.seeds_alike + (1 - alike.seeds_alike) / seeds
        return math.sqrt(one**2 * self.year * shared + alike.seed_deviation**2 / seeds)

    @property
    def smallest(self) -> float:
        """The smallest true difference that these days and seeds show in four of five cases."""
        return detectable(self.error(self.test_days, self.seeds), POWER)

    @property
    def power(self) -> float:
        """How often a true difference of ``EDGE`` is found."""
        return power_to_detect(EDGE, self.error(self.test_days, self.seeds))

    def rows(self) -> list[tuple[str, str]]:
        """Return a table of questions and what the design says to each."""
        alike, validation_years = self.likeness, self.validation_days / self.year
        seen = (alike.benchmark_sharpe + ONE) / math.sqrt(self.year)
        track = minimum_track_record(seen, alike.benchmark_sharpe / math.sqrt(self.year)) / self.year
        skill = (
            f"from {self.smallest:.2f} in {self.unit} on: {self.test_days} test days, {self.seeds} seeds, returns that "
            f"correlate by {alike.correlation:.3g} with the benchmark's ({alike.source})"
            if self.test_days
            else "never: there are no test days"
        )
        where = f"{self.test_days} test days" + (f" in {self.windows} windows" if self.windows > 1 else "")
        level = (
            f"the standard error of a Sharpe ratio on {where} is "
            f"{sharpe_standard_error(0.0, self.test_days) * math.sqrt(self.year):.2f}"
            if self.test_days
            else "there are no test days"
        )
        return [
            ("skill shows", skill),
            ("level", level),
            (
                "MinTRL",
                f"{track:.2f} years show by themselves a Sharpe ratio of {ONE:g} above {alike.benchmark_sharpe:.2f}; "
                f"the test has {self.test_days / self.year:.2f}",
            ),
            (
                "MinBTL",
                f"{minimum_backtest_years(self.trials, ONE):.2f} years let the best of {self.trials} trials without "
                f"skill show a Sharpe ratio of {ONE:g}; validation has {validation_years:.2f}",
            ),
        ]

    def warnings(self) -> list[str]:
        """Return in words which question the design cannot answer, and with what it could."""
        said = []
        if not self.test_days:
            said.append("without test days nothing shows skill: set an earlier test_start")
        elif self.power < POWER:
            said.append(
                f"this design cannot tell whether the agent beats the benchmark: it finds a true difference of "
                f"{EDGE:g} in {self.unit} in {self.power:.0%} of cases. {self._remedy()}"
            )
        years = self.validation_days / self.year
        if years < minimum_backtest_years(self.trials, ONE):
            luck = expected_maximum_sharpe(self.trials, 1.0) / math.sqrt(years)
            said.append(
                f"a high score will not tell skill from luck: the best of {self.trials} trials without skill is "
                f"expected to show a Sharpe ratio of {luck:.2f} on {self.validation_days} validation days. It takes "
                "more folds, longer ones, or fewer trials."
            )
        return said

    def _remedy(self) -> str:
        """Return how many test days or final seeds would do."""

        def least(low: int, high: int, error: Callable[[int], float]) -> int | None:
            tried = range(low, high)
            place = bisect_left(tried, True, key=lambda count: detectable(error(count), POWER) <= EDGE)
            return tried[place] if place < len(tried) else None

        windows = "" if self.windows > 1 else " with test.windows, so that training stays near"
        days = least(self.test_days, MOST_YEARS * self.year, lambda count: self.error(count, self.seeds))
        seeds = least(self.seeds, MOST_SEEDS + 1, lambda count: self.error(self.test_days, count))
        found = (
            []
            if days is None
            else [f"{days:,} test days, {days / self.year:.1f} years (an earlier test_start{windows})"]
        )
        found += [] if seeds is None else [f"{seeds} final seeds"]
        if not found:
            return f"Neither {MOST_YEARS} years of test days nor {MOST_SEEDS} final seeds alone would do."
        return f"It takes {' or '.join(found)}."


def measure_likeness(
    score: Path, benchmarks: Sequence[Path], estimand: Estimand, year: int, source: str
) -> Likeness | None:
    """Return how alike a trial's daily returns and the benchmark's are; none where they never differ, or do not vary.

    They are those of the validation days: the test days stay sealed.

    Args:
        score: score.json of the trial, with its runs below the same folder.
        benchmarks: fold_{fold}.parquet of every fold, with a column ``benchmark``.
        estimand: what skill is measured by.
        year: days per year.
        source: of the trial, in words.

    Raises:
        ValueError: a file is damaged, or they are not of the same days.

    """
    read = read_validation_returns([score], benchmarks)
    if not read.trials:
        return None
    (returns,), benchmark = read.trials.values(), read.benchmark
    active = returns - benchmark
    if min(np.ptp(rows, axis=-1).min() for rows in (benchmark, returns, active)) <= SAME_RETURN:
        return None
    betas = [float(np.cov(row, benchmark)[0, 1] / benchmark.var(ddof=1)) for row in returns]
    residuals = returns - np.outer(betas, benchmark)
    unit = math.sqrt(year) if estimand == "sharpe" else math.sqrt(year) / float(benchmark.std(ddof=1))
    windows = [np.isin(read.days, read_daily(path).days) for path in benchmarks]
    between = [_between_seeds(returns[:, days], benchmark[days], estimand) for days in windows]
    alike = [float(np.corrcoef(first, second)[0, 1]) for first, second in combinations(active, 2)]
    return Likeness(
        source=f"measured on {len(benchmark)} validation days of {source}",
        correlation=float(np.mean([np.corrcoef(row, benchmark)[0, 1] for row in returns])),
        residual=float(residuals.std(axis=1, ddof=2).mean() / benchmark.std(ddof=1)),
        seeds_alike=max(0.0, float(np.mean(alike))) if alike else 1.0,
        seed_deviation=math.sqrt(max(0.0, float(np.mean(between)))) * unit,
        benchmark_sharpe=sharpe_of(benchmark, year),
    )


def _between_seeds(returns: Array, benchmark: Array, estimand: Estimand) -> float:
    """Return the variance of a fold's differences between seeds, per day, less what its days explain of it."""
    more_seeds, days = len(returns) - 1, len(benchmark)
    if not more_seeds:
        return 0.0
    values, influences = difference(returns, benchmark, estimand)
    around = float(long_run_variance(influences - influences.mean(axis=0)).sum())
    return float(values.var(ddof=1)) - around / more_seeds / days

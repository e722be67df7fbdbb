"""The three answers of a verdict, as functions of daily returns: skill, tuning, luck of selection."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.analysis.inference.differences import difference, sharpe_ratios
from workflow_scripts.analysis.inference.estimands import Estimand
from workflow_scripts.analysis.inference.long_run import long_run_variance, stationary_bootstrap_variance
from workflow_scripts.analysis.inference.seeds import MeanOverSeeds, mean_over_seeds
from workflow_scripts.analysis.inference.selection import (
    Overfitting,
    SuperiorAbility,
    block_length,
    deflated_sharpe_ratio,
    effective_trials,
    expected_maximum_sharpe,
    haircut_sharpe,
    moments,
    probability_of_overfitting,
    superior_ability,
)
from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR
from workflow_scripts.workflow.wording import probable

Array = NDArray[np.float64]
Verdict = Literal["yes", "no", "unknown"]

# Below a month a long-run variance averages over fewer than three cosines, and no simulation here vouches for it.
MINIMUM_DAYS = 21
# Returns are sums of rounded products: what differs by less than this a day does not differ.
SAME_RETURN = 1e-12
# An annual Sharpe difference that nobody would pay for: an interval below it is a no, not an unknown.
WORTHWHILE_SHARPE = 0.1
LUCK: Mapping[Verdict, str] = {"yes": "Not luck", "no": "Luck", "unknown": "May be luck"}
UNITS = {
    "sharpe": "annual Sharpe ratio",
    "alpha": "alpha per year",
    "information_ratio": "annual information ratio",
}


@dataclass(frozen=True)
class Answer:
    """An answer; what is undefined is none, and ``reason`` says why.

    Attributes:
        answer: yes, no, or unknown.
        sentence: the answer in words, with its numbers.
        estimand: what is estimated, in which unit.
        estimate: per year.
        interval: of the estimate, two-sided.
        p_value: of no difference.
        reason: why a number is none; none where all are there.
        beside: further numbers, which the answer does not depend on.

    """

    answer: Verdict
    sentence: str
    estimand: str
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    reason: str | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return what a JSON file holds."""
        return asdict(self)


def skill_answer(
    tuned: Array,
    benchmark: Array,
    estimand: Estimand = "sharpe",
    confidence: float = 0.95,
    worthwhile: float = WORTHWHILE_SHARPE,
    days_a_year: int = TRADING_DAYS_A_YEAR,
    members: int = 1,
) -> Answer:
    """Return whether the test days show that the tuned agent beats the benchmark.

    The mean over seeds of the difference, with a standard error and degrees of freedom for days and seeds alike
    (``mean_over_seeds``); yes where its interval lies above zero, no where it lies below zero or below what is worth
    while, else unknown.

    Args:
        tuned: daily returns (seeds, days) of the tuned configuration.
        benchmark: daily returns (days,) of the neutral action by the agent's own mechanism.
        estimand: what decides (``estimands.estimand_of``); the others stand beside it.
        confidence: of the interval; a yes that is wrong has probability (1 − confidence)/2.
        worthwhile: annual Sharpe ratio below which a difference is of no use; for alpha it is multiplied by the
            benchmark's annual volatility.
        days_a_year: days per year of the market.
        members: seeds of an ensemble, where each row is the path of one.

    Raises:
        ValueError: shapes that do not fit, or returns that are not finite.

    """
    tuned, benchmark = _checked(tuned, 2, "tuned"), _checked(benchmark, 1, "benchmark")
    _same_days(tuned.shape[1], len(benchmark), "the tuned agent", "the benchmark")
    rivals = np.broadcast_to(benchmark, tuned.shape)
    names = ("tuned agent", "benchmark")
    return _compare(tuned, rivals, names, estimand, confidence, worthwhile, days_a_year, members)


def tuning_answer(
    tuned: Array,
    default: Array,
    same_configuration: bool = False,
    estimand: Estimand = "sharpe",
    confidence: float = 0.95,
    worthwhile: float = WORTHWHILE_SHARPE,
    days_a_year: int = TRADING_DAYS_A_YEAR,
    members: int = 1,
) -> Answer:
    """Return whether the test days show that the tuned configuration is better than the default.

    Paired over seeds and days; otherwise as ``skill_answer``.

    Args:
        tuned: daily returns (seeds, days) of the tuned configuration.
        default: daily returns (seeds, days) of the default, the same seeds in the same order.
        same_configuration: whether the two are one: the answer is then no, and there is no interval.
        estimand: ``sharpe`` or ``alpha``; alpha is that of the tuned returns on the default's of the same seed.
        confidence: of the interval.
        worthwhile: annual Sharpe ratio below which a difference is of no use.
        days_a_year: days per year of the market.
        members: seeds of an ensemble, where each row is the path of one.

    Raises:
        ValueError: shapes that do not fit, or returns that are not finite.

    """
    if same_configuration:
        return Answer(
            "no",
            "The tuned configuration is the default: tuning found nothing better to test.",
            UNITS[estimand],
            estimate=0.0,
            reason="one configuration has no difference to itself",
        )
    tuned, default = _checked(tuned, 2, "tuned"), _checked(default, 2, "default")
    _same_days(tuned.shape[1], default.shape[1], "the tuned configuration", "the default")
    if len(tuned) != len(default):
        raise ValueError(
            f"the tuned configuration has {len(tuned)} seeds and the default {len(default)}: give both the same seeds"
        )
    names = ("tuned configuration", "default")
    return _compare(tuned, default, names, estimand, confidence, worthwhile, days_a_year, members)


def selection_answer(
    trials: Sequence[Array],
    benchmark: Array,
    trials_made: int | None = None,
    estimand: Estimand = "sharpe",
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    days_a_year: int = TRADING_DAYS_A_YEAR,
    second_opinions: bool = True,
) -> Answer:
    """Return whether the best trial shows more on the validation days than luck of selection explains.

    The reality check over all trials (``superior_ability``) decides: yes («not luck») where p < 1 − confidence; no
    («luck») where the best of as many trials without skill shows as much more often than not, p ≥ ½; else unknown. What
    is compared are gains per day whose mean is the estimand: a trial's estimate plus its influences, averaged over
    seeds as its score is. So a trial that holds half in cash gains nothing by that, and the noise of volatility and
    beta is in the test. Beside it Hansen's studentised p-value, the deflated Sharpe ratio, the probability of backtest
    overfitting with its null, Harvey and Liu's haircut.

    Args:
        trials: for each trial its daily returns (days,) or (seeds, days) on the same validation days.
        benchmark: daily returns (days,) of the neutral action.
        trials_made: how many trials were ever made on this market, of every rung, round and earlier sweep; at least
            and by default those given.
        estimand: ``sharpe`` or ``alpha``.
        confidence: of the test; the interval has this coverage on either side, so that it lies above zero where the
            answer is yes.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        days_a_year: days per year of the market.
        second_opinions: whether to compute what stands beside the answer.

    Returns:
        An answer whose estimate is the best trial's, less what the best without skill shows in the median.

    Raises:
        ValueError: shapes that do not fit, returns that are not finite, or fewer trials made than given.

    """
    benchmark = _checked(benchmark, 1, "benchmark")
    returns = [_checked(np.atleast_2d(trial), 2, f"trial {number}") for number, trial in enumerate(trials)]
    for number, rows in enumerate(returns):
        _same_days(rows.shape[1], len(benchmark), f"trial {number}", "the benchmark")
    made = len(returns) if trials_made is None else trials_made
    if made < len(returns):
        raise ValueError(f"{made} trials made, but {len(returns)} given: count every trial of the market")
    unit, days = UNITS[estimand], len(benchmark)
    if days < MINIMUM_DAYS:
        return _too_few(days, "validation", unit)
    if np.ptp(benchmark) <= SAME_RETURN:
        return _undefined("The benchmark earns the same return every day", unit)
    gains = dict(enumerate(_gains(rows, benchmark, estimand) for rows in returns))
    with_opinion = {place: gain for place, gain in gains.items() if gain is not None and np.ptp(gain) > SAME_RETURN}
    places, kept = list(with_opinion), np.array(list(with_opinion.values()))
    left_out = len(returns) - len(kept)
    counts = {"trials_made": made, "trials_compared": len(kept), "trials_without_an_opinion": left_out, "days": days}
    if not len(kept):
        return Answer(
            "no",
            f"Luck or nothing: none of {len(returns)} trials differs from the benchmark on {days} validation days.",
            unit,
            reason="no trial's returns vary against the benchmark's",
            beside=counts,
        )
    block = block_length(kept)
    test = superior_ability(_with_honest_spread(kept, block), block, resamples, 1 - confidence, seed)
    answer: Verdict = "yes" if test.p_value < 1 - confidence else "no" if test.p_value >= 0.5 else "unknown"
    beside: dict[str, Any] = counts | {
        "block_days": block,
        "stand_out": [places[index] for index in test.superior],
        "studentised_p_value": test.studentised_p_value,
    }
    factor = _per_year(estimand, days_a_year)
    beside |= {"best": test.best * factor, "best_without_skill": test.median_of_luck * factor}
    if second_opinions:
        beside |= _second_opinions(kept, made, days_a_year, seed)
    return Answer(
        answer,
        _selection_sentence(answer, test, len(kept), days, factor, unit, confidence),
        unit,
        estimate=(test.best - test.median_of_luck) * factor,
        interval=((test.best - test.high_of_luck) * factor, (test.best - test.low_of_luck) * factor),
        p_value=test.p_value,
        beside=beside,
    )


def pooled_selection(answers: Sequence[Answer], confidence: float = 0.95) -> Answer:
    """Return whether sweeps before several windows chose by more than luck: the answer of most, put together.

    The windows' validation days overlap, so that their answers depend on each other. Rüger's p-value holds however they
    do: of N p-values the k-th smallest times N/k, with k half of N rounded up (Rüger 1978, "Das maximale
    Signifikanzniveau des Tests: Lehne H₀ ab, wenn k unter n gegebenen Tests zur Ablehnung führen"). So a yes says that
    half of the sweeps or more chose by more than luck, and that what the others lost does not outweigh it: the interval
    lies above zero too. Estimate and interval are the windows' means; an interval of errors that are alike in all
    windows is as wide as that, and any other is narrower.

    Args:
        answers: the answer of each window; one alone stays as it is.
        confidence: of the test.

    """
    if len(answers) == 1:
        return answers[0]
    unit, count = answers[0].estimand, len(answers)
    if reasons := [each.reason for each in answers if each.p_value is None and each.answer != "no"]:
        return _undefined(f"{len(reasons)} of {count} windows have no answer ({reasons[0]})", unit)
    # Where no trial has an opinion none gains anything, and nothing speaks against luck.
    p_values = sorted(1.0 if each.p_value is None else each.p_value for each in answers)
    half = (count + 1) // 2
    p_value = min(1.0, count / half * p_values[half - 1])
    low, high = np.mean([each.interval or (0.0, 0.0) for each in answers], axis=0)
    answer: Verdict = "no" if p_values[half - 1] >= 0.5 else "unknown"
    if p_value < 1 - confidence and low > 0:
        answer = "yes"
    estimate = float(np.mean([each.estimate or 0.0 for each in answers]))
    shown = sum(each.answer == "yes" for each in answers)
    return Answer(
        answer,
        f"{LUCK[answer]}: before {shown} of {count} windows the best trial shows more on its validation days than luck "
        f"of selection explains; on average {estimate:+.2g} [{low:+.2g}, {high:+.2g}] in {unit} beyond the best of as "
        f"many without skill ({probable(p_value)} of all windows).",
        unit,
        estimate,
        (float(low), float(high)),
        p_value,
        beside={"windows": count, "p_values": [each.p_value for each in answers], "method": "Rüger (1978)"},
    )


def unjudged(reason: str, estimand: Estimand) -> Answer:
    """Return the answer where there is nothing to compare."""
    return _undefined(reason, UNITS[estimand])


def sharpe_row(returns: Array, confidence: float, days_a_year: int) -> dict[str, Any]:
    """Return the annual Sharpe ratio of returns (seeds, days), its interval over days and seeds, or why there is none.

    Raises:
        ValueError: returns of another shape, or not finite.

    """
    returns = _checked(returns, 2, "a candidate")
    values, influences = sharpe_ratios(returns)
    mean = mean_over_seeds(values, influences).times(math.sqrt(days_a_year))
    if returns.shape[1] < MINIMUM_DAYS:
        few = f"{returns.shape[1]} days are fewer than {MINIMUM_DAYS}"
        return {"estimate": mean.estimate, "interval": None, "reason": few}
    return {"estimate": mean.estimate, "interval": mean.interval(confidence), "reason": None}


def _compare(
    returns: Array,
    rivals: Array,
    names: tuple[str, str],
    estimand: Estimand,
    confidence: float,
    worthwhile: float,
    days_a_year: int,
    members: int,
) -> Answer:
    """Return the answer about returns and rivals (seeds, days), or (ensembles, days) of so many members each."""
    (seeds, days), (own, other) = returns.shape, names
    unit = UNITS[estimand]
    if days < MINIMUM_DAYS:
        return _too_few(days, "test", unit)
    if np.abs(returns - rivals).max() <= SAME_RETURN:
        return Answer(
            "no",
            f"No: on each of {days} test days the {own} earned what the {other} earned, with every seed.",
            unit,
            estimate=0.0,
            reason="the two never differ",
        )
    flat, flat_rivals = (int(np.sum(np.ptp(rows, axis=1) <= SAME_RETURN)) for rows in (returns, rivals))
    if flat or flat_rivals:
        who = f"{flat} of {seeds} seeds of the {own}" if flat else f"The {other}"
        return _undefined(f"{who} earned the same return every day (never traded?)", unit)
    result = _mean_difference(returns, rivals, estimand, days_a_year)
    counts = {"days": days, "seeds": seeds * members, "confidence": confidence}
    if members > 1:
        counts["ensembles"] = seeds
    if isinstance(result, str):
        values, _ = difference(returns, rivals, estimand)
        estimate = float(values.mean()) * _per_year(estimand, days_a_year)
        if abs(estimate) < 1e-6:
            sentence = f"No: the {own} differs from the {other} by its exposure alone, which is no gain in {unit}."
            return Answer("no", sentence, unit, estimate=0.0, reason=result, beside=counts)
        sentence = f"Unknown: the {own} differs from the {other} by the same amount every day, which no test can judge."
        return Answer("unknown", sentence, unit, estimate=estimate, reason=result, beside=counts)
    low, high = result.interval(confidence)
    limit = worthwhile
    if estimand == "alpha":
        limit *= float(rivals.std(axis=1, ddof=1).mean()) * math.sqrt(days_a_year)
    answer: Verdict = "yes" if low > 0 else "no" if high < limit else "unknown"
    what = f"{result.estimate:+.2g} [{low:+.2g}, {high:+.2g}] in {unit} ({probable(result.p_value())})"
    what += f" on {days} test days, {_counted(seeds, members)}"
    sentence = {
        "yes": f"Yes: the {own} beats the {other} by {what}.",
        "no": f"No: the {own} is not better than the {other}: {what}"
        + ("." if high < 0 else f"; {limit:.2g} would be worth while."),
        "unknown": f"Unknown: these days cannot tell whether the {own} beats the {other}: {what}.",
    }[answer]
    beside = counts | {
        "standard_error": result.standard_error,
        "degrees_of_freedom": result.degrees,
        "worthwhile": limit,
        "correlation": float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(returns, rivals, strict=True)])),
    }
    for name in ("sharpe", "alpha", "information_ratio"):
        if name != estimand:
            beside[name] = _as_json(_mean_difference(returns, rivals, name, days_a_year), confidence)
    return Answer(answer, sentence, unit, result.estimate, (low, high), result.p_value(), beside=beside)


def _counted(paths: int, members: int) -> str:
    if members == 1:
        return "one seed" if paths == 1 else f"{paths} seeds"
    return f"{'one ensemble' if paths == 1 else f'{paths} ensembles'} of {members} seeds"


def _mean_difference(returns: Array, rivals: Array, estimand: Estimand, days_a_year: int) -> MeanOverSeeds | str:
    """Return the annual mean over seeds, or why it has no standard error."""
    active = returns - rivals
    if estimand == "information_ratio" and np.ptp(active, axis=1).min() <= SAME_RETURN:
        return "the active returns of a seed do not vary"
    values, influences = difference(returns, rivals, estimand)
    # Influences of a Sharpe ratio have a standard deviation near one, those of alpha that of the residuals.
    scale = float(returns.std()) if estimand == "alpha" else 1.0
    if np.abs(influences).max() <= 1e-9 * scale:
        return "the difference does not vary from day to day"
    return mean_over_seeds(values, influences).times(_per_year(estimand, days_a_year))


def _as_json(result: MeanOverSeeds | str, confidence: float) -> dict[str, Any]:
    if isinstance(result, str):
        return {"estimate": None, "interval": None, "p_value": None, "reason": result}
    return {
        "estimate": result.estimate,
        "interval": result.interval(confidence),
        "p_value": result.p_value(),
        "reason": None,
    }


def _gains(returns: Array, benchmark: Array, estimand: Estimand) -> Array | None:
    """Return gains per day (days,) whose mean is the trial's estimand; none where it has none."""
    if np.ptp(returns, axis=1).min() <= SAME_RETURN or np.abs(returns - benchmark).max() <= SAME_RETURN:
        return None
    values, influences = difference(returns, benchmark, estimand)
    gains: Array = values.mean() + influences.mean(axis=0)
    return gains


def _with_honest_spread(gains: Array, block: int) -> Array:
    """Return gains (trials, days) whose resampled means spread as far as the days' dependence asks for.

    Blocks cut dependence, so that a bootstrap's spread is too small where days resemble the next: of true nulls at 5 %
    (12 trials, 250 samples) it rejected 10.0 % at autocorrelation .6 over 252 days, 8.8 % at .4 over 756, 6.8 % of
    independent days; blocks twice as long 10.8, 9.6 and 6.4 %. Deviations are therefore stretched by the root of the
    cosines' long-run variance over the bootstrap's, both averaged over the trials, where that is above one: 6.8, 5.6
    and 6.0 %. Means stay as they are.
    """
    means = gains.mean(axis=1, keepdims=True)
    ratio = float(long_run_variance(gains).mean() / stationary_bootstrap_variance(gains, block).mean())
    stretched: Array = means + (gains - means) * math.sqrt(max(1.0, ratio))
    return stretched


def _second_opinions(gains: Array, made: int, days_a_year: int, seed: int) -> dict[str, Any]:
    """Return deflated ratio, probability of overfitting and haircut of gains (trials, days)."""
    days = gains.shape[1]
    ratios = gains.mean(axis=1) / gains.std(axis=1, ddof=1)
    best = int(gains.mean(axis=1).argmax())
    ratio, per_year = float(ratios[best]), math.sqrt(days_a_year)
    cut = haircut_sharpe(ratio * per_year, days, made, days_a_year)
    opinions: dict[str, Any] = {
        "information_ratio_of_best": ratio * per_year,
        "haircut": {"p_value": cut.p_value, "information_ratio": cut.sharpe, "method": "Harvey and Liu, Bonferroni"},
    }
    if len(gains) < 2:
        reason = "one trial has no variance between trials"
        return opinions | {"deflated_sharpe_ratio": None, "overfitting": None, "reason": reason}
    variance, (skewness, kurtosis) = float(ratios.var(ddof=1)), moments(gains[best])
    effective = max(2.0, effective_trials(gains) * made / len(gains))
    opinions["deflated_sharpe_ratio"] = {
        "all_trials": deflated_sharpe_ratio(ratio, variance, made, days, skewness, kurtosis),
        "effective_trials": deflated_sharpe_ratio(ratio, variance, effective, days, skewness, kurtosis),
        "number_of_effective_trials": effective,
        "method": "Galwey (2009), of the correlations of gains",
        "expected_best_without_skill": expected_maximum_sharpe(made, variance) * per_year,
    }
    overfitting: Overfitting = probability_of_overfitting(gains, seed=seed)
    return opinions | {"overfitting": asdict(overfitting)}


def _selection_sentence(
    answer: Verdict, test: SuperiorAbility, trials: int, days: int, factor: float, unit: str, confidence: float
) -> str:
    best, median, high = (value * factor for value in (test.best, test.median_of_luck, test.high_of_luck))
    cases = "twenty" if confidence == 0.95 else f"{1 / (1 - confidence):.3g}"
    return (
        f"{LUCK[answer]}: the best of {trials} trials shows {best:+.2g} in {unit} on {days} validation days; the best "
        f"of as many without skill shows {median:+.2g} in half of the cases and {high:+.2g} in one of {cases}"
        f" ({probable(test.p_value)})."
    )


def _too_few(days: int, which: str, unit: str) -> Answer:
    reason = f"{days} {which} days are fewer than {MINIMUM_DAYS}"
    return Answer("unknown", f"Unknown: {reason}, too few for an interval.", unit, reason=reason)


def _undefined(reason: str, unit: str) -> Answer:
    sentence = f"Unknown: {reason[0].lower()}{reason[1:]}, so that no {unit} can be compared."
    return Answer("unknown", sentence, unit, reason=reason)


def _per_year(estimand: Estimand, days_a_year: int) -> float:
    return float(days_a_year) if estimand == "alpha" else math.sqrt(days_a_year)


def _checked(returns: Array, dimensions: int, name: str) -> Array:
    values = np.asarray(returns, dtype=np.float64)
    if values.ndim != dimensions or values.size == 0:
        shape = "(seeds, days)" if dimensions == 2 else "(days,)"
        raise ValueError(f"returns of {name} have shape {values.shape}: {shape} is needed")
    if not np.isfinite(values).all():
        raise ValueError(f"{int(np.sum(~np.isfinite(values)))} of {values.size} returns of {name} are not finite")
    return values


def _same_days(own: int, other: int, who: str, rival: str) -> None:
    if own != other:
        raise ValueError(f"{who} has returns of {own} days and {rival} of {other}: give both the same days")

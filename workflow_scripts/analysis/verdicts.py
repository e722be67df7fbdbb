"""A verdict: three answers about a sweep, and beside them what each candidate and baseline earned."""

from dataclasses import replace
from typing import Any

import numpy as np

from workflow_scripts.analysis.inference.answers import (
    Answer,
    selection_answer,
    sharpe_row,
    skill_answer,
    tuning_answer,
    unjudged,
)
from workflow_scripts.analysis.inference.estimands import estimand_of
from workflow_scripts.analysis.inference.evidence import always_valid_e_value, always_valid_p_value
from workflow_scripts.analysis.kept_returns import TestReturns, ValidationReturns
from workflow_scripts.analysis.openings import Openings
from workflow_scripts.training.environment.settings import EnvironmentSettings

TUNED, DEFAULT, BENCHMARK = "rank_1", "default", "benchmark"
NEUTRAL = {
    "tilt": "no tilt: equal weights",
    "weights": "equal weights, no cash",
    "shares": "the orders towards equal weights",
}


def judge(
    test: TestReturns,
    validation: ValidationReturns,
    environment: EnvironmentSettings,
    default_is_tuned: bool,
    trials_made: int,
    confidence: float,
    resamples: int,
    openings: Openings,
) -> dict[str, Any]:
    """Return what verdict.json says of a sweep, but for its names.

    Args:
        test: what candidates and baselines earned on the test days.
        validation: what the trials and the benchmark earned on the validation days.
        environment: how an action becomes trades; it decides the estimand, and what the benchmark does.
        default_is_tuned: whether the tuned configuration is the default.
        trials_made: how many trials were ever made on this market.
        confidence: coverage of the intervals.
        resamples: of the bootstrap behind the luck of selection.
        openings: how often these test days were opened to judge something else; skill and tuning count them.

    """
    estimand = estimand_of(environment.action_mode)
    returns, missing, days_a_year = test.returns, test.not_judged, test.periods_per_year

    times = max(1, openings.count)
    corrected = 1 - (1 - confidence) / times

    def absent(name: str) -> str | None:
        return None if name in returns else missing.get(name, "it was not traded")

    if reason := absent(TUNED):
        skill = unjudged(f"the tuned configuration could not be judged on the test days ({reason})", estimand)
    elif reason := absent(BENCHMARK):
        skill = unjudged(f"the benchmark could not be judged on the test days ({reason})", estimand)
    else:
        skill = skill_answer(returns[TUNED], returns[BENCHMARK][0], estimand, corrected, days_a_year=days_a_year)
    if not default_is_tuned and (reason := absent(TUNED) or absent(DEFAULT)):
        who = "tuned" if absent(TUNED) else "default"
        tuning = unjudged(f"the {who} configuration could not be judged on the test days ({reason})", estimand)
    else:
        # Of one configuration nothing is compared, so that its returns need not be there.
        rows = [returns.get(name, np.zeros((1, 1))) for name in (TUNED, DEFAULT)]
        tuning = tuning_answer(rows[0], rows[1], default_is_tuned, estimand, corrected, days_a_year=days_a_year)
    skill, tuning = (_counting(answer, times, corrected) for answer in (skill, tuning))
    return {
        "sentence": skill.sentence,
        "skill": skill.as_json(),
        "tuning": tuning.as_json(),
        "selection": _selection(validation, estimand, confidence, resamples, trials_made, days_a_year),
        "estimand": skill.estimand,
        "benchmark": {
            "action": NEUTRAL[environment.action_mode],
            "start": "cash",
            "environment": environment.model_dump(),
        },
        "confidence": confidence,
        "resamples": resamples,
        "periods_per_year": days_a_year,
        "test": {"first_day": str(test.days[0]), "last_day": str(test.days[-1]), "days": len(test.days)},
        "validation": {
            "first_day": str(validation.days[0]),
            "last_day": str(validation.days[-1]),
            "days": len(validation.days),
        },
        "trials_counted": trials_made,
        "openings": openings.as_json(),
        "rows": {name: _row(name, test, confidence) for name in sorted(returns)},
        "not_judged": dict(missing),
    }


def _counting(answer: Answer, times: int, confidence: float) -> Answer:
    """Return an answer that says how often its days were opened: whoever looks more often needs more to see.

    Its interval has been widened by Bonferroni already; beside it stands evidence that holds however often one looks.
    """
    if answer.p_value is None or answer.estimate is None:
        return answer
    e_value = always_valid_e_value(answer.estimate / answer.beside["standard_error"])
    beside = dict(answer.beside) | {
        "openings": times,
        "p_value_of_all_openings": min(1.0, times * answer.p_value),
        "always_valid": {"e_value": e_value, "p_value": always_valid_p_value(e_value), "source": "Robbins (1970)"},
    }
    sentence = answer.sentence
    if times > 1:
        sentence += f" These test days have been opened {times} times, so that the interval covers {confidence:.2%}."
    return replace(answer, sentence=sentence, beside=beside)


def _selection(
    validation: ValidationReturns,
    estimand: Any,
    confidence: float,
    resamples: int,
    trials_made: int,
    days_a_year: int,
) -> dict[str, Any]:
    names = list(validation.trials)
    if not names:
        reason = "no trial has daily returns of every validation day"
        return unjudged(reason, estimand).as_json()
    answer: Answer = selection_answer(
        list(validation.trials.values()),
        validation.benchmark,
        max(trials_made, len(names)),
        estimand,
        confidence,
        resamples,
        days_a_year=days_a_year,
    )
    content = answer.as_json()
    beside = content["beside"]
    if "stand_out" in beside:
        content["beside"] = beside | {"stand_out": [names[place] for place in beside["stand_out"]]}
    return content


def _row(name: str, test: TestReturns, confidence: float) -> dict[str, Any]:
    """Return the Sharpe ratio of a candidate or baseline, and its difference to the benchmark."""
    rows, days_a_year = test.returns[name], test.periods_per_year
    row: dict[str, Any] = {"seeds": len(rows), "sharpe": sharpe_row(rows, confidence, days_a_year)}
    if name != BENCHMARK and BENCHMARK in test.returns:
        against = skill_answer(rows, test.returns[BENCHMARK][0], "sharpe", confidence, days_a_year=days_a_year)
        row["beyond_benchmark"] = {key: getattr(against, key) for key in ("estimate", "interval", "p_value", "reason")}
    return row

"""A verdict: three answers about a sweep, and beside them what each candidate and baseline earned."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from workflow_scripts.analysis.inference.answers import (
    Answer,
    pooled_selection,
    selection_answer,
    sharpe_row,
    skill_answer,
    tuning_answer,
    unjudged,
)
from workflow_scripts.analysis.inference.estimands import estimand_of
from workflow_scripts.analysis.inference.evidence import always_valid_e_value, always_valid_p_value
from workflow_scripts.analysis.kept_returns import Days, TestReturns, ValidationReturns
from workflow_scripts.analysis.openings import together
from workflow_scripts.analysis.windows import DEFAULT, ENSEMBLES, TUNED, Window, pooled
from workflow_scripts.training.environment.settings import EnvironmentSettings

BENCHMARK = "benchmark"
NEUTRAL = {
    "tilt": "no tilt: equal weights",
    "weights": "equal weights, no cash",
    "shares": "the orders towards equal weights",
    "long_short": "no tilt: equal weights",
}


def judge(
    windows: Sequence[Window],
    environment: EnvironmentSettings,
    trials_made: int,
    confidence: float,
    resamples: int,
) -> dict[str, Any]:
    """Return what verdict.json says of a sweep, but for its names.

    Several windows of the test days are judged as one: their returns one after the other, of the configuration that was
    tuned before each window and of its default. The luck of selection is each window's, and put together.

    Args:
        windows: the test days, or each window of them in turn, with the sweep before it. Skill and tuning count how
            often they were opened to judge something else.
        environment: how an action becomes trades; it decides the estimand, and what the benchmark does.
        trials_made: how many trials were ever made on this market.
        confidence: coverage of the intervals.
        resamples: of the bootstrap behind the luck of selection.

    """
    test, openings = pooled(windows), together([window.openings for window in windows])
    default_is_tuned = all(window.default_is_tuned for window in windows)
    estimand = estimand_of(environment.action_mode)
    returns, missing, days_a_year = test.returns, test.not_judged, test.periods_per_year

    members = windows[0].ensemble
    tuned, default = (TUNED, DEFAULT) if members == 1 else ENSEMBLES
    times = max(1, openings.count)
    corrected = 1 - (1 - confidence) / times

    def absent(name: str) -> str | None:
        return None if name in returns else missing.get(name, "it was not traded")

    if reason := absent(tuned):
        skill = unjudged(f"the tuned configuration could not be judged on the test days ({reason})", estimand)
    elif reason := absent(BENCHMARK):
        skill = unjudged(f"the benchmark could not be judged on the test days ({reason})", estimand)
    else:
        skill = skill_answer(
            returns[tuned], returns[BENCHMARK][0], estimand, corrected, days_a_year=days_a_year, members=members
        )
    if not default_is_tuned and (reason := absent(tuned) or absent(default)):
        who = "tuned" if absent(tuned) else "default"
        tuning = unjudged(f"the {who} configuration could not be judged on the test days ({reason})", estimand)
    else:
        # Of one configuration nothing is compared, so that its returns need not be there.
        rows = [returns.get(name, np.zeros((1, 1))) for name in (tuned, default)]
        tuning = tuning_answer(
            rows[0], rows[1], default_is_tuned, estimand, corrected, days_a_year=days_a_year, members=members
        )
    skill, tuning = (_counting(answer, times, corrected) for answer in (skill, tuning))
    warnings = dict.fromkeys(warning for window in windows for warning in window.warnings)
    for short in dict.fromkeys(warning.partition(":")[0] for warning in warnings):
        said = f" Beware: {short}; then all of this may be what it knows."
        skill = replace(skill, sentence=skill.sentence + said)
    selections = [
        _selection(window.validation, estimand, confidence, resamples, trials_made, days_a_year) for window in windows
    ]
    content = {
        "sentence": skill.sentence,
        "skill": skill.as_json(),
        "tuning": tuning.as_json(),
        "selection": pooled_selection(selections, confidence).as_json(),
        "estimand": skill.estimand,
        "benchmark": {
            "action": NEUTRAL[environment.action_mode],
            "start": environment.start,
            "environment": environment.model_dump(),
        },
        "confidence": confidence,
        "resamples": resamples,
        "periods_per_year": days_a_year,
        "test": _span(test.days),
        "validation": _span(np.unique(np.concatenate([window.validation.days for window in windows]))),
        "trials_counted": trials_made,
        "openings": openings.as_json(),
        "rows": {name: _row(name, test, confidence) for name in sorted(returns)},
        "not_judged": dict(missing),
    }
    if warnings:
        content["warnings"] = list(warnings)
    if len(windows) > 1:
        content["windows"] = [
            {
                "sweep": window.sweep,
                "market": window.market,
                "test": _span(window.test.days),
                "validation": _span(window.validation.days),
                "tuned_is_default": window.default_is_tuned,
                "selection": selection.as_json(),
                "openings": window.openings.as_json(),
            }
            for window, selection in zip(windows, selections, strict=True)
        ]
    return content


def _span(days: Days) -> dict[str, Any]:
    return {"first_day": str(days[0]), "last_day": str(days[-1]), "days": len(days)}


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
) -> Answer:
    names = list(validation.trials)
    if not names:
        return unjudged("no trial has daily returns of every validation day", estimand)
    answer = selection_answer(
        list(validation.trials.values()),
        validation.benchmark,
        max(trials_made, len(names)),
        estimand,
        confidence,
        resamples,
        days_a_year=days_a_year,
    )
    if "stand_out" not in answer.beside:
        return answer
    return replace(
        answer, beside={**answer.beside, "stand_out": [names[place] for place in answer.beside["stand_out"]]}
    )


def _row(name: str, test: TestReturns, confidence: float) -> dict[str, Any]:
    """Return the Sharpe ratio of a candidate or baseline, and its difference to the benchmark."""
    rows, days_a_year = test.returns[name], test.periods_per_year
    row: dict[str, Any] = {"seeds": len(rows), "sharpe": sharpe_row(rows, confidence, days_a_year)}
    if name != BENCHMARK and BENCHMARK in test.returns:
        against = skill_answer(rows, test.returns[BENCHMARK][0], "sharpe", confidence, days_a_year=days_a_year)
        row["beyond_benchmark"] = {key: getattr(against, key) for key in ("estimate", "interval", "p_value", "reason")}
    return row

"""The top of a sweep's part: its three answers, their picture, and what they took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from workflow_scripts.analysis.leaderboard import vector_steps
from workflow_scripts.analysis.report.elements import (
    Block,
    Facts,
    Figure,
    Note,
    Section,
    Table,
    annual,
    axis,
    layout,
    rounded,
    signed,
    span,
)
from workflow_scripts.analysis.report.tree import Market, Run, Sweep
from workflow_scripts.data.periods import PERIODS_PER_YEAR
from workflow_scripts.workflow.paths import whole
from workflow_scripts.workflow.wording import probable, several

QUESTIONS = {
    "skill": "Does the tuned agent beat its benchmark?",
    "tuning": "Does tuning beat the default?",
    "selection": "Is the best validation score more than luck?",
}
WORDS = {"yes": "Yes", "no": "No", "unknown": "Cannot tell"}
SIGNS = {"yes": "✓", "no": "✗", "unknown": "?"}
COLOURS = {"skill": "rank_1", "tuning": "default", "selection": "untrained"}


@dataclass(frozen=True)
class Answer:
    """An answer as the page shows it."""

    name: str
    question: str
    answer: str
    word: str
    sign: str
    sentence: str
    numbers: list[tuple[str, str]]


@dataclass(frozen=True)
class Answers:
    """The three answers of a verdict."""

    rows: list[Answer]
    kind: str = field(default="answers", init=False)


def verdict_section(sweep: Sweep, market: Market) -> Section:
    """Return the answers of a sweep, their picture and what they took."""
    took = Facts("What it took", what_it_took(sweep, market))
    if sweep.verdict is None:
        text = "There is no verdict yet: the tuned configuration has not been judged on the test days."
        if (name := whole(sweep.name)) != sweep.name:
            text = f"The verdict of {name} judges the test days of this sweep together with those of the other windows."
        return Section("Verdict", [Note(text), took], "verdict")
    answers = [_answer(name, sweep.verdict[name], sweep.verdict["confidence"]) for name in QUESTIONS]
    blocks: list[Any] = [Answers(answers), *_openings(sweep.verdict), *_picture(sweep.verdict)]
    blocks += [*_windows(sweep.verdict), took]
    return Section("Verdict", blocks, "verdict")


def _answer(name: str, said: Mapping[str, Any], confidence: float) -> Answer:
    numbers = [
        ("estimate", f"{signed(said['estimate'])} in {said['estimand']}"),
        (f"{confidence:.0%} interval", span(said["interval"])),
        ("p-value", "none" if said["p_value"] is None else probable(said["p_value"]).removeprefix("p ")),
    ]
    numbers += [("why not", said["reason"])] if said["reason"] else []
    word, sign = WORDS[said["answer"]], SIGNS[said["answer"]]
    return Answer(name, QUESTIONS[name], said["answer"], word, sign, said["sentence"], numbers)


def _openings(verdict: Mapping[str, Any]) -> list[Block]:
    """Return what a verdict says of the openings of its test days, where it says something."""
    openings = verdict.get("openings")
    if not isinstance(openings, Mapping):
        return []
    times = f"The test days of this market were opened {several(openings['count'], 'time')}, this reading included."
    return [Note(" ".join([times, *(f"{problem}." for problem in openings["problems"])]))]


def _picture(verdict: Mapping[str, Any]) -> list[Figure]:
    """Return the three estimates with their intervals around zero."""
    known = {name: verdict[name] for name in QUESTIONS if verdict[name]["estimate"] is not None}
    if not known:
        return []
    data, told = [], []
    for name, said in reversed(known.items()):
        estimate, interval = said["estimate"], said["interval"]
        bar: dict[str, Any] = {}
        if interval:  # none where the tuned configuration is the default
            ends = {"array": [rounded(interval[1] - estimate)], "arrayminus": [rounded(estimate - interval[0])]}
            bar = {"type": "data", "symmetric": False, **ends}
        marker = {"color": f"${COLOURS[name]}", "size": 12}
        error = {"error_x": {**bar, "color": f"${COLOURS[name]}", "thickness": 3, "width": 8}} if interval else {}
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [rounded(estimate)],
                "y": [name],
                "marker": marker,
                "showlegend": False,
                **error,
            }
        )
        told.append(f"{name} {signed(estimate)}, interval {span(interval)}")
    x = axis("difference", _unit(verdict), zeroline=True, zerolinewidth=2)
    drawn = layout(x, axis("answer", "name", type="category"), hovermode="closest")
    return [
        Figure(
            "The three estimates",
            "Estimates with their intervals: " + "; ".join(reversed(told)) + ".",
            data,
            drawn,
            height=240,
            note="An interval to the right of zero is a yes. Skill: tuned less benchmark, on the test days. Tuning: "
            "tuned less default, on the test days. Selection: the best trial less the best of as many without skill, "
            "on the validation days.",
        )
    ]


def _unit(verdict: Mapping[str, Any]) -> str:
    """Return what the estimates count by; a verdict of an earlier version does not say how many periods a year has."""
    year = verdict.get(PERIODS_PER_YEAR)
    return annual(year, verdict["estimand"]) if year else str(verdict["estimand"])


def _windows(verdict: Mapping[str, Any]) -> list[Block]:
    """Return a row for each window of the test days, where there are several."""
    rows = [
        (
            window["sweep"],
            *(f"{window[days]['first_day']} to {window[days]['last_day']}" for days in ("validation", "test")),
            window["test"]["days"],
            "yes" if window["tuned_is_default"] else "no",
            WORDS[window["selection"]["answer"]],
            window["openings"]["count"],
        )
        for window in verdict.get("windows", [])
    ]
    columns = ("sweep", "validation", "test", "test days", "tuned is the default", QUESTIONS["selection"], "openings")
    note = "The sweep is repeated before each window, and the test days of all windows are judged together."
    return [Table("Windows of the test days", columns, rows, note=note)] if rows else []


def what_it_took(sweep: Sweep, market: Market) -> list[tuple[str, Any]]:
    """Return a sweep's counts and costs; with several windows of the test days those of all."""
    parts = sweep.windows or [sweep]
    tuning = [run for part in parts for run in part.runs]
    runs = [*tuning, *(run for part in parts for each in part.backtests.values() for run in each)]
    scores = [score for part in parts for score in part.scores]
    cpu, settings = cpu_seconds(runs), parts[0].settings
    rows: list[tuple[str, Any]] = [
        ("agent", settings.get("agent")),
        ("market", f"{sweep.market}: {len(market.lock.get('tickers', []))} tickers, {_span(market.lock)}"),
        ("optimizer", settings.get("optimizer")),
        ("trials", f"{len(scores)}, {sum(score.status != 'ok' for score in scores)} without a score"),
        ("runs", f"{len(tuning)} on validation days, {len(runs) - len(tuning)} on test days"),
        ("vector steps of the sweep", sum(sum(vector_steps(part.scores)) for part in parts if part.scores)),
        ("CPU time of the runs", f"{cpu / 3600:.2f} h" if cpu is not None else None),
    ]
    if sweep.verdict is not None:
        test, validation = sweep.verdict["test"], sweep.verdict["validation"]
        rows += [
            ("validation days", f"{validation['days']}, {validation['first_day']} to {validation['last_day']}"),
            ("test days", f"{test['days']}, {test['first_day']} to {test['last_day']}"),
            ("trials ever made on this market", sweep.verdict["trials_counted"]),
            ("benchmark", f"{sweep.verdict['benchmark']['action']}, from {sweep.verdict['benchmark']['start']}"),
        ]
    return rows


def cpu_seconds(runs: list[Run]) -> float | None:
    """Return the CPU seconds of runs; none where no run noted them."""
    noted = [usage["cpu_time"] for run in runs if (usage := run.usage())]
    return sum(noted) if noted else None


def _span(lock: Mapping[str, Any]) -> str:
    return f"{lock['first_day']} to {lock['last_day']}" if lock else "not there yet"

"""A sweep as a DataFrame run of DeepCAVE, which is two tables: no package is needed to write them."""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow_scripts.analysis.report.tree import Sweep
from workflow_scripts.sweeps.history import Score
from workflow_scripts.workflow.files import whole_file

FOLDER = "deepcave"
KINDS = {"float": "float", "int": "integer", "categorical": "categorical"}


def export(sweeps: Sequence[Sweep], folder: Path) -> Path:
    """Write a folder per sweep with configspace.csv and trials.csv, a row per trial, and return where they lie.

    A constant is no hyperparameter there. DeepCAVE knows choices as texts, so that one of numbers is written in quotes.
    A trial begins when the one before ended, and takes the wall seconds of its runs one after the other.
    """
    for sweep in sweeps:
        space = {name: entry for name, entry in sweep.space.items() if entry["type"] in KINDS}
        took: dict[tuple[int, int], float] = {}
        for run in sweep.runs:
            assert run.trial is not None
            took[run.trial] = took.get(run.trial, 0.0) + run.usage().get("s", 0.0)
        metric, rows, start = _metric(sweep.scores), [], 0.0
        for number, score in enumerate(sweep.scores):
            end = start + took.get((score.round, score.trial), 0.0)
            rows.append(_trial(number, score, metric, space, start, end))
            start = end
        _write(folder / FOLDER / sweep.name / "configspace.csv", [_entry(name, entry) for name, entry in space.items()])
        _write(folder / FOLDER / sweep.name / "trials.csv", rows)
    return folder / FOLDER


def _metric(scores: Sequence[Score]) -> str:
    """Return the column of scores, with bounds in two digits: DeepCAVE divides by their distance."""
    name, known = re.sub(r"\W+", "_", scores[0].objective), [score.score for score in scores if score.score is not None]
    lower, upper = math.floor(min(known, default=0) * 100) / 100, math.ceil(max(known, default=0) * 100 + 1) / 100
    return f"metric:{name} [{lower:.2f}; {upper:.2f}] (maximize)"


def _trial(
    number: int, score: Score, metric: str, space: Mapping[str, Mapping[str, Any]], start: float, end: float
) -> dict[str, Any]:
    return {
        "config_id": number,
        metric: score.score,
        "budget": score.budget,
        "start_time": start,
        "end_time": end,
        "status": "success" if score.score is not None else "failed",
        **{
            name: _choice(value) if name in space and space[name]["type"] == "categorical" else value
            for name, value in score.configuration.items()
        },
        "round": score.round,
        "trial": score.trial,
        "standard_error": score.standard_error,
        "reason": score.reason,
        **{f"fold_{run['fold']}_seed_{run['seed']}": run["value"] for run in score.runs},
    }


def _entry(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    choices = entry.get("choices") or ()
    defaults = {"float": entry["default"], "categorical": _choice(entry["default"])}
    return {
        "name": name,
        "type": KINDS[entry["type"]],
        "lower": entry.get("lower"),
        "upper": entry.get("upper"),
        "default": defaults.get(entry["type"]),
        "log": bool(entry.get("log")),
        "ordered": False,
        **{f"item_{place}": _choice(value) for place, value in enumerate(choices)},
    }


def _choice(value: Any) -> str:
    return value if isinstance(value, str) else f"'{value}'"


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = dict.fromkeys(name for row in rows for name in row)
    with whole_file(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

"""The full table: a row per run, to sort, filter and download."""

import csv
from pathlib import Path
from typing import Any

from workflow_scripts.analysis.report.elements import Note, Section, Table
from workflow_scripts.analysis.report.tree import Sweep


def runs_section(sweep: Sweep) -> Section:
    """Return trials.csv; before it is there, what is scored so far."""
    path = sweep.folder / "trials.csv"
    if not path.exists():
        return Section("All runs", [Note("The table is made when all rounds are scored.")], "runs")
    columns, rows = _read(path)
    note = (
        "Click a column to sort. The filter takes words and comparisons, all of which must hold: failed, fold=1, "
        "sharpe>0.5. The download has the rows that are shown."
    )
    return Section("All runs", [Table(f"Runs of {sweep.name}", columns, rows, note=note, every=True)], "runs")


def _read(path: Path) -> tuple[list[str], list[list[Any]]]:
    with path.open(encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    return columns, [[_value(cell) for cell in row] for row in rows]


def _value(cell: str) -> Any:
    """Return a cell as a number where it is one, none where it is empty."""
    if not cell:
        return None
    try:
        return int(cell) if cell.lstrip("-").isdigit() else float(cell)
    except ValueError:
        return cell

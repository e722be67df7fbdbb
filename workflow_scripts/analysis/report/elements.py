"""What sections are made of: figures, tables, facts and notes, and how every figure looks.

A figure is plotly's own JSON, made without the Python package's classes, whose import and checks would take longer than
all else here. A colour is named by its meaning (``$rank_1``, ``$ink/20`` for a fifth of its strength); the page knows
the light and the dark one.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGITS = 5
LONGEST_TITLE = 36
# Told apart in print and by the colour-blind.
DASHES = {
    "benchmark": "dash",
    "equal_weight": "dot",
    "buy_and_hold": "dashdot",
    "index": "longdash",
    "oracle": "longdashdot",
    "untrained": "dot",
    "default": "dash",
}
NAMES = {"rank_1": "tuned (rank 1)"}


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        title: what it shows.
        alt: the same for who cannot see it, with the numbers that matter.
        data: plotly's traces.
        layout: plotly's layout.
        height: in pixels.
        note: how to read it.

    """

    title: str
    alt: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    height: int = 340
    note: str = ""
    kind: str = field(default="figure", init=False)


@dataclass(frozen=True)
class Group:
    """Small figures side by side, as many in a row as there is room for."""

    title: str
    figures: Sequence[Figure]
    note: str
    kind: str = field(default="group", init=False)


@dataclass(frozen=True)
class Table:
    """A table; numbers stand to the right.

    Attributes:
        title: what it holds.
        columns: their names, units included.
        rows: their cells.
        note: how to read it.
        every: whether the reader can sort, filter and download it.

    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    every: bool = False
    kind: str = field(default="table", init=False)


@dataclass(frozen=True)
class Facts:
    """Names and what they are."""

    title: str
    rows: Sequence[tuple[str, Any]]
    kind: str = field(default="facts", init=False)


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    text: str
    kind: str = field(default="note", init=False)


Block = Figure | Group | Table | Facts | Note


@dataclass(frozen=True)
class Section:
    """A section of the page: a title, what stands below it, and sections inside it."""

    title: str
    blocks: Sequence[Block] = ()
    anchor: str = ""


def name_of(candidate: str) -> str:
    """Return a candidate's or baseline's name as a reader would write it."""
    return NAMES.get(candidate, candidate.replace("_", " "))


def numbers(values: Iterable[Any]) -> list[Any]:
    """Return numbers of five digits, none in place of what is not finite."""
    return [None if value is None or not math.isfinite(value) else rounded(float(value)) for value in values]


def rounded(value: float) -> float:
    """Return a number to five digits."""
    return float(f"{value:.{DIGITS}g}")


def days(values: NDArray[np.datetime64]) -> list[str]:
    """Return days as plotly reads them."""
    return [str(value) for value in values.astype(str)]


def choices(values: Sequence[Any]) -> dict[str, Any]:
    """Return what an axis of choices has, in their order."""
    return {"type": "category", "categoryorder": "array", "categoryarray": list(map(str, values))}


def axis(title: str, unit: str, **more: Any) -> dict[str, Any]:
    """Return an axis, which says in which unit it counts; a long one in a line of its own."""
    between = "<br>" if len(title) + len(unit) > LONGEST_TITLE else " "
    return {"title": {"text": f"{title}{between}({unit})"}, **more}


def annual(periods_per_year: int, unit: str = "annual") -> str:
    """Return the unit of numbers per year: by how many periods of its market that counts."""
    return f"{unit}, {periods_per_year} periods per year"


def layout(x: Mapping[str, Any], y: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the layout of a figure with two axes."""
    return {"xaxis": dict(x), "yaxis": dict(y), **more}


def line(name: str, x: Sequence[Any], y: Iterable[Any], colour: str, **more: Any) -> dict[str, Any]:
    """Return a line in a meaning's colour and dashes."""
    drawn = {"color": f"${colour}", "width": 2, "dash": DASHES.get(colour, "solid")}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(x),
        "y": numbers(y),
        **more,
        "line": drawn | more.get("line", {}),
    }


def band(x: Sequence[Any], low: Iterable[Any], high: Iterable[Any], colour: str) -> list[dict[str, Any]]:
    """Return a band between two lines, without a name of its own."""
    edge = {"type": "scatter", "mode": "lines", "x": list(x), "showlegend": False, "hoverinfo": "skip"}
    return [
        {**edge, "y": numbers(low), "line": {"width": 0}},
        {**edge, "y": numbers(high), "line": {"width": 0}, "fill": "tonexty", "fillcolor": f"${colour}/18"},
    ]


def points(name: str, x: Sequence[Any], y: Iterable[Any], colour: str, **more: Any) -> dict[str, Any]:
    """Return points in a meaning's colour."""
    marker = {"color": f"${colour}", "size": 8} | more.pop("marker", {})
    return {"type": "scatter", "mode": "markers", "name": name, "x": list(x), "y": numbers(y), "marker": marker, **more}


def level(value: float, name: str, first: Any, last: Any, colour: str) -> dict[str, Any]:
    """Return a level line from one end of an axis to the other."""
    return line(name, [first, last], [value, value], colour, line={"width": 1.5})


def signed(value: float | None) -> str:
    """Return a difference as text, with its sign and three digits."""
    return "none" if value is None else f"{value:+.3g}"


def span(interval: Sequence[float] | None) -> str:
    """Return an interval as text."""
    return f"[{signed(interval[0])}, {signed(interval[1])}]" if interval else "none"


def shown(value: Any) -> str:
    """Return a cell's text: four digits of a number, a dash of nothing."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e5 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value)) or "none"
    return str(value)

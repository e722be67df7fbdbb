"""The calendar of a market: which days warm up, train, are dropped, validate, test."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from workflow_scripts.analysis.report.elements import Figure, Note, Section, Table, axis, layout
from workflow_scripts.analysis.report.tree import Market

PARTS = {
    "warm-up": "untrained",
    "training": "rank_2",
    "purged": "ink",
    "validation": "rank_3",
    "test": "equal_weight",
}


def calendar_section(market: Market) -> Section:
    """Return the strip of a market's folds."""
    if not market.folds:
        return Section("Folds", [Note("The market has not been cut into folds yet.")], "folds")
    rows = [(f"fold {number}", fold) for number, fold in enumerate(market.folds)]
    if market.sealed:
        rows.append(("backtest", market.sealed))
    data, cells = [], []
    spans: dict[str, list[tuple[str, str, str]]] = {name: [] for name in PARTS}
    for label, fold in rows:
        train, judged = fold["train"], fold["validation"]
        last = "test" if label == "backtest" else "validation"
        runs = sorted(
            (run["first_day"], run["last_day"], name)
            for name, window in (("training", train), (last, judged))
            for run in window.get("runs", [window])
        )
        for first_day, last_day, name in runs:
            spans[name].append((label, first_day, last_day))
        for (_, before, one), (after, _, other) in pairwise(runs):
            if one != other:
                spans["purged"].append((label, before, after))
        if market.lock and market.lock["first_day"] < train["first_day"]:
            first = min(fold["train"]["first_day"] for fold in market.folds)
            spans["warm-up"].append((label, market.lock["first_day"], first))
        cells.append((label, *_told(train), *_told(judged)))
    for name, colour in PARTS.items():
        x: list[Any] = []
        y: list[Any] = []
        for label, first, last in spans[name]:
            x += [first, last, None]
            y += [label, label, None]
        if x:
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "x": x,
                    "y": y,
                    "line": {"color": f"${colour}", "width": 16},
                    "hovertemplate": f"{name}: %{{x}}<extra>%{{y}}</extra>",
                }
            )
    drawn = layout(
        axis("day", "date", type="date"),
        axis("fold", "name", type="category", autorange="reversed"),
        hovermode="closest",
    )
    first, last = market.folds[0]["validation"]["first_day"], market.folds[-1]["validation"]["last_day"]
    return Section(
        "Folds",
        [
            Figure(
                "Which days are what",
                f"{len(market.folds)} folds; they validate on days from {first} to {last}.",
                data,
                drawn,
                height=150 + 34 * len(rows),
                note="Days between training and validation are dropped. The last row is the sealed backtest.",
            ),
            Table(
                "Days of the folds",
                ("fold", "trains from", "to", "days", "judged from", "to", "days"),
                cells,
            ),
        ],
        "folds",
    )


def _told(window: Mapping[str, Any]) -> tuple[str, str, int]:
    return window["first_day"], window["last_day"], window["days"]

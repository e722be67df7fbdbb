"""The data of a market: what came, what was repaired or dropped, which features agents see."""

from typing import Any

from workflow_scripts.analysis.report.elements import Block, Facts, Note, Section, Table, shown
from workflow_scripts.analysis.report.tree import Market


def data_section(market: Market) -> Section:
    """Return what is known of a market's data."""
    lock = market.lock
    if not lock:
        return Section("Data", [Note("Nothing has been downloaded yet.")], "data")
    query = {name: value for name, value in lock["query"].items() if value not in (None, [], {})}
    rows: list[tuple[str, Any]] = [
        ("source", lock["source"]),
        ("asked for", ", ".join(f"{name} {shown(value)}" for name, value in query.items() if name != "source")),
        ("days", f"{lock['first_day']} to {lock['last_day']}"),
        ("rows", lock["rows"]),
        ("tickers", f"{len(lock['tickers'])}: {', '.join(lock['tickers'])}"),
        ("what came", lock["note"]),
        ("sha256 of the bars", lock["sha256"]),
        ("refreshed", lock["refreshed"]),
    ]
    blocks: list[Block] = [Note(f"Warning: {warning}") for warning in lock["warnings"]]
    blocks.append(Facts("What came", rows))
    details = lock.get("details") or {}
    left = [
        ("columns that are no feature", details.get("columns_left")),
        ("files not read", details.get("files_unread")),
        ("rows clipped or dropped, per ticker", _counted(details.get("rows_repaired"))),
    ]
    blocks.append(Facts("What was left, repaired or dropped", [(name, told or "none") for name, told in left]))
    if folds := market.folds:
        described = folds[0]
        scalers = [
            (name, kind.removesuffix("_features"), scaler["mean"], scaler["sd"])
            for kind, of_kind in described["scalers"].items()
            for name, scaler in of_kind.items()
        ]
        columns = ("feature", "of the", "mean in training", "standard deviation")
        note = (
            f"As scaled in fold 0. Volatility: {described['volatility']}. Turbulence: {described['covariance']}. "
            "Every fold has scalers of its own."
        )
        blocks.append(Table("Features that agents see", columns, scalers, note=note))
    return Section("Data", blocks, "data")


def _counted(counts: Any) -> str | None:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) if counts else None

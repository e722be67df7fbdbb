"""What the same settings found where the truth is known: of each strength the first market, for people to read."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.config.controls import TARGET
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.paths import RESULTS

SHARPES = ("tuned", "default", "benchmark", "oracle")


@dataclass(frozen=True)
class KnownTruth:
    """A market of known truth.

    Attributes:
        name: its name, and that of the sweep on it.
        title: what there is to find.
        markets: how many there are with as much to find.
        verdict: what verdict.json says of the sweep.
        sharpes: annual Sharpe ratios on the test days by who earned them, as far as there are any.

    """

    name: str
    title: str
    markets: int
    verdict: Mapping[str, Any]
    sharpes: Mapping[str, float]

    @property
    def sentence(self) -> str:
        """What was found."""
        skill, tuning = (self.verdict[question]["sentence"] for question in ("skill", "tuning"))
        earned = ", ".join(f"{name} {sharpe:.2f}" for name, sharpe in self.sharpes.items())
        return f"Skill: {skill} Tuning: {tuning} Sharpe ratios on the test days: {earned}."


def folder_of_truth(results: Path) -> Path:
    """Return the working folder of the controls of a folder of results."""
    return results / TARGET


def known_truths(results: Path) -> Iterator[KnownTruth]:
    """Yield the first market of each strength, the strongest first; none where no controls were made."""
    folder = folder_of_truth(results)
    if not (folder / "controls.csv").exists():
        return
    with (folder / "controls.csv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: -float(row["signal_strength"]))
    by_strength: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_strength.setdefault(row["strength"], []).append(row)
    for strength, markets in by_strength.items():
        first = markets[0]
        planted = float(first["signal_strength"]) > 0
        yield KnownTruth(
            first["name"],
            f"Something to find ({strength})" if planted else "Nothing to find",
            len(markets),
            read_json(folder / RESULTS / "sweeps" / first["name"] / "verdict.json"),
            {name: float(first[f"{name}_sharpe"]) for name in SHARPES if first[f"{name}_sharpe"]},
        )

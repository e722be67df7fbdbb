"""Where the numbers come from: versions, digests, seeds, openings, and how to make them again."""

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from workflow_scripts.analysis.report.elements import Block, Facts, Section, Table, shown
from workflow_scripts.analysis.report.tree import Market, Sweep
from workflow_scripts.workflow.files import sha256
from workflow_scripts.workflow.paths import MANIFEST, ROUND, folders

PACKAGES = ("snakemake", "numpy", "pandas", "torch", "elegantrl", "smac", "scikit-learn", "optuna", "arch", "plotly")


def provenance_section(sweep: Sweep, market: Market) -> Section:
    """Return what a sweep's results depend on."""
    stated = sweep.preregistration
    settings = {name: value for name, value in sweep.settings.items() if name != "search_space"}
    rows: list[tuple[str, Any]] = [
        ("sweep", ", ".join(f"{name} {shown(value)}" for name, value in settings.items() if value not in (None, {}))),
        ("tuning seeds", sorted({run.seed for run in sweep.runs})),
        ("final seeds", stated.get("seeds") or sorted({run.seed for each in sweep.backtests.values() for run in each})),
        ("sha256 of the bars", market.lock.get("sha256")),
        ("openings of the test days", market.openings),
        ("digest of the code that trained", stated.get("code")),
    ]
    rows += [
        (f"sha256 of {path.name}", sha256(path))
        for path in (sweep.folder / "preregistration.json", sweep.folder / "verdict.json")
        if path.exists()
    ]
    rows.append(("made by", "make run with the same config.yaml; make report writes this page anew"))
    rounds = [
        (int(folder.name.removeprefix("round_")), sha256(folder / MANIFEST))
        for folder in folders(ROUND, sweep.root, sweep=sweep.name)
        if (folder / MANIFEST).exists()
    ]
    blocks: list[Block] = [Facts("Settings, seeds and digests", rows)]
    note = "A proposed round is a decision, and kept."
    blocks.append(Table("Rounds", ("round", f"sha256 of {MANIFEST}"), rounds, note=note))
    for group, values in stated.get("settings", {}).items():
        if isinstance(values, dict):
            blocks.append(Facts(f"Settings: {group}", sorted(values.items())))
    return Section("Provenance", blocks, "provenance")


def versions() -> list[tuple[str, str]]:
    """Return the versions of what made the page, as far as it is installed here."""
    known = [("Python", platform.python_version())]
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            known.append((name, version(name)))
    return known

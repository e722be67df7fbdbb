"""How every run of a sweep was trained: its learning curves."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from workflow_scripts.analysis.report.elements import Block, Figure, Note, Section, axis, layout, numbers, shown
from workflow_scripts.analysis.report.tree import Run, Sweep
from workflow_scripts.training.curves import read_curves

# What a curve shows, in which unit, and how to read it; in the order of the page.
CURVES = {
    "reward": ("reward of a day", "100 × log return", "What the exploring policy earned, after fees."),
    "turnover": ("turnover of a day", "fraction of value", "What the exploring policy traded."),
    "critic_loss": ("critic loss", "smooth L1", "Rising without end: the values diverge."),
    "actor_objective": ("actor objective", "agent's own", "Its level means nothing; its trend may."),
    "entropy": ("entropy of the policy", "nats", "Falling: the policy explores less."),
    "log_std": ("log deviation of actions", "log of action units", "Falling: the policy explores less."),
    "explained_variance": (
        "explained variance",
        "1 is all",
        "Of the returns. Below zero: the critic is worse than none.",
    ),
    "kl": ("KL of an update", "nats", "How far the policy moved. Far above 0.1: updates are too large."),
    "alpha": ("temperature", "weight of the entropy", ""),
    "actor_updates": ("actor updates", "per critic update", ""),
}
OF_SHARES = ("reward of a day", "gain × 2⁻¹²", "What the exploring policy earned, after fees.")
LEAST_EXPLAINED = -1.0


def training_section(sweep: Sweep) -> Section:
    """Return the learning curves of every run, those of the incumbent and of the default apart."""
    curves = {run: read_curves(run.folder / "curves.parquet") for run in sweep.runs if _kept(run)}
    curves = {run: own for run, own in curves.items() if len(own["vector_steps"])}
    if not curves:
        return Section("Training", [Note("No run has kept learning curves.")], "training")
    groups = _groups(sweep, list(curves))
    in_shares = sweep.preregistration.get("settings", {}).get("environment", {}).get("action_mode") == "shares"
    blocks: list[Block] = []
    for name, told in CURVES.items():
        title, unit, note = OF_SHARES if name == "reward" and in_shares else told
        if any(name in own for own in curves.values()):
            blocks.append(_figure(name, title, unit, note, groups, curves))
    return Section("Training", blocks, "training")


def _kept(run: Run) -> bool:
    return (run.folder / "curves.parquet").exists()


def _groups(sweep: Sweep, runs: Sequence[Run]) -> dict[tuple[str, str, float], list[Run]]:
    """Return the runs by how they are drawn: name, colour, width."""
    best, untuned = sweep.incumbent, sweep.default_trial
    marked = {(trial.round, trial.trial): name for name, trial in (("default", untuned), ("rank_1", best)) if trial}
    groups: dict[tuple[str, str, float], list[Run]] = {
        ("other trials", "untrained/55", 1.0): [],
        ("default", "default", 1.5): [],
        ("incumbent", "rank_1", 1.5): [],
    }
    keys = dict(zip((None, "default", "rank_1"), groups, strict=True))
    for run in runs:
        groups[keys[marked.get(run.trial) if run.trial else None]].append(run)
    return {key: own for key, own in groups.items() if own}


def _figure(name: str, title: str, unit: str, note: str, groups: Any, curves: Any) -> Figure:
    """Return the curves of one number: a line per run, gaps between the runs of a group."""
    data: list[dict[str, Any]] = []
    told = []
    for (label, colour, width), runs in groups.items():
        x: list[float | None] = []
        y: list[float | None] = []
        texts: list[str] = []
        ends = []
        for run in runs:
            own = curves[run]
            if name not in own:
                continue
            x += [*map(int, own["vector_steps"]), None]
            y += [*numbers(own[name]), None]
            where = f"round {run.trial[0]}, trial {run.trial[1]}, fold {run.fold}, seed {run.seed}" if run.trial else ""
            texts += [where] * (len(own["vector_steps"]) + 1)
            if math.isfinite(own[name][-1]):
                ends.append(own[name][-1])
        if not ends:
            continue
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{label} ({len(ends)} runs)",
                "x": x,
                "y": y,
                "text": texts,
                "hovertemplate": "%{text}<br>%{x} vector steps: %{y}<extra></extra>",
                "line": {"color": f"${colour}", "width": width},
            }
        )
        told.append(f"{label} {shown(float(np.median(ends)))}")
    up = axis(title, unit)
    if name == "explained_variance":
        lowest: float = min((value for trace in data for value in trace["y"] if value is not None), default=0.0)
        up |= {"range": [max(LEAST_EXPLAINED, lowest) - 0.05, 1.05]}
    return Figure(
        title[0].upper() + title[1:],
        f"{title} over the training; at its end the median is " + ", ".join(told) + ".",
        data,
        layout(axis("training", "vector steps", rangemode="tozero"), up, hovermode="closest"),
        height=300,
        note=note,
    )

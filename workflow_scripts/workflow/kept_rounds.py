"""Proposed rounds are decisions: while a round's manifest holds, no rule proposes its configurations again."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.paths import MANIFEST, ROUND, SWEEP, below, folders, read_back, whole


def count_kept_rounds(sweep: Path, settings: Mapping[str, Any]) -> int:
    """Return how many rounds of a sweep stand, counted from round 0.

    Args:
        sweep: the sweep's folder, with ``round_{round}/proposals.json`` in it.
        settings: what the proposals depend on, as the configuration now has it.

    Raises:
        ValueError: a kept round was proposed under other settings, was edited, or stands after a missing one.

    """
    level = below(ROUND, SWEEP)
    rounds = [folder for folder in folders(level, sweep) if (folder / MANIFEST).exists()]
    standing = [int(read_back(level, folder)["round"]) for folder in rounds]
    if standing != list(range(len(standing))):
        missing = next(index for index, number in enumerate(standing) if number != index)
        raise ValueError(
            f"{sweep} has proposals for round {standing[-1]} but none for round {missing}, on whose scores they rest: "
            f"restore {sweep}/round_{missing}/{MANIFEST} or delete the rounds from {missing} on"
        )
    for number in standing:
        _check_round(sweep, number, len(standing), settings)
    return len(standing)


def lost_trials(round_: Path) -> list[int]:
    """Return the trials of a kept round whose configuration is gone; its manifest holds a copy of each."""
    return [
        trial for trial, _ in enumerate(read_json(round_ / MANIFEST)["trials"]) if not _config(round_, trial).exists()
    ]


def trials_kept(market: str, planned: Mapping[str, int], root: Path = Path()) -> int:
    """Return how many trials the results hold of sweeps on a market, those before a window of its test days as well.

    Args:
        market: name of the market.
        planned: rounds of sweeps that are counted elsewhere; only rounds that they have beyond these are counted here.
        root: the working folder.

    """
    kept = [
        _read_manifest(path / MANIFEST)
        for path in folders(ROUND, root)
        if int((at := read_back(ROUND, path))["round"]) >= planned.get(at["sweep"], 0) and (path / MANIFEST).exists()
    ]
    return sum(len(manifest["trials"]) for manifest in kept if whole(manifest["settings"]["market"]) == market)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest, reason = json.loads(path.read_text(encoding="utf-8")), "it lacks settings or trials"
    except ValueError as error:
        manifest, reason = None, str(error)
    match manifest:
        case {"settings": Mapping(), "trials": list() as trials} if all(isinstance(each, Mapping) for each in trials):
            return dict(manifest)
    raise ValueError(f"{path} is no manifest of a round ({reason}): restore it, or delete the rounds from this one on")


def _config(round_: Path, trial: int) -> Path:
    return round_ / f"trial_{trial}" / "config.yaml"


def _check_round(sweep: Path, number: int, count: int, settings: Mapping[str, Any]) -> None:
    folder = sweep / f"round_{number}"
    manifest = _read_manifest(folder / MANIFEST)
    listed = (number + 1) * len(manifest["trials"])
    changes = list(_changes(_decided(manifest["settings"], listed), _decided(settings, listed)))
    if changes:
        raise ValueError(
            f"sweep {sweep.name} has {count} kept round(s), and round {number} was proposed under other settings "
            f"({'; '.join(changes)}): give the changed sweep a new name, or propose all rounds again with "
            f"--config replay=true, or delete {folder} and the rounds after it"
        )
    for trial, proposal in enumerate(manifest["trials"]):
        path = _config(folder, trial)
        if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() != proposal["sha256"]:
            raise ValueError(
                f"{path} is not what round {number} proposed: delete it to have it restored from {folder / MANIFEST}, "
                f"or delete {folder} and the rounds after it to have them proposed again"
            )


def _decided(settings: Mapping[str, Any], listed: int) -> dict[str, Any]:
    """Return the settings without the listed configurations that later rounds take: a list may grow."""
    known = {"configurations": settings["configurations"][:listed]} if "configurations" in settings else {}
    return {**settings, **known}


def _changes(kept: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted(kept.keys() | now.keys()):
        old, new = kept.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key} was {old!r}, is now {new!r}"

"""Proposed rounds are decisions: while a round's manifest holds, no rule makes its configurations again."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.workflow.files import read_json, write_text

MANIFEST = "proposals.json"


def count_kept_rounds(sweep: Path, settings: Mapping[str, Any]) -> int:
    """Return how many rounds of a sweep stand, counted from round 0; restore configurations lost from them.

    Args:
        sweep: the sweep's folder, with ``round_{round}/proposals.json`` in it.
        settings: what the proposals depend on, as the configuration now has it.

    Raises:
        ValueError: a kept round was proposed under other settings, was edited, or stands after a missing one.

    """
    standing = sorted(int(path.parent.name.removeprefix("round_")) for path in sweep.glob(f"round_*/{MANIFEST}"))
    if standing != list(range(len(standing))):
        missing = next(index for index, number in enumerate(standing) if number != index)
        raise ValueError(
            f"{sweep} has proposals for round {standing[-1]} but none for round {missing}, on whose scores they rest: "
            f"restore {sweep}/round_{missing}/{MANIFEST} or delete the rounds from {missing} on"
        )
    for number in standing:
        _check_round(sweep, number, len(standing), settings)
    return len(standing)


def _check_round(sweep: Path, number: int, count: int, settings: Mapping[str, Any]) -> None:
    folder = sweep / f"round_{number}"
    manifest = read_json(folder / MANIFEST)
    changes = list(_changes(manifest["settings"], settings))
    if changes:
        raise ValueError(
            f"sweep {sweep.name} has {count} kept round(s), and round {number} was proposed under other settings "
            f"({'; '.join(changes)}): give the changed sweep a new name, or propose all rounds again with "
            f"--config replay=true, or delete {folder} and the rounds after it"
        )
    for trial, proposal in enumerate(manifest["trials"]):
        path = folder / f"trial_{trial}" / "config.yaml"
        if not path.exists():
            write_text(path, proposal["config"])
        elif hashlib.sha256(path.read_bytes()).hexdigest() != proposal["sha256"]:
            raise ValueError(
                f"{path} is not what round {number} proposed: delete it to have it restored from {folder / MANIFEST}, "
                f"or delete {folder} and the rounds after it to have them proposed again"
            )


def _changes(kept: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key in sorted(kept.keys() | now.keys()):
        old, new = kept.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{prefix}{key}.")
        elif old != new:
            yield f"{prefix}{key} was {old!r}, is now {new!r}"

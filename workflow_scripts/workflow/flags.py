"""How settings become a job's command line."""

import json
import shlex
from collections.abc import Mapping
from typing import Any


def flags(**groups: Mapping[str, Any]) -> str:
    """Return command-line flags, such as ``--environment.cost-pct 0.001``, quoted and in a fixed order.

    A boolean is a flag without a value, as tyro reads it: ``--settings.expanding`` or ``--settings.no-expanding``.
    """
    words = []
    for group, settings in sorted(groups.items()):
        for key, value in sorted(settings.items()):
            name = key.replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{group}.{name}" if value else f"--{group}.no-{name}")
            elif value is not None:
                several = value if isinstance(value, list | tuple) else [value]
                words += [f"--{group}.{name}", *map(str, several)]
    return shlex.join(words)


def canonical(settings: Any) -> str:
    """Return settings as one string of JSON: Snakemake compares params as a set of values, without their names."""
    return json.dumps(settings, sort_keys=True)

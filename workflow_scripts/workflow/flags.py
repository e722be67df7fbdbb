"""How settings become a job's command line, and which of its flags there are not."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
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


def wrong_flags(words: Sequence[str], page: str) -> list[str]:
    """Return a line for each flag of a command line that its help does not name, with the nearest that it does."""
    known = dict.fromkeys(re.findall(r"(?<![\w-])--\w[\w.-]*", page))
    asked = [word.partition("=")[0].replace("_", "-") for word in words if word.startswith("--") and word != "--"]
    lines = []
    for flag in dict.fromkeys(asked):
        if flag not in known:
            near = get_close_matches(flag, known, n=1)
            lines.append(f"{flag}: unknown flag" + (f"; did you mean {near[0]}?" if near else ""))
    return lines

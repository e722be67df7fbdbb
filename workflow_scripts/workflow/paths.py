"""Where results lie: levels of folders, read back from paths."""

import re
from functools import cache
from pathlib import Path

NUMBER, NAME = "0|[1-9][0-9]*", "[a-z0-9_]+"
CONSTRAINTS = {
    **dict.fromkeys(("market", "sweep", "candidate"), NAME),
    **dict.fromkeys(("round", "trial", "fold", "seed"), NUMBER),
}


def read_back(level: str, path: Path) -> dict[str, str]:
    """Return the values of a level's wildcards in a path to its folder.

    Args:
        level: one of this module's constants.
        path: a path that ends as the level does.

    Raises:
        ValueError: the path does not end so.

    """
    found = _pattern(level).search(path.as_posix())
    if found is None:
        raise ValueError(f"{path} does not lie where {level} says")
    return found.groupdict()


def fold_and_seed(run: Path) -> tuple[int, int]:
    """Return fold and seed of a run from a path to its folder, or to a file in it."""
    found = read_back("fold_{fold}/seed_{seed}", run.parent if run.suffix else run)
    return int(found["fold"]), int(found["seed"])


@cache
def _pattern(level: str) -> re.Pattern[str]:
    constrained = re.sub(r"\{(\w+)\}", lambda name: f"(?P<{name[1]}>{CONSTRAINTS[name[1]]})", level)
    return re.compile(f"(?:^|/){constrained}$")

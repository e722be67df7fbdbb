"""Policy files that cannot be what a run wrote; found when the workflow is parsed, since no rule reads them."""

import zipfile
from collections.abc import Iterator
from pathlib import Path


def remove_damaged_policies(sweeps: Path) -> Iterator[Path]:
    """Remove the policies that are not whole, so that their runs are made again; yield their paths.

    torch writes a zip archive, whose directory stands at its end: a truncated file has none. Only that end is read.
    """
    for path in sweeps.glob("**/seed_*/policy.pt"):
        if not zipfile.is_zipfile(path):
            path.unlink()
            yield path

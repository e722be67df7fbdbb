"""Policy files that cannot be what a run wrote; found when the workflow is parsed, since no rule reads them."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

# Where runs lie below the sweeps; a ** would look into every folder twice, which 10,000 runs make felt.
RUNS = ("*/round_*/trial_*/fold_*/seed_*", "*/backtest/*/seed_*")


def remove_damaged_policies(sweeps: Path) -> Iterator[Path]:
    """Remove the policies that are not whole, so that their runs are made again; yield their paths.

    torch writes a zip archive, whose directory stands at its end: a truncated file has none. Only that end is read.
    """
    for runs in RUNS:
        for path in sweeps.glob(f"{runs}/policy.pt"):
            if not zipfile.is_zipfile(path):
                path.unlink()
                yield path

"""Policy files that cannot be what a run wrote; looked for before jobs run, since no rule reads them."""

import zipfile
from pathlib import Path


def is_damaged(policy: Path) -> bool:
    """Return whether a policy file is there and not whole.

    torch writes a zip archive, whose directory stands at its end: a truncated file has none. Only that end is read.
    """
    return policy.exists() and not zipfile.is_zipfile(policy)

"""Seeds derived from names, so that no two draws share a generator by accident."""

import hashlib
import json


def derive_seed(*parts: int | str) -> int:
    """Return a seed below 2^31 that depends on every part and on nothing else."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") % 2**31

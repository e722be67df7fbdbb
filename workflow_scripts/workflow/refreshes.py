"""When a market was last downloaded anew; a change of that runs its download again."""

from pathlib import Path

from workflow_scripts.workflow.files import read_json

NEVER = "never"


def last_refresh(lock: Path) -> str:
    """Return when a market was last downloaded anew at its user's wish, as its lock says."""
    return str(read_json(lock).get("refreshed", NEVER)) if lock.exists() else NEVER

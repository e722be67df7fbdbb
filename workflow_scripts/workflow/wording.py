"""How numbers are said in a sentence."""


def spell(seconds: float | None) -> str:
    """Return seconds as a person says them; nothing where they are unknown."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def several(count: int, word: str) -> str:
    """Return a number of things: ``1 run``, ``2 runs``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"

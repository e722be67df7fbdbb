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


def probable(p_value: float) -> str:
    """Return a p-value with its name; no test of draws can say that one is zero."""
    return "p < 0.001" if p_value < 0.001 else f"p {p_value:.2g}"

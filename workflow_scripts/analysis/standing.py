"""What a finished trial says: its score, how far it is from the default configuration's, and the best so far."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow_scripts.analysis.leaderboard import Gap, default_trial, gap, incumbent
from workflow_scripts.sweeps.history import Score, read_score
from workflow_scripts.sweeps.objectives import beside_each_other
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.paths import MANIFEST, SWEEP, TRIAL, below, folders, run_of


@dataclass(frozen=True)
class Standing:
    """A trial among those of its sweep that have ended.

    Attributes:
        score: its score, or what it is instead, with the reason.
        against_default: its difference from the default configuration with the 95 % interval, on the folds and seeds
            that both had at the same budget; or why there is none.
        best: the best trial at full budget so far.
        ok: whether it has a score.
        is_best: whether it is that best trial.

    """

    score: str
    against_default: str
    best: str
    ok: bool
    is_best: bool


def standing(at: tuple[int, int], ended: Sequence[Score], default: dict[str, Any] | None) -> Standing:
    """Return where a trial stands.

    Args:
        at: its round, and its place there.
        ended: every trial of its sweep that has ended, itself included, as each one's file says it.
        default: the default configuration, where it is known.

    """
    others = beside_each_other(list(ended))
    trial = next(score for score in others if (score.round, score.trial) == at)
    best = incumbent(others)
    return Standing(
        number(trial.score) if trial.score is not None else f"{trial.status}: {trial.reason or 'no reason is known'}",
        _against_default(trial, others, default),
        f"{number(best.score)} ({place(best)})" if best is not None else "no trial has a score",
        trial.status == "ok",
        best is not None and best == trial,
    )


def _against_default(trial: Score, others: Sequence[Score], default: dict[str, Any] | None) -> str:
    if trial.status != "ok":
        return ""
    alike = [other for other in others if other.fidelity == trial.fidelity]
    rival = default_trial(alike, default or {})
    if rival is None:
        return "default not scored"
    if (rival.round, rival.trial) == (trial.round, trial.trial):
        return "is the default"
    return difference(gap(trial, rival, alike, count=1))


def place(trial: Score) -> str:
    """Return which trial of its sweep this is, in the words of its path."""
    return f"round {trial.round} trial {trial.trial}"


def number(value: float | None) -> str:
    """Return a score with three digits."""
    return "none" if value is None else f"{value:#.3g}"


def difference(gap: Gap) -> str:
    """Return a difference with its sign and the half-width of its interval, or why there is none."""
    if gap.estimate is None:
        return gap.reason or "unknown"
    return f"{gap.estimate:+#.3g} " + (f"± {gap.interval:#.3g}" if gap.interval is not None else f"({gap.reason})")


def read_default(sweep: Path) -> dict[str, Any] | None:
    """Return the default configuration of a sweep's search space, which its first round states."""
    manifest = sweep / "round_0" / MANIFEST
    if not manifest.exists():
        return None
    space = read_json(manifest)["settings"]["search_space"]
    return {name: entry["default"] for name, entry in space.items()}


def read_scores(sweep: Path, until: float) -> list[Score]:
    """Return the trials of a sweep that have ended, as each one's file says it, in the order of proposal.

    What cannot be read is left out, and so is a trial that has lost a run: its score will be made anew.

    Args:
        sweep: its folder.
        until: seconds since the epoch; what was written later is left out.

    """
    found = []
    for trial in folders(below(TRIAL, SWEEP), sweep):
        with suppress(ValueError, FileNotFoundError):
            score = read_score(trial / "score.json")
            runs = (run_of(trial, run["fold"], run["seed"]) / "sharpe.json" for run in score.runs)
            if (trial / "score.json").stat().st_mtime <= until and all(run.exists() for run in runs):
                found.append(score)
    return found

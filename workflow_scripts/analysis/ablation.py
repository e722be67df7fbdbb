"""The path from a sweep's default configuration to its incumbent, a hyperparameter at a time."""

from dataclasses import dataclass
from typing import Any

from workflow_scripts.analysis.importance import tuned
from workflow_scripts.analysis.report.surface import Surface
from workflow_scripts.analysis.report.tree import Sweep
from workflow_scripts.sweeps.history import Score, at_full_budget

FEWEST = 4  # trials with a score, below which a forest says nothing
SUFFIX = "_ablation"


@dataclass(frozen=True)
class Step:
    """A configuration of the path.

    Attributes:
        changed: the hyperparameter that took over the incumbent's value; none at the start.
        configuration: all hyperparameters after it.
        predicted: its score, as a forest of the sweep's trials says.
        score: its score where it was trained; none elsewhere.

    """

    changed: str | None
    configuration: dict[str, Any]
    predicted: float
    score: float | None


def scored_trials(sweep: Sweep) -> list[Score]:
    """Return the trials that compare: at full budget, with a score."""
    return [score for score in (at_full_budget(sweep.scores) if sweep.scores else ()) if score.score is not None]


def why_no_path(sweep: Sweep) -> str | None:
    """Return why there is no path; none where there is one."""
    best, scored = sweep.incumbent, len(scored_trials(sweep))
    if best is None or scored < FEWEST:
        return f"it takes {FEWEST} trials at full budget with a score, and there are {scored}"
    if any(phase["configuration"] != best.configuration for phase in best.phases):
        return "the incumbent is a schedule of several configurations"
    return "the incumbent is the default" if best.configuration == sweep.default else None


def ablation_path(sweep: Sweep) -> list[Step]:
    """Return the path, from what the sweep's trials say and what was trained of it on request.

    It is empty where ``why_no_path`` has a reason.
    """
    best, scored, varying = sweep.incumbent, scored_trials(sweep), tuned(sweep.space)
    if best is None or why_no_path(sweep):
        return []
    trained = [
        *scored,
        *scored_trials(Sweep(sweep.name + SUFFIX, sweep.folder.with_name(sweep.name + SUFFIX), sweep.root)),
    ]
    steps, configuration = [], dict(sweep.default)
    for name, predicted in Surface.of(scored, varying).ablation(sweep.default, best.configuration):
        if name:
            configuration[name] = best.configuration[name]
        score = next((trial.score for trial in trained if trial.configuration == configuration), None)
        steps.append(Step(name or None, dict(configuration), predicted, score))
    return steps

"""A sweep as an Optuna study."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow_scripts.analysis.report.tree import Sweep
from workflow_scripts.sweeps.history import Score, at_full_budget, identity
from workflow_scripts.workflow.extras import extra
from workflow_scripts.workflow.files import made_elsewhere

FILE = "optuna.db"


def export(sweeps: Sequence[Sweep], folder: Path) -> Path:
    """Write an SQLite file with a study per sweep, and return its path.

    A trial of Optuna is a configuration: its scores at each budget are intermediate values, and the one at full budget
    is its value. One that never had the full budget is pruned, and one without a score failed.
    """
    optuna = extra("optuna", "optuna", "an Optuna study")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with made_elsewhere(folder / FILE) as made:  # a question mark in its path would end an address of SQLite
        storage = optuna.storages.RDBStorage(f"sqlite:///{made}")
        for sweep in sweeps:
            study = optuna.create_study(storage=storage, study_name=sweep.name, direction="maximize")
            told = {key: value for key, value in sweep.settings.items() if key != "search_space"}
            for key, value in told.items():
                study.set_user_attr(key, value)
            full, step = {id(score) for score in at_full_budget(sweep.scores)}, _step(sweep.scores)
            for steps in _configurations(sweep.scores, step):
                study.add_trial(_trial(optuna, steps, id(list(steps.values())[-1]) in full, sweep.space))
        storage.engine.dispose()
    return folder / FILE


def _step(scores: Sequence[Score]) -> str:
    """Return what the steps of a sweep count: vector steps, or runs where all trials have one budget."""
    return (
        "budget"
        if len({score.budget for score in scores}) > 1 or len({score.fidelity for score in scores}) == 1
        else "runs"
    )


def _configurations(scores: Sequence[Score], step: str) -> list[dict[int, Score]]:
    """Return the scores of each configuration by step, in the order of proposal; one judged twice is there twice."""
    found: dict[Any, list[dict[int, Score]]] = {}
    order: list[dict[int, Score]] = []
    for score in scores:
        at = score.budget if step == "budget" else len(score.runs)
        same = found.setdefault(identity(score.configuration), [])
        steps = next((each for each in same if at not in each), None)
        if steps is None:
            order.append(steps := {})
            same.append(steps)
        steps[at] = score
    return order


def _trial(optuna: Any, steps: Mapping[int, Score], is_full: bool, space: Mapping[str, Mapping[str, Any]]) -> Any:
    from workflow_scripts.analysis.importance import distribution

    last = list(steps.values())[-1]
    states = optuna.trial.TrialState
    state = states.FAIL if last.score is None else states.COMPLETE if is_full else states.PRUNED
    return optuna.trial.create_trial(
        state=state,
        value=last.score if state is states.COMPLETE else None,
        params=last.configuration,
        distributions={name: distribution(space[name], [value]) for name, value in last.configuration.items()},
        intermediate_values={at: score.score for at, score in steps.items() if score.score is not None},
        user_attrs={
            "round": last.round,
            "trial": last.trial,
            "budget": last.budget,
            "folds": sorted({run["fold"] for run in last.runs}),
            "seeds": sorted({run["seed"] for run in last.runs}),
            "standard_error": last.standard_error,
            "status": last.status,
            "reason": last.reason,
            "runs": [{key: run[key] for key in ("fold", "seed", "status", "value")} for run in last.runs],
        },
    )

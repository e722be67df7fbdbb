"""The rule estimate_importance: which hyperparameters mattered."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.analysis.importance import TooFewTrialsError, conclude, estimate
from workflow_scripts.workflow.files import damaged, write_json
from workflow_scripts.workflow.jobs import command_line, start_job


def estimate_importance(trials: Path, space: str, resamples: int, permutations: int, importance: Path) -> None:
    """Write the importance of each hyperparameter by three methods, with its spread and what shuffled scores show.

    A method whose importance is undefined is missing, and its reason stands beside the others.

    Args:
        trials: the sweep's table of runs.
        space: JSON of the search space.
        resamples: bootstraps over trials, folds and seeds.
        permutations: times that the scores are shuffled among the trials.
        importance: the JSON file to write.

    """
    log = start_job("estimate_importance")
    content: dict[str, Any] = {
        "conclusion": None,
        "trials": None,
        "methods": {},
        "resamples": resamples,
        "permutations": permutations,
        "reason": None,
        "undefined": {},
    }
    try:
        found, undefined, count = estimate(_read_trials(trials), json.loads(space), resamples, permutations, seed=0)
        methods = {method: {name: asdict(said) for name, said in of.items()} for method, of in found.items()}
        content |= {"trials": count, "methods": methods, "undefined": undefined}
        if found:
            content["conclusion"] = conclude(found, count)
            log.info(content["conclusion"])
        else:
            content["reason"] = "; ".join(f"{method}: {reason}" for method, reason in undefined.items())
    except TooFewTrialsError as error:
        content["reason"] = str(error)
        log.warning(str(error))
    write_json(importance, content)


def _read_trials(path: Path) -> pd.DataFrame:
    if not path.read_text(encoding="utf-8").endswith("\n"):
        raise ValueError(damaged(path, "its last line is not whole"))
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])  # "None" may be a choice
    # Trials of unequal budgets do not compare: of several, the one with the most runs is looked at.
    compared: pd.DataFrame = table[table.budget == table.budget.mode().max()]
    return compared


if __name__ == "__main__":
    command_line(estimate_importance)

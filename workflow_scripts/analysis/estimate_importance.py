"""The rule estimate_importance: which hyperparameters mattered."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.analysis.importance import TooFewTrialsError, estimate
from workflow_scripts.workflow.files import damaged, write_json
from workflow_scripts.workflow.jobs import command_line, start_job


def estimate_importance(trials: Path, space: str, resamples: int, importance: Path) -> None:
    """Write the importance of each hyperparameter by three methods, with its spread over folds and seeds.

    A method whose importance is undefined is missing, and its reason stands beside the others.

    Args:
        trials: the sweep's table of runs.
        space: JSON of the search space.
        resamples: bootstraps over folds and seeds.
        importance: the JSON file to write.

    """
    log = start_job("estimate_importance")
    content: dict[str, Any] = {"methods": {}, "resamples": resamples, "reason": None, "undefined": {}}
    try:
        found, undefined = estimate(_read_trials(trials), json.loads(space), resamples, seed=0)
        content |= {"methods": found, "undefined": undefined}
        if not found:
            content["reason"] = "; ".join(f"{method}: {reason}" for method, reason in undefined.items())
    except TooFewTrialsError as error:
        content["reason"] = str(error)
        log.warning(str(error))
    write_json(importance, content)
    for method, shares in content["methods"].items():
        top = max(shares, key=lambda name: shares[name]["mean"])
        log.info(f"{method}: {top} {shares[top]['mean']:.2f} ± {shares[top]['sd']:.2f}")


def _read_trials(path: Path) -> pd.DataFrame:
    if not path.read_text(encoding="utf-8").endswith("\n"):
        raise ValueError(damaged(path, "its last line is not whole"))
    table = pd.read_csv(path)
    # Trials of unequal budgets do not compare: of several, the one with the most runs is looked at.
    compared: pd.DataFrame = table[table.budget == table.budget.mode().max()]
    return compared


if __name__ == "__main__":
    command_line(estimate_importance)

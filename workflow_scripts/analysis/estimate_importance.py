"""The rule estimate_importance: which hyperparameters mattered."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts.analysis.importance import FEW_TRIALS, TooFewTrialsError, conclude, estimate
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
        "budget": None,
        "full_budget": None,
        "trials": None,
        "methods": {},
        "resamples": resamples,
        "permutations": permutations,
        "reason": None,
        "undefined": {},
    }
    try:
        table = _read_trials(trials)
        compared = _at_one_budget(table)
        budget, full = int(compared.budget.max()), int(table.budget.max())
        content |= {"budget": budget, "full_budget": full}
        found, undefined, count = estimate(compared, json.loads(space), resamples, permutations, seed=0)
        methods = {method: {name: asdict(said) for name, said in of.items()} for method, of in found.items()}
        content |= {"trials": count, "methods": methods, "undefined": undefined}
        if found:
            short = f"At {budget} vector steps, while the incumbent is chosen at {full}: " if budget < full else ""
            content["conclusion"] = short + conclude(found, count)
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
    return pd.read_csv(path, keep_default_na=False, na_values=[""])  # "None" may be a choice


def _at_one_budget(table: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of one budget, since others do not compare: of the largest that has enough, else of the most.

    Enough are as many as tell more than large effects.
    """
    trials = table.drop_duplicates(["round", "trial"]).budget.value_counts()
    enough = trials[trials >= FEW_TRIALS]
    budget = max(enough.index) if len(enough) else max(trials[trials == trials.max()].index)
    compared: pd.DataFrame = table[table.budget == budget]
    return compared


if __name__ == "__main__":
    command_line(estimate_importance)

"""The rule collect_trials: one table of all runs, and the incumbent."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from workflow_scripts.sweeps.candidates import best_trials
from workflow_scripts.sweeps.history import Score, costs
from workflow_scripts.sweeps.objectives import read_scores
from workflow_scripts.workflow.files import whole_file, write_text
from workflow_scripts.workflow.jobs import command_line, start_job

RUN_COLUMNS = ("fold", "seed", "status", "sharpe", "value", "reason")


def collect_trials(agent: str, scores: tuple[Path, ...], top: int, trials: Path, incumbent: Path) -> None:
    """Write the sweep's table of runs, and its incumbent.

    Args:
        agent: the algorithm.
        scores: score.json of every trial, in the order of proposal.
        top: number of best trials to name.
        trials: the table to write: a row per run.
        incumbent: the YAML file to write: the best trials.

    """
    log = start_job("collect_trials")
    judged = read_scores(scores)
    costs(judged)
    with whole_file(trials) as beside:
        pd.DataFrame([row for score in judged for row in _rows(agent, score)]).to_csv(beside, index=False)
    best = best_trials(judged)
    write_text(incumbent, yaml.safe_dump([_summary(score) for score in best[:top]], sort_keys=False))
    log.info(
        f"{len(judged)} trials, {len(best)} with a score; incumbent round={best[0].round} trial={best[0].trial} "
        f"score={best[0].score:.3f} standard_error={best[0].standard_error}"
    )


def _rows(agent: str, score: Score) -> list[dict[str, Any]]:
    trial = {
        "sweep": score.sweep,
        "agent": agent,
        "round": score.round,
        "trial": score.trial,
        "budget": score.budget,
        "periods_per_year": score.periods_per_year,
    }
    # A measure has a prefix: SAC has a hyperparameter alpha too.
    return [
        trial
        | {key: run[key] for key in RUN_COLUMNS}
        | {f"measure_{name}": value for name, value in run["measures"].items() if name not in RUN_COLUMNS}
        | score.configuration
        for run in score.runs
    ]


def _summary(score: Score) -> dict[str, Any]:
    return {
        "round": score.round,
        "trial": score.trial,
        "score": score.score,
        "standard_error": score.standard_error,
        "configuration": score.configuration,
    }


if __name__ == "__main__":
    command_line(collect_trials)

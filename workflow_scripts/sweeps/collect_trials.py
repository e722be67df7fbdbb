"""The rule collect_trials: one table of all runs, the incumbent, and the configurations of the backtest."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from workflow_scripts.sweeps.history import Score, at_full_budget, costs, identity, rank
from workflow_scripts.sweeps.objectives import read_scores
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.files import whole_file, write_text
from workflow_scripts.workflow.jobs import command_line, start_job

RUN_COLUMNS = ("fold", "seed", "status", "sharpe", "value", "reason")


def collect_trials(
    agent: str,
    default: str,
    scores: tuple[Path, ...],
    top: int,
    trials: Path,
    incumbent: Path,
    candidates: Path,
    budget: int | None = None,
) -> None:
    """Write the sweep's table of runs, its incumbent, and the configurations that the backtest trains anew.

    Args:
        agent: the algorithm.
        default: JSON of the default configuration.
        scores: score.json of every trial, in the order of proposal.
        top: number of best configurations to hand to the backtest.
        trials: the table to write: a row per run.
        incumbent: the YAML file to write: the best trials.
        candidates: the YAML file to write: the backtest's trials by name, rank_1, …, default and untrained.
        budget: vector steps of the backtest's trainings; none takes those of the sweep.

    """
    log = start_job("collect_trials")
    judged = read_scores(scores)
    costs(judged)
    with whole_file(trials) as beside:
        pd.DataFrame([row for score in judged for row in _rows(agent, score)]).to_csv(beside, index=False)
    full = at_full_budget(judged)
    best = [score for score in distinct(rank(full)) if score.status == "ok"]
    if not best:
        raise ValueError(f"no trial of {full[0].sweep} at its full budget of {full[0].budget} vector steps has a score")
    write_text(incumbent, yaml.safe_dump([_summary(score) for score in best[:top]], sort_keys=False))
    untuned = Trial(judged[0].sweep, agent, 0, 0, full[0].budget, json.loads(default))
    # With fewer scored trials than places those of a lower budget follow, and then those without a score.
    others = sorted(rank(judged), key=lambda score: (score.status != "ok", -score.budget, -len(score.runs)))
    ranked = distinct([*best, *others])[:top]
    if len(ranked) < top:
        raise ValueError(f"{len(ranked)} trainings that differ do not fill {top} ranks: lower backtest.top")
    named = {
        f"rank_{place + 1}": replace(_trial(agent, score), budget=full[0].budget) for place, score in enumerate(ranked)
    }
    named["default"] = untuned
    if budget is not None:
        named = {name: replace(trial, budget=budget) for name, trial in named.items()}
    named["untrained"] = replace(untuned, budget=0)
    write_text(candidates, yaml.safe_dump({name: trial.to_dict() for name, trial in named.items()}, sort_keys=True))
    log.info(
        f"{len(judged)} trials, {len(best)} with a score; incumbent round={best[0].round} trial={best[0].trial} "
        f"score={best[0].score:.3f} standard_error={best[0].standard_error}"
    )


def distinct(scores: Sequence[Score]) -> list[Score]:
    """Return the scores without those that repeat the training of one before: its configuration, after equal phases."""
    first: dict[Any, Score] = {}
    for score in scores:
        phases = tuple((phase["budget"], identity(phase["configuration"])) for phase in score.phases)
        first.setdefault((identity(score.configuration), phases), score)
    return list(first.values())


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


def _trial(agent: str, score: Score) -> Trial:
    return Trial(score.sweep, agent, score.round, score.trial, score.budget, score.configuration, None, score.phases)


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

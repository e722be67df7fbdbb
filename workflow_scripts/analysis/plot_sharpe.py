"""The rule plot_sharpe: how much of a run's value is the fold, and how much the seed."""

import json
from pathlib import Path

import numpy as np

from workflow_scripts.analysis.baselines import baseline_values
from workflow_scripts.analysis.figures import colour, figure, label
from workflow_scripts.analysis.leaderboard import default_trial, incumbent
from workflow_scripts.sweeps import objectives
from workflow_scripts.workflow.jobs import command_line, start_job

BARS = ("benchmark", "equal_weight", "buy_and_hold", "oracle")


def plot_sharpe(sweep: str, scores: tuple[Path, ...], default: str, baselines: tuple[Path, ...], plot: Path) -> None:
    """Draw every run's value by fold, with the incumbent, the default configuration and the baselines apart.

    Args:
        sweep: name of the sweep.
        scores: score.json of every trial, in the order of proposal.
        default: JSON of the default configuration.
        baselines: fold_{fold}.parquet of the market's folds: the baselines' daily returns on the validation days.
        plot: the SVG file to write.

    """
    start_job("plot_sharpe")
    judged = objectives.read_scores(scores)
    objective = objectives.find(judged[0].objective)
    best, untuned = incumbent(judged), default_trial(judged, json.loads(default))
    marked = {"default": (untuned, -0.22), "rank_1": (best, 0.22)}
    if untuned is best:
        del marked["default"]
    groups = {"other trials": ([score for score in judged if score not in (best, untuned)], "#c8c8c8", 0.0)}
    groups |= {label(name): ([trial], colour(name), shift) for name, (trial, shift) in marked.items() if trial}
    with figure(plot, height=5, legend_columns=3) as axes:
        axes.set_title(f"{sweep}: validation {objective.label} of each run, by fold")
        for name, (trials, shade, shift) in groups.items():
            runs = [run for score in trials for run in score.runs if run["value"] is not None]
            # A spread that is the same in every drawing, so that equal results give equal bytes.
            spread = np.linspace(-0.06, 0.06, len(runs)) if len(runs) > 1 else np.zeros(len(runs))
            at = [run["fold"] + shift + offset for run, offset in zip(runs, spread, strict=True)]
            axes.scatter(at, [run["value"] for run in runs], s=26, color=shade, label=f"{name} ({len(runs)} runs)")
        worth = baseline_values(baselines, objective)
        for name in BARS:
            if by_fold := worth.get(name):
                left, right = ([fold + side for fold in by_fold] for side in (-0.4, 0.4))
                axes.hlines(list(by_fold.values()), left, right, color=colour(name), label=label(name))
        axes.axhline(0, color="#888888", linewidth=0.8)
        folds = sorted({run["fold"] for score in judged for run in score.runs})
        axes.set_xticks(folds, [f"fold {fold}" for fold in folds])
        axes.set_ylabel(objective.axis("of a run", judged[0].periods_per_year))


if __name__ == "__main__":
    command_line(plot_sharpe)

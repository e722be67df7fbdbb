"""The rule plot_sharpe: how much of a Sharpe ratio is the fold, and how much the seed."""

import json
from pathlib import Path

import numpy as np
import tyro

from workflow_scripts.analysis.figures import colour, figure, label
from workflow_scripts.analysis.leaderboard import default_trial, incumbent
from workflow_scripts.sweeps.history import read_score
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.jobs import start_job

BARS = ("equal_weight", "buy_and_hold", "oracle")


def plot_sharpe(sweep: str, scores: tuple[Path, ...], default: str, baselines: Path, plot: Path) -> None:
    """Draw every run's Sharpe ratio by fold, with the incumbent, the default configuration and the baselines apart.

    Args:
        sweep: name of the sweep.
        scores: score.json of every trial, in the order of proposal.
        default: JSON of the default configuration.
        baselines: the baselines' Sharpe ratios on the validation days.
        plot: the SVG file to write.

    """
    start_job("plot_sharpe")
    judged = [read_score(path) for path in scores]
    best, untuned = incumbent(judged), default_trial(judged, json.loads(default))
    marked = {"default": (untuned, -0.22), "rank_1": (best, 0.22)}
    if untuned is best:
        del marked["default"]
    groups = {"other trials": ([score for score in judged if score not in (best, untuned)], "#c8c8c8", 0.0)}
    groups |= {label(name): ([trial], colour(name), shift) for name, (trial, shift) in marked.items() if trial}
    with figure(plot, height=5, legend_columns=3) as axes:
        axes.set_title(f"{sweep}: validation Sharpe ratio of each run, by fold")
        for name, (trials, shade, shift) in groups.items():
            runs = [run for score in trials for run in score.runs if run["sharpe"] is not None]
            # A spread that is the same in every drawing, so that equal results give equal bytes.
            spread = np.linspace(-0.06, 0.06, len(runs)) if len(runs) > 1 else np.zeros(len(runs))
            at = [run["fold"] + shift + offset for run, offset in zip(runs, spread, strict=True)]
            axes.scatter(at, [run["sharpe"] for run in runs], s=26, color=shade, label=f"{name} ({len(runs)} runs)")
        rows = read_json(baselines)
        for name in BARS:
            if name in rows[0]:
                for row in rows:
                    axes.hlines(
                        row[name],
                        row["fold"] - 0.4,
                        row["fold"] + 0.4,
                        color=colour(name),
                        label=label(name) if row is rows[0] else "_repeated",
                    )
        axes.axhline(0, color="#888888", linewidth=0.8)
        axes.set_xticks([row["fold"] for row in rows], [f"fold {row['fold']}" for row in rows])
        axes.set_ylabel("annualised Sharpe ratio")


if __name__ == "__main__":
    tyro.cli(plot_sharpe)

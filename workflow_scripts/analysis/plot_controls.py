"""The rule plot_controls: how often skill is claimed by what is planted, and the p-values where nothing is."""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.analysis.controls import QUESTIONS, clopper_pearson
from workflow_scripts.analysis.figures import figure
from workflow_scripts.workflow.jobs import command_line, start_job

COLOURS = {"gaussian": "#0072B2", "own": "#D55E00", "skill": "#0072B2", "tuning": "#E69F00", "selection": "#009E73"}
NAMES = {"gaussian": "Gaussian", "own": "days of the own market", "selection": "luck of selection"}


def plot_controls(table: Path, claims: Path, p_values: Path, confidence: float) -> None:
    """Draw the share of the markets on which skill is claimed, and a PP plot of the p-values on noise.

    Args:
        table: controls.csv.
        claims: the SVG file to write: shares by strength, with Clopper-Pearson intervals.
        p_values: the SVG file to write: share of the noise markets whose p-value is as small, over the p-value.
        confidence: coverage of the intervals.

    """
    start_job("plot_controls")
    rows = pd.read_csv(table, keep_default_na=False, na_values=[""])  # "none" is a strength
    strengths = list(rows.sort_values("signal_strength", kind="stable")["strength"].unique())
    kinds = list(rows["kind"].unique())
    with figure(claims, legend_columns=3) as axes:
        axes.set_title("Markets on which skill is claimed, by what is planted")
        for place, kind in enumerate(kinds):
            for number, (strength, answers) in enumerate(rows[rows["kind"] == kind].groupby("strength")["skill"]):
                claimed, markets = int((answers == "yes").sum()), len(answers)
                share, (low, high) = claimed / markets, clopper_pearson(claimed, markets, confidence)
                axes.errorbar(
                    strengths.index(strength) + 0.2 * (place - (len(kinds) - 1) / 2),
                    share,
                    [[share - low], [high - share]],
                    fmt="o",
                    capsize=4,
                    color=COLOURS[kind],
                    label=None if number else f"{NAMES[kind]}, {markets} of each",
                )
        axes.axhline((1 - confidence) / 2, color="#888888", linestyle=":", label="nominal, where nothing is planted")
        axes.set_xticks(range(len(strengths)), strengths)
        axes.set_ylim(-0.02, 1.02)
        axes.set_ylabel(f"share of the markets ({confidence:.0%} interval)")
    noise = rows[rows["signal_strength"] == 0]
    with figure(p_values, width=5.5, height=5.5, legend_columns=2) as axes:
        axes.set_title(f"p-values on {len(noise)} noise markets")
        axes.plot([0, 1], [0, 1], color="#888888", linestyle=":", label="a p-value that keeps its word")
        for question in QUESTIONS:
            found = np.sort(noise[f"{question}_p_value"].dropna())
            if len(found):
                steps = np.arange(len(found) + 2).clip(max=len(found)) / len(found)
                drawn = f"{NAMES.get(question, question)} ({len(found)})"
                axes.step([0, *found, 1], steps, where="post", color=COLOURS[question], label=drawn)
        axes.set_xlabel("p-value")
        axes.set_ylabel("share of the markets with that p-value or a smaller one")


if __name__ == "__main__":
    command_line(plot_controls)

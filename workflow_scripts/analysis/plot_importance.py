"""The rule plot_importance: which hyperparameters mattered, by three methods."""

from pathlib import Path
from textwrap import wrap

import numpy as np

from workflow_scripts.analysis.figures import METHOD_NAMES, figure
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.jobs import command_line, start_job

METHOD_COLOURS = {"fanova": "#0072B2", "ped_anova": "#E69F00", "local": "#009E73"}
DRAWN = ("importance", "sd", "shuffled_mean")
WIDTH = 84  # characters of a line below the axes


def plot_importance(sweep: str, importance: Path, plot: Path) -> None:
    """Draw each hyperparameter's importance with its standard deviation, and what shuffled scores show of it.

    Args:
        sweep: name of the sweep.
        importance: the estimates.
        plot: the SVG file to write.

    """
    start_job("plot_importance")
    content = read_json(importance)
    methods = content["methods"]
    # A method's importances have a unit of their own; what luck reaches is the one that they share.
    relative = {
        method: {name: {key: of[key] / of["shuffled_high"] for key in DRAWN} for name, of in said.items()}
        for method, said in methods.items()
    }
    names = sorted(
        next(iter(relative.values()), []),
        key=lambda name: np.mean([said[name]["importance"] for said in relative.values()]),
    )
    with figure(plot, height=2.5 + max(0.45 * len(names), 2), legend_columns=3) as axes:
        axes.set_title(f"{sweep}: importance of the hyperparameters for the score")
        if not methods:
            axes.text(0.5, 0.5, content["reason"], ha="center", va="center", wrap=True, transform=axes.transAxes)
            axes.set_axis_off()
            return
        height = 0.8 / len(methods)
        for row, (method, said) in enumerate(relative.items()):
            at = np.arange(len(names)) + (len(methods) / 2 - row - 0.5) * height
            length, deviation, luck = ([said[name][key] for name in names] for key in DRAWN)
            axes.barh(
                at,
                length,
                height,
                xerr=deviation,
                color=METHOD_COLOURS[method],
                error_kw={"elinewidth": 1, "ecolor": "#444444"},
                label=METHOD_NAMES[method],
            )
            label = "" if row else "mean with shuffled scores"
            axes.vlines(luck, at - height / 2, at + height / 2, color="#000000", label=label)
        axes.axvline(1, linestyle="--", color="#D55E00", label="what luck reaches in one of twenty sweeps")
        axes.set_yticks(np.arange(len(names)), names)
        axes.set_xlim(left=0)
        caption = [
            "importance / what luck reaches with some hyperparameter in one of twenty sweeps",
            f"(error: standard deviation over {content['resamples']} bootstraps of trials, folds and seeds)",
            content["conclusion"],
            *(f"{METHOD_NAMES[method]}: {reason}" for method, reason in content["undefined"].items()),
        ]
        axes.set_xlabel("\n".join(line for text in caption for line in wrap(text, WIDTH)))


if __name__ == "__main__":
    command_line(plot_importance)

"""The rule plot_importance: which hyperparameters mattered, by three methods."""

from pathlib import Path

import numpy as np

from workflow_scripts.analysis.figures import METHOD_NAMES, figure
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.jobs import command_line, start_job

METHOD_COLOURS = {"fanova": "#0072B2", "ped_anova": "#E69F00", "local": "#009E73"}


def plot_importance(sweep: str, importance: Path, plot: Path) -> None:
    """Draw each hyperparameter's importance with its standard deviation over folds and seeds.

    Args:
        sweep: name of the sweep.
        importance: the estimates.
        plot: the SVG file to write.

    """
    start_job("plot_importance")
    content = read_json(importance)
    methods = content["methods"]
    with figure(plot, height=6, legend_columns=3) as axes:
        axes.set_title(f"{sweep}: share of the score's variation that a hyperparameter explains")
        if not methods:
            axes.text(0.5, 0.5, content["reason"], ha="center", va="center", wrap=True, transform=axes.transAxes)
            axes.set_axis_off()
            return
        names = sorted(
            next(iter(methods.values())),
            key=lambda name: np.mean([shares[name]["mean"] for shares in methods.values()]),
        )
        height = 0.8 / len(methods)
        for row, (method, shares) in enumerate(methods.items()):
            axes.barh(
                np.arange(len(names)) + (len(methods) / 2 - row - 0.5) * height,
                [shares[name]["mean"] for name in names],
                height,
                xerr=[shares[name]["sd"] for name in names],
                color=METHOD_COLOURS[method],
                error_kw={"elinewidth": 1, "ecolor": "#444444"},
                label=METHOD_NAMES[method],
            )
        axes.set_yticks(np.arange(len(names)), names)
        axes.set_xlim(left=0)
        said = [f"share (mean ± standard deviation over {content['resamples']} bootstraps of folds and seeds)"]
        said += [f"{METHOD_NAMES[method]}: {reason}" for method, reason in content["undefined"].items()]
        axes.set_xlabel("\n".join(said))


if __name__ == "__main__":
    command_line(plot_importance)

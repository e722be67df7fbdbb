"""The rule plot_equity: growth on the test days, against the baselines."""

from collections import defaultdict
from pathlib import Path

import pandas as pd

from workflow_scripts.analysis.figures import colour, figure, label
from workflow_scripts.training.sharpe import read_returns
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import candidate_of

DRAWN = ("rank_1", "default", "untrained")


def plot_equity(sweep: str, backtests: tuple[Path, ...], baselines: tuple[Path, ...], plot: Path) -> None:
    """Draw the growth of one unit of money on the test days: mean over the final seeds, and their range.

    Args:
        sweep: name of the sweep.
        backtests: returns.parquet of every candidate and final seed.
        baselines: returns.parquet of every baseline.
        plot: the SVG file to write.

    """
    start_job("plot_equity")
    seeds: dict[str, list[pd.Series]] = defaultdict(list)
    for path in backtests:
        returns = read_returns(path)
        if (name := candidate_of(path)) in DRAWN and len(returns):
            seeds[name].append((1 + returns).cumprod())
    with figure(plot) as axes:
        axes.set_title(f"{sweep}: growth on the test days, after fees")
        for name in DRAWN:
            if seeds[name]:
                paths = pd.concat(seeds[name], axis=1)
                axes.fill_between(
                    paths.index, paths.min(axis=1), paths.max(axis=1), color=colour(name), alpha=0.15, lw=0
                )
                axes.plot(
                    paths.index, paths.mean(axis=1), color=colour(name), label=f"{label(name)}, {paths.shape[1]} seeds"
                )
        for path in baselines:
            growth = (1 + read_returns(path)).cumprod()
            name = path.parent.name
            axes.plot(growth.index, growth, color=colour(name), linestyle="--", linewidth=1.2, label=label(name))
        axes.axhline(1, color="#888888", linewidth=0.8)
        axes.set_ylabel("value of 1 invested (band: range of the seeds)")
        axes.legend(loc="upper left")
        axes.figure.autofmt_xdate(rotation=0, ha="center")


if __name__ == "__main__":
    command_line(plot_equity)

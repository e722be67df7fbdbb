"""The rule plot_equity: growth on the test days, against the baselines."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import pandas as pd

from workflow_scripts.analysis.figures import colour, figure, label
from workflow_scripts.training.sharpe import read_returns
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import candidate_of

# From the lowest line to the topmost with their widths: where growth is the same, each shows beside the next.
DRAWN = {"untrained": 4.0, "default": 2.5, "rank_1": 1.0}
Kind = TypeVar("Kind")


def plot_equity(
    sweep: str, backtests: tuple[Path, ...], baselines: tuple[Path, ...], plot: Path, oracle: tuple[Path, ...] = ()
) -> None:
    """Draw the growth of one unit of money on the test days: mean over the final seeds, and their range.

    Args:
        sweep: name of the sweep.
        backtests: returns.parquet of every candidate and final seed; with several windows of the test days, those of
            each window in turn.
        baselines: returns.parquet of every baseline, likewise.
        plot: the SVG file to write.
        oracle: daily returns of who sees the signal; none where nothing is planted.

    """
    start_job("plot_equity")
    seeds: dict[str, list[pd.Series]] = defaultdict(list)
    for (name, _), windows in _kept(backtests, lambda path: (candidate_of(path), path.parent.name)).items():
        if name in DRAWN and all(map(len, windows)):
            seeds[name].append(_growth(windows))
    with figure(plot) as axes:
        axes.set_title(f"{sweep}: growth on the test days, after fees")
        for over, (name, width) in enumerate(DRAWN.items()):
            if seeds[name]:
                paths = pd.concat(seeds[name], axis=1)
                axes.fill_between(
                    paths.index, paths.min(axis=1), paths.max(axis=1), color=colour(name), alpha=0.15, lw=0
                )
                axes.plot(
                    paths.index,
                    paths.mean(axis=1),
                    color=colour(name),
                    linewidth=width,
                    zorder=2 + over,
                    label=f"{label(name)}, {paths.shape[1]} seeds",
                )
        others = _kept(baselines, lambda path: path.parent.name) | _kept(oracle, lambda path: path.stem)
        for name, windows in others.items():
            growth = _growth(windows)
            axes.plot(
                growth.index, growth, color=colour(name), linestyle="--", linewidth=1.2, zorder=3.5, label=label(name)
            )
        axes.axhline(1, color="#888888", linewidth=0.8)
        axes.set_ylabel("value of 1 invested (band: range of the seeds)")
        axes.legend(loc="upper left")
        axes.figure.autofmt_xdate(rotation=0, ha="center")


def _kept(paths: Iterable[Path], key: Callable[[Path], Kind]) -> dict[Kind, list[pd.Series]]:
    """Return the daily returns of files by what they are of; of several windows of the test days one for each."""
    kept: dict[Kind, list[pd.Series]] = {}
    for path in paths:
        kept.setdefault(key(path), []).append(read_returns(path))
    return kept


def _growth(windows: list[pd.Series]) -> pd.Series:
    """Return the growth of one unit over windows that follow each other."""
    growth: pd.Series = (1 + pd.concat(windows)).cumprod()
    return growth


if __name__ == "__main__":
    command_line(plot_equity)

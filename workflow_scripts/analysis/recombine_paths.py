"""The rule recombine_paths: whole backtest paths from the validation parts of combinatorial folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.data.periods import PERIODS_PER_YEAR
from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.sweeps.history import Score, at_full_budget, rank, seeds_on_every_fold
from workflow_scripts.sweeps.measures import Array, UndefinedError
from workflow_scripts.sweeps.objectives import read_scores
from workflow_scripts.training.sharpe import sharpe_or_none
from workflow_scripts.workflow.files import read_json, write_json
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import run_of


@dataclass(frozen=True)
class Parts:
    """The validation parts of a fold.

    Attributes:
        first_days: first day of each (YYYY-MM-DD), which says what place in a path it has.
        bars: bars of each; a part's returns are one fewer, since each part starts anew.
        paths: the path that each belongs to.

    """

    first_days: Sequence[str]
    bars: Sequence[int]
    paths: Sequence[int]

    @classmethod
    def of(cls, description: Path) -> "Parts":
        """Read them from a fold's json."""
        window = read_json(description)["validation"]
        runs = window["runs"]
        return cls([run["first_day"] for run in runs], [run["bars"] for run in runs], window["paths"])

    def cut(self, returns: Path, column: str) -> list[Array]:
        """Return a fold's daily returns beyond the risk-free rate, part by part.

        Raises:
            ValueError: they are not as many as the parts have.

        """
        daily = read_daily(returns).excess(column)
        ends = np.cumsum([bars - 1 for bars in self.bars])
        if len(daily) != ends[-1]:
            raise ValueError(f"{returns} has {len(daily)} returns, and the parts of its fold {ends[-1]}")
        return np.split(daily, ends[:-1])


def recombine_paths(
    scores: tuple[Path, ...], folds: tuple[Path, ...], benchmarks: tuple[Path, ...], paths: Path
) -> None:
    """Write the Sharpe ratio of each trial on each path: daily returns of every part of the days once, in their order.

    A path joins, for each part, a policy that was trained without it; another path joins other policies. López de Prado
    (2018), "Advances in Financial Machine Learning", chapter 12.

    Args:
        scores: score.json of every trial, with its runs below the same folder.
        folds: fold_{fold}.json of every fold, in their order.
        benchmarks: fold_{fold}.parquet of every fold: what the baselines earned on its validation days.
        paths: the JSON file to write.

    """
    log = start_job("recombine_paths")
    parts = [Parts.of(path) for path in folds]
    read = read_scores(scores)
    judged = {
        f"{path.parent.parent.name}/{path.parent.name}": (score, path.parent)
        for path, score in zip(scores, read, strict=True)
    }
    best = rank(at_full_budget(read))[0]
    periods = best.periods_per_year
    trials, left_out = {}, {}
    for name, (score, folder) in judged.items():
        if reason := _why_not(score, len(folds)):
            left_out[name] = reason
            continue
        try:
            trials[name] = _summary(_sharpes(score, folder, parts))
        except UndefinedError as undefined:
            left_out[name] = str(undefined)
    table = [each.cut(path, "benchmark") for each, path in zip(parts, benchmarks, strict=True)]
    benchmark = _of_paths(parts, table)
    content: dict[str, Any] = {
        "incumbent": f"round_{best.round}/trial_{best.trial}",
        PERIODS_PER_YEAR: periods,
        "paths": len(benchmark),
        "days": len(benchmark[0]),
        "benchmark": {"sharpe": sharpe_or_none(benchmark[0], periods)},
        "trials": trials,
        "left_out": left_out,
    }
    write_json(paths, content)
    found = trials.get(content["incumbent"])
    log.info(
        f"paths={len(benchmark)} days={len(benchmark[0])} benchmark={content['benchmark']['sharpe']}"
        + (f" incumbent={found['mean']} standard_deviation={found['standard_deviation']}" if found else "")
    )


def _why_not(score: Score, folds: int) -> str | None:
    """Return why a trial has no path: a run without returns leaves holes in some of them."""
    bad = [run for run in score.runs if run["status"] != "ok"]
    if bad:
        return f"{len(bad)} of {len(score.runs)} runs have no returns: {bad[0]['status']}, {bad[0]['reason']}"
    judged = len({run["fold"] for run in score.runs})
    return f"it was judged on {judged} of {folds} folds" if judged < folds else None


def _sharpes(score: Score, folder: Path, parts: Sequence[Parts]) -> Array:
    """Return Sharpe ratios (seeds, paths) of the seeds that ran on every fold.

    Raises:
        UndefinedError: no seed did, or a path's returns never vary.

    """
    rows = []
    for seed in seeds_on_every_fold(score, len(parts)):
        table = [
            each.cut(run_of(folder, fold, seed) / "returns.parquet", "daily_return") for fold, each in enumerate(parts)
        ]
        sharpes = [sharpe_or_none(path, score.periods_per_year) for path in _of_paths(parts, table)]
        if None in sharpes:
            raise UndefinedError(f"the daily returns of path {sharpes.index(None)} never vary with seed {seed}")
        rows.append(sharpes)
    if not rows:
        raise UndefinedError(f"none of its seeds ran on all {len(parts)} folds")
    return np.asarray(rows, dtype=np.float64)


def _of_paths(parts: Sequence[Parts], table: Sequence[Sequence[Array]]) -> list[Array]:
    """Return the daily returns of each path, its parts in the order of their days."""
    pieces: dict[int, dict[str, Array]] = {}
    for each, returns in zip(parts, table, strict=True):
        for path, first_day, piece in zip(each.paths, each.first_days, returns, strict=True):
            pieces.setdefault(path, {})[first_day] = piece
    return [np.concatenate([piece for _, piece in sorted(found.items())]) for _, found in sorted(pieces.items())]


def _summary(sharpes: Array) -> dict[str, Any]:
    """Return the Sharpe ratio of each path, the mean over the seeds, and how far paths lie apart."""
    by_path = sharpes.mean(axis=0)
    return {
        "sharpe": by_path.tolist(),
        "mean": float(by_path.mean()),
        "standard_deviation": float(by_path.std(ddof=1)) if len(by_path) > 1 else None,
        "lowest": float(by_path.min()),
        "seeds": len(sharpes),
    }


if __name__ == "__main__":
    command_line(recombine_paths)

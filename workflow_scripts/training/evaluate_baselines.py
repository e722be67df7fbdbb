"""The rule evaluate_baselines: what needs no training, on every fold's validation days."""

from pathlib import Path
from typing import Any

import pandas as pd
import tyro

from workflow_scripts.data.bars import SIGNAL, read_bars
from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.training.environment.baselines import run_baseline, write_baselines
from workflow_scripts.training.environment.oracle import oracle_episode
from workflow_scripts.training.environment.settings import BASELINES, EnvironmentSettings
from workflow_scripts.workflow.files import write_json
from workflow_scripts.workflow.jobs import start_job


def evaluate_baselines(
    folds: tuple[Path, ...],
    bars: Path,
    baselines: Path,
    returns: tuple[Path, ...],
    oracle: bool = False,
    environment: EnvironmentSettings = EnvironmentSettings(),
) -> None:
    """Write the Sharpe ratio of each baseline on each fold's validation days, and daily returns.

    Args:
        folds: the folds, in their order.
        bars: the market's bars; the oracle reads the planted signal from them.
        baselines: the JSON file to write: a list, an entry per fold.
        returns: the table to write of each fold: date, then daily returns of each baseline.
        oracle: whether to add the oracle of a planted market.
        environment: how an action becomes trades.

    """
    log = start_job("evaluate_baselines")
    table = read_bars(bars)
    rows: list[dict[str, Any]] = []
    for number, (path, beside) in enumerate(zip(folds, returns, strict=True)):
        segment = read_fold(path).validation
        episodes = {name: run_baseline(name, segment, environment) for name in BASELINES}
        row: dict[str, Any] = {}
        if oracle:
            signal = (
                table.pivot(index="date", columns="ticker", values=SIGNAL).loc[pd.to_datetime(segment.dates)].to_numpy()
            )
            episodes["oracle"], row["oracle_parameters"] = oracle_episode(segment, signal, environment)
        write_baselines(episodes, beside)
        row |= {name: episode.sharpe for name, episode in episodes.items()}
        rows.append({"fold": number, "periods_per_year": segment.periods_per_year, **row})
        log.info(f"fold={number} " + " ".join(f"{name}={value}" for name, value in row.items()))
    write_json(baselines, rows)


if __name__ == "__main__":
    tyro.cli(evaluate_baselines)

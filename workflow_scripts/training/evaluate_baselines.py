"""The rule evaluate_baselines: what needs no training, on every fold's validation days."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_scripts.data.bars import SIGNAL
from workflow_scripts.data.features import BARS_DATE, bars_of_arrays, features_of, read_arrays
from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.training.environment.baselines import run_baseline, write_baselines
from workflow_scripts.training.environment.oracle import oracle_episode
from workflow_scripts.training.environment.settings import BASELINES, EnvironmentSettings
from workflow_scripts.training.weights import require_next_close
from workflow_scripts.workflow.files import write_json
from workflow_scripts.workflow.jobs import command_line, start_job


def evaluate_baselines(
    folds: tuple[Path, ...],
    baselines: Path,
    returns: tuple[Path, ...],
    features: Path | None = None,
    environment: EnvironmentSettings = EnvironmentSettings(),
) -> None:
    """Write the Sharpe ratio of each baseline on each fold's validation days, and daily returns.

    Args:
        folds: the folds, in their order.
        baselines: the JSON file to write: a list, an entry per fold.
        returns: the table to write of each fold: date, then daily returns of each baseline.
        features: the features of a planted market, whose signal the oracle reads; none leaves the oracle out.
        environment: how an action becomes trades.

    """
    log = start_job("evaluate_baselines")
    signals = None if features is None else signal_by_day(features)
    rows: list[dict[str, Any]] = []
    for number, (path, beside) in enumerate(zip(folds, returns, strict=True)):
        segment = read_fold(path).validation
        episodes = {name: run_baseline(name, segment, environment) for name in BASELINES}
        require_next_close(episodes["benchmark"], segment, environment)
        row: dict[str, Any] = {}
        if signals is not None:
            signal = np.stack([signals[day] for day in segment.dates])
            episodes["oracle"], row["oracle_parameters"] = oracle_episode(segment, signal, environment)
        write_baselines(episodes, beside)
        row |= {name: episode.sharpe for name, episode in episodes.items()}
        rows.append({"fold": number, "periods_per_year": segment.periods_per_year, **row})
        log.info(f"fold={number} " + " ".join(f"{name}={value}" for name, value in row.items()))
    write_json(baselines, rows)


def signal_by_day(path: Path) -> dict[str, NDArray[np.float64]]:
    """Return the planted signal (tickers,) of each day of a market's features, or of bars that stand for them."""
    arrays = read_arrays(path)
    if BARS_DATE in arrays:
        wide = bars_of_arrays(arrays).pivot(index="date", columns="ticker", values=SIGNAL)
        return dict(zip(pd.DatetimeIndex(wide.index).strftime("%Y-%m-%d"), wide.to_numpy(), strict=True))
    features = features_of(arrays)
    signals = features.scale_free[:, :, features.scale_free_names.index(SIGNAL)]
    return dict(zip(features.dates.strftime("%Y-%m-%d"), signals, strict=True))


if __name__ == "__main__":
    command_line(evaluate_baselines)

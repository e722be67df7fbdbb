"""The rule backtest_oracle: what one who sees the planted signal would earn on the test days."""

from pathlib import Path

import pandas as pd

from workflow_scripts.data.bars import SIGNAL, read_bars
from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.training.environment.oracle import oracle_episode
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.sharpe import write_returns
from workflow_scripts.workflow.jobs import command_line, start_job


def backtest_oracle(
    sealed: Path,
    bars: Path,
    returns: Path,
    environment: EnvironmentSettings = EnvironmentSettings(),
) -> None:
    """Trade the test days of a planted market as its oracle does, under the costs and the delay of the agents.

    Args:
        sealed: the fold of the test days.
        bars: the market's bars, whose signal the oracle reads.
        returns: the table of daily returns to write.
        environment: costs and initial cash.

    """
    log = start_job("backtest_oracle")
    fold = read_fold(sealed)
    signal = read_bars(bars).pivot(index="date", columns="ticker", values=SIGNAL)[list(fold.tickers)]
    days = pd.DatetimeIndex(fold.validation.dates)
    episode, parameters = oracle_episode(fold.validation, signal.loc[days].to_numpy(), environment)
    write_returns(episode, returns)
    log.info(f"oracle sharpe={episode.sharpe} days={len(episode.daily_returns)} {parameters}")


if __name__ == "__main__":
    command_line(backtest_oracle)

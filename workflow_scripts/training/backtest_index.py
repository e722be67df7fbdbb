"""The rule backtest_index: what a bought index earned on the test days, where a market has one."""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import index_column, read_bars
from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.sharpe import Episode, write_returns
from workflow_scripts.workflow.jobs import command_line, start_job


def backtest_index(
    bars: Path, sealed: Path, returns: Path, environment: EnvironmentSettings = EnvironmentSettings()
) -> None:
    """Write the daily returns of the index on the test days, close to close, without fees.

    Args:
        bars: the market's bars, with the closes of its index.
        sealed: the fold of the test days.
        returns: the table to write.
        environment: the risk-free rate.

    Raises:
        ValueError: the bars have no index.

    """
    log = start_job("backtest_index")
    table, segment = read_bars(bars), read_fold(sealed).validation
    if (name := index_column(table)) is None:
        raise ValueError(f"{bars} has no index: name its ticker in the market's index_ticker")
    closes = table.groupby("date")[name].first()
    close = closes.reindex(pd.DatetimeIndex(segment.dates)).to_numpy()
    earned = close[1:] / close[:-1] - 1
    still, year = np.zeros(len(earned)), segment.periods_per_year
    episode = Episode(segment.dates[1:], earned, still, year, risk_free=environment.risk_free)
    write_returns(episode, returns)
    log.info(f"{name} sharpe={episode.sharpe} days={len(earned)}")


if __name__ == "__main__":
    command_line(backtest_index)

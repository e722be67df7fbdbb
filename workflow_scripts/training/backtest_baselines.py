"""The rule backtest_baselines: the benchmark, equal weight, and buy and hold, on the test days."""

from pathlib import Path

import tyro

from workflow_scripts.data.bars import read_bars
from workflow_scripts.data.universes import MarketFeatures, sealed_data
from workflow_scripts.training.environment.baselines import run_baseline
from workflow_scripts.training.environment.settings import BASELINES, EnvironmentSettings
from workflow_scripts.training.sharpe import write_returns
from workflow_scripts.workflow.jobs import start_job


def backtest_baselines(
    bars: Path,
    test_start: str,
    turbulence_days: int,
    purge_days: int,
    folder: Path,
    environment: EnvironmentSettings = EnvironmentSettings(),
) -> None:
    """Trade the test days as the baselines do, under the costs and the delay of the agents.

    The benchmark is the neutral action by the agents' own mechanism: what an agent with no opinion would earn.

    Args:
        bars: the market's bars.
        test_start: first test day (YYYY-MM-DD).
        turbulence_days: look-back of turbulence in days.
        purge_days: days dropped before the test days.
        folder: receives {baseline}/returns.parquet.
        environment: costs and initial cash.

    """
    log = start_job("backtest_baselines")
    data = sealed_data(MarketFeatures.of(read_bars(bars), turbulence_days), test_start, purge_days)
    for name in BASELINES:
        episode = run_baseline(name, data.validation, environment)
        write_returns(episode, folder / name / "returns.parquet")
        log.info(f"{name} sharpe={episode.sharpe} days={len(episode.daily_returns)}")


if __name__ == "__main__":
    tyro.cli(backtest_baselines)

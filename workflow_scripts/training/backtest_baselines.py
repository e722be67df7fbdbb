"""The rule backtest_baselines: the benchmark, equal weight, and buy and hold, on the test days."""

from pathlib import Path

from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.training.environment.baselines import run_baseline
from workflow_scripts.training.environment.settings import BASELINES, EnvironmentSettings
from workflow_scripts.training.sharpe import write_returns
from workflow_scripts.training.weights import require_next_close, write_weights
from workflow_scripts.workflow.jobs import command_line, start_job


def backtest_baselines(
    sealed: Path,
    folder: Path,
    environment: EnvironmentSettings = EnvironmentSettings(),
) -> None:
    """Trade the test days as the baselines do, under the costs and the delay of the agents.

    The benchmark is the neutral action by the agents' own mechanism: what an agent with no opinion would earn.

    Args:
        sealed: the fold of the test days.
        folder: receives {baseline}/returns.parquet and weights.parquet.
        environment: costs and initial cash.

    """
    log = start_job("backtest_baselines")
    data = read_fold(sealed)
    for name in BASELINES:
        episode = run_baseline(name, data.validation, environment)
        if name == "benchmark":
            require_next_close(episode, data.validation, environment)
        write_returns(episode, folder / name / "returns.parquet")
        write_weights(episode, data.tickers, folder / name / "weights.parquet")
        log.info(f"{name} sharpe={episode.sharpe} days={len(episode.daily_returns)}")


if __name__ == "__main__":
    command_line(backtest_baselines)

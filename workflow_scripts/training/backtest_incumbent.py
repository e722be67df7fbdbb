"""The rule backtest_incumbent: train a chosen configuration on all days before the test days, and trade those once."""

from pathlib import Path

import tyro

from workflow_scripts.data.bars import read_bars
from workflow_scripts.data.universes import MarketFeatures, sealed_data
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.judge import judge
from workflow_scripts.training.run.runs import Outputs, Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.threads import pin_threads
from workflow_scripts.training.run.train import train
from workflow_scripts.training.run.write import write
from workflow_scripts.training.trials import read_trial
from workflow_scripts.workflow.jobs import command_line, start_job


def backtest_incumbent(
    config: Path,
    bars: Path,
    test_start: str,
    turbulence_days: int,
    purge_days: int,
    seed: int,
    outputs: tyro.conf.OmitArgPrefixes[Outputs],
    environment: EnvironmentSettings = EnvironmentSettings(),
    training: TrainingSettings = TrainingSettings(),
    last_attempt: bool = True,
    usage: Path | None = None,
) -> None:
    """Train a configuration on all days before the test days with a fresh seed, and trade the test days once.

    Args:
        config: the configuration, a trial's config.yaml.
        bars: the market's bars; nothing else in the pipeline looks at their test days.
        test_start: first test day (YYYY-MM-DD).
        turbulence_days: look-back of turbulence in days.
        purge_days: days dropped before the test days.
        seed: a seed that no trial was judged with.
        outputs: the files to write.
        environment: how an action becomes trades.
        training: what every run has in common.
        last_attempt: whether running out of memory is now a result; before that it is an error, to be tried again.
        usage: table to write of the wall seconds, memory and CPU seconds that the process took.

    """
    log = start_job("backtest_incumbent", usage)
    pin_threads()
    trial = read_trial(config)
    log.info(
        f"{trial.sweep} {config.parent.name}: round={trial.round} trial={trial.trial} seed={seed} on the test days"
    )
    data = sealed_data(MarketFeatures.of(read_bars(bars), turbulence_days), test_start, purge_days)
    run = Run.of(trial, data, seed, environment, training)
    trained = train(run, outputs.policy.with_name("checkpoint.pt"), log, last_attempt)
    write(run, trained, judge(run, trained, log, last_attempt), outputs, log)


if __name__ == "__main__":
    command_line(backtest_incumbent)

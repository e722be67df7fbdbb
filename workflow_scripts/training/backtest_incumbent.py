"""The rule backtest_incumbent: train a chosen configuration on all days before the test days, and trade those once."""

from pathlib import Path

import tyro

from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.judge import judge
from workflow_scripts.training.run.runs import Outputs, Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.threads import pin_threads
from workflow_scripts.training.run.train import train
from workflow_scripts.training.run.write import write
from workflow_scripts.training.trials import read_trial
from workflow_scripts.workflow.jobs import command_line, kept_log, start_job


def backtest_incumbent(
    config: Path,
    sealed: Path,
    seed: int,
    outputs: tyro.conf.OmitArgPrefixes[Outputs],
    environment: EnvironmentSettings = EnvironmentSettings(),
    training: TrainingSettings = TrainingSettings(),
    last_attempt: bool = True,
    attempt: int | None = None,
    usage: Path | None = None,
) -> None:
    """Train a configuration on all days before the test days with a fresh seed, and trade the test days once.

    Args:
        config: the configuration, a trial's config.yaml.
        sealed: the fold of the test days, at which nothing else in the pipeline looks.
        seed: a seed that no trial was judged with.
        outputs: the files to write.
        environment: how an action becomes trades.
        training: what every run has in common.
        last_attempt: whether running out of memory is now a result; before that it is an error, to be tried again.
        attempt: number of the attempt, whose log is kept if it fails.
        usage: table to write of the wall seconds, memory and CPU seconds that the process took.

    """
    log = start_job("backtest_incumbent", usage)
    with kept_log(attempt):
        pin_threads()
        trial = read_trial(config)
        log.info(
            f"{trial.sweep} {config.parent.name}: round={trial.round} trial={trial.trial} seed={seed} on the test days"
        )
        run = Run.of(trial, read_fold(sealed), seed, environment, training)
        trained = train(run, outputs.policy.with_name("checkpoint.pt"), log, last_attempt)
        write(run, trained, judge(run, trained, log, last_attempt), outputs, log)


if __name__ == "__main__":
    command_line(backtest_incumbent)

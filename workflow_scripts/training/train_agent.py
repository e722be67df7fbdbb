"""The rule train_agent: train one trial on one fold with one seed, and score it on the validation days."""

from pathlib import Path

import tyro

from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.judge import judge
from workflow_scripts.training.run.runs import Outputs, Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.train import train
from workflow_scripts.training.run.write import write
from workflow_scripts.training.trials import read_trial
from workflow_scripts.workflow.jobs import command_line, kept_log, start_job


def train_agent(
    config: Path,
    fold: Path,
    seed: int,
    outputs: tyro.conf.OmitArgPrefixes[Outputs],
    environment: EnvironmentSettings = EnvironmentSettings(),
    training: TrainingSettings = TrainingSettings(),
    last_attempt: bool = True,
    attempt: int | None = None,
    parents: tuple[Path, ...] = (),
    state: Path | None = None,
    usage: Path | None = None,
) -> None:
    """Train one trial on one fold with one seed; score it on the validation days.

    Args:
        config: the trial's config.yaml: agent, budget and hyperparameters.
        fold: the fold's .npz file.
        seed: seed of the networks, the exploration and the starting portfolios.
        outputs: the files to write.
        environment: how an action becomes trades.
        training: what every run has in common.
        last_attempt: whether running out of memory is now a result; before that it is an error, to be tried again.
        attempt: number of the attempt, whose log is kept if it fails.
        parents: state files of the round before, in the order of its trials, of which the trial continues its parent's.
        state: state file to write for the round after.
        usage: table to write of the wall seconds, memory and CPU seconds that the process took.

    """
    log = start_job("train_agent", usage)
    with kept_log(attempt):
        trial = read_trial(config)
        log.info(f"{trial.sweep} round={trial.round} trial={trial.trial} fold={fold.stem} seed={seed}")
        run = Run.of(trial, read_fold(fold), seed, environment, training)
        # Where the parent was not judged with this fold and seed there is none to go on from.
        parent = parents[trial.parent] if trial.parent is not None and parents else None
        checkpoint = outputs.policy.with_name("checkpoint.pt")
        trained = train(run, checkpoint, log, last_attempt, parent, keeps_state=state is not None)
        write(run, trained, judge(run, trained, log, last_attempt), outputs, log, state)


if __name__ == "__main__":
    command_line(train_agent)

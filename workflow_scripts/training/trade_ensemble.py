"""The rule trade_ensemble: trade the test days by the mean action of several seeds' policies."""

from pathlib import Path

from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.training.ensemble import episode_of
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.threads import pin_threads
from workflow_scripts.training.sharpe import failed_run, judge_episode, read_result, write_result, write_returns
from workflow_scripts.training.trials import read_trial
from workflow_scripts.training.weights import write_weights
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import read_back


def trade_ensemble(
    config: Path,
    sealed: Path,
    policies: tuple[Path, ...],
    sharpe: Path,
    returns: Path,
    weights: Path,
    environment: EnvironmentSettings = EnvironmentSettings(),
    training: TrainingSettings = TrainingSettings(),
    usage: Path | None = None,
) -> None:
    """Trade the test days once with an ensemble, whose action is the mean of its policies' actions.

    Nothing is trained. Where the training of a member failed so has the ensemble: others would not be what was to be
    judged.

    Args:
        config: the configuration that all its members were trained with.
        sealed: the fold of the test days.
        policies: policy.pt of each member, with its sharpe.json beside it.
        sharpe: the result to write.
        returns: the daily returns to write.
        weights: what was held and traded, to write.
        environment: how an action becomes trades.
        training: what every run had in common.
        usage: table to write of the wall seconds, memory and CPU seconds that the process took.

    """
    log = start_job("trade_ensemble", usage)
    pin_threads()
    data = read_fold(sealed)
    run = Run.of(read_trial(config), data, 0, environment, training.model_copy(update={"device": "cpu"}))
    failed = [path.parent.name for path in policies if read_result(path.with_name("sharpe.json")).status == "failed"]
    if failed:
        episode, result = None, failed_run(f"the trainings of {', '.join(failed)} of {len(policies)} members failed")
    else:
        episode = episode_of(run, {int(read_back("seed_{seed}", path.parent)["seed"]): path for path in policies})
        result = judge_episode(episode)
    write_returns(episode, returns, data.validation.periods_per_year)
    write_weights(episode, data.tickers, weights)
    write_result(result, sharpe)
    log.info(f"status={result.status} sharpe={result.sharpe} members={len(policies)}")


if __name__ == "__main__":
    command_line(trade_ensemble)

"""The rule score_trial: what a trial is worth by the sweep's objective, with the measures of its runs."""

from pathlib import Path

from workflow_scripts.sweeps.history import write_score
from workflow_scripts.sweeps.scoring import score_of
from workflow_scripts.workflow.jobs import command_line, start_job


def score_trial(
    config: Path, runs: tuple[Path, ...], score: Path, benchmarks: tuple[Path, ...] = (), objective: str = "sharpe"
) -> None:
    """Write a trial's score over folds and seeds, its standard error, and the value and measures of each run.

    Args:
        config: the trial's config.yaml.
        runs: sharpe.json of every fold and seed, with returns.parquet beside each.
        score: the JSON file to write.
        benchmarks: fold_{fold}.parquet of the market's folds, whose column ``benchmark`` holds its daily returns.
        objective: what a run and a trial are worth: one of the shipped ones, or module:function.

    """
    log = start_job("score_trial")
    scored = score_of(config, runs, benchmarks, objective)
    write_score(scored, score)
    log.info(
        f"{scored.sweep} round={scored.round} trial={scored.trial} status={scored.status} score={scored.score} "
        f"runs={len(runs)}"
    )


if __name__ == "__main__":
    command_line(score_trial)

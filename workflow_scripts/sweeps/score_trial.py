"""The rule score_trial: the mean of a trial's Sharpe ratios."""

import re
from pathlib import Path

import tyro

from workflow_scripts.sweeps.history import Score, summarise_runs, write_score
from workflow_scripts.training.sharpe import read_result
from workflow_scripts.training.trials import read_trial
from workflow_scripts.workflow.jobs import start_job

RUN = re.compile(r"fold_(\d+)/seed_(\d+)/sharpe\.json$")


def score_trial(config: Path, runs: tuple[Path, ...], score: Path) -> None:
    """Write the mean and standard error of a trial's Sharpe ratios over folds and seeds.

    Args:
        config: the trial's config.yaml.
        runs: sharpe.json of every fold and seed.
        score: the JSON file to write.

    """
    log = start_job("score_trial")
    trial = read_trial(config)
    results = [read_result(path) for path in runs]
    status, reason, mean, error = summarise_runs(results)
    rows = [
        {
            "fold": fold,
            "seed": seed,
            **{key: getattr(result, key) for key in ("status", "sharpe", "days", "skewness", "kurtosis")},
        }
        for (fold, seed), result in zip(map(_fold_and_seed, runs), results, strict=True)
    ]
    written = Score(
        trial.sweep,
        trial.round,
        trial.trial,
        trial.budget,
        status,
        reason,
        mean,
        error,
        trial.configuration,
        rows,
        trial.parent,
        trial.phases,
    )
    write_score(written, score)
    log.info(f"{trial.sweep} round={trial.round} trial={trial.trial} status={status} score={mean} runs={len(runs)}")


def _fold_and_seed(run: Path) -> tuple[int, int]:
    match = RUN.search(run.as_posix())
    if match is None:
        raise ValueError(
            f"{run} is not the sharpe.json of a run: it should end in fold_{{fold}}/seed_{{seed}}/sharpe.json"
        )
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    tyro.cli(score_trial)

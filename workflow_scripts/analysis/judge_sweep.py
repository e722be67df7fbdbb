"""The rule judge_sweep: skill, tuning, luck of selection: three answers about a sweep."""

from pathlib import Path

from workflow_scripts.analysis.kept_returns import read_test_returns, read_validation_returns
from workflow_scripts.analysis.openings import openings_of_sweep
from workflow_scripts.analysis.verdicts import DEFAULT, TUNED, judge
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.trials import same_training
from workflow_scripts.workflow.files import write_json
from workflow_scripts.workflow.jobs import command_line, start_job


def judge_sweep(
    sweep: str,
    market: str,
    scores: tuple[Path, ...],
    candidates: Path,
    backtests: tuple[Path, ...],
    baselines: tuple[Path, ...],
    benchmarks: tuple[Path, ...],
    preregistration: Path,
    ledger: Path,
    trials_made: int,
    resamples: int,
    confidence: float,
    verdict: Path,
    environment: EnvironmentSettings = EnvironmentSettings(),
) -> None:
    """Write the verdict of a sweep: three answers, each with an estimate, an interval, a p-value and a sentence.

    Args:
        sweep: name of the sweep.
        market: name of its market.
        scores: score.json of every trial, with its runs below the same folder.
        candidates: the folder of the backtest, with {candidate}/config.yaml.
        backtests: returns.parquet of every candidate and final seed, with their sharpe.json beside them.
        baselines: returns.parquet of every baseline on the test days, the benchmark among them.
        benchmarks: fold_{fold}.parquet of every fold: what the baselines earned on its validation days.
        preregistration: what was to be judged, written before the test days were read.
        ledger: the market's openings.jsonl.
        trials_made: how many trials were ever made on this market, of every rung, round and sweep.
        resamples: of the bootstrap behind the luck of selection.
        confidence: coverage of the intervals.
        verdict: the JSON file to write.
        environment: how an action becomes trades.

    """
    log = start_job("judge_sweep")
    openings = openings_of_sweep(preregistration, ledger)
    for problem in openings.problems:
        log.warning(problem)
    content = judge(
        read_test_returns(backtests, baselines),
        read_validation_returns(scores, benchmarks),
        environment,
        same_training(candidates / TUNED / "config.yaml", candidates / DEFAULT / "config.yaml"),
        trials_made,
        confidence,
        resamples,
        openings,
    )
    write_json(verdict, {"sweep": sweep, "market": market, **content})
    for question in ("skill", "tuning", "selection"):
        log.info(f"{question}: {content[question]['sentence']}")


if __name__ == "__main__":
    command_line(judge_sweep)

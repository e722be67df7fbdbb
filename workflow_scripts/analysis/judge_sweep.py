"""The rule judge_sweep: skill, tuning, luck of selection: three answers about a sweep."""

from itertools import repeat
from pathlib import Path

from workflow_scripts.analysis.openings import together
from workflow_scripts.analysis.verdicts import judge
from workflow_scripts.analysis.windows import parted, read_window
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.workflow.files import write_json
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import of_window


def judge_sweep(
    sweep: str,
    market: str,
    scores: tuple[Path, ...],
    backtests: tuple[Path, ...],
    baselines: tuple[Path, ...],
    benchmarks: tuple[Path, ...],
    preregistrations: tuple[Path, ...],
    ledger: Path,
    features: tuple[Path, ...],
    trials_made: int,
    resamples: int,
    confidence: float,
    verdict: Path,
    environment: EnvironmentSettings = EnvironmentSettings(),
) -> None:
    """Write the verdict of a sweep: three answers, each with an estimate, an interval, a p-value and a sentence.

    Where the test days have several windows, the files of each kind are those of all windows in turn.

    Args:
        sweep: name of the sweep.
        market: name of its market.
        scores: score.json of every trial, with its runs below the same folder.
        backtests: returns.parquet of every candidate and final seed, with their sharpe.json beside them and the
            candidate's config.yaml above them.
        baselines: returns.parquet of every baseline on the test days, the benchmark among them.
        benchmarks: fold_{fold}.parquet of every fold: what the baselines earned on its validation days.
        preregistrations: what was to be judged, written before the test days were read; one for each window.
        ledger: the market's openings.jsonl.
        features: what describes the market's features; one for each window.
        trials_made: how many trials were ever made on this market, of every rung, round and sweep.
        resamples: of the bootstrap behind the luck of selection.
        confidence: coverage of the intervals.
        verdict: the JSON file to write.
        environment: how an action becomes trades.

    """
    log = start_job("judge_sweep")
    count = len(preregistrations)
    names = [[of_window(name, number) for number in range(count)] if count > 1 else [name] for name in (sweep, market)]
    files = [parted(each, count) for each in (scores, backtests, baselines, benchmarks)]
    windows = list(map(read_window, *names, *files, preregistrations, repeat(ledger), features))
    for problem in together([window.openings for window in windows]).problems:
        log.warning(problem)
    content = judge(windows, environment, trials_made, confidence, resamples)
    write_json(verdict, {"sweep": sweep, "market": market, **content})
    for question in ("skill", "tuning", "selection"):
        log.info(f"{question}: {content[question]['sentence']}")


if __name__ == "__main__":
    command_line(judge_sweep)

"""The rule open_test_days: name what the sealed days are going to judge, state it, and enter it in the ledger."""

import hashlib
import json
from pathlib import Path

from workflow_scripts.analysis.inference.estimands import estimand_of
from workflow_scripts.analysis.openings import Opening, enter, openings_of
from workflow_scripts.sweeps.candidates import candidates
from workflow_scripts.sweeps.objectives import read_scores
from workflow_scripts.workflow.files import read_json, sha256, write_json, write_text
from workflow_scripts.workflow.jobs import command_line, start_job


def open_test_days(
    sweep: str,
    market: str,
    agent: str,
    default: str,
    scores: tuple[Path, ...],
    top: int,
    sealed: Path,
    test_start: str,
    seeds: tuple[int, ...],
    confidence: float,
    settings: str,
    backtest_code: str,
    ledger: Path,
    preregistration: Path,
    backtest: Path,
    budget: int | None = None,
    windows: tuple[str, ...] = (),
    ensemble: int = 1,
) -> None:
    """Write what will be judged, enter it in the market's ledger, and only then hand out the configurations.

    The backtest reads its configuration from here, so that nothing reads the sealed days before they were opened.

    Args:
        sweep: name of the sweep.
        market: name of its market.
        agent: the algorithm.
        default: JSON of the default configuration.
        scores: score.json of every trial.
        top: number of best configurations to judge beside the default one.
        sealed: what describes the fold of the test days: their last day, and the sha256 of all that a backtest reads.
        test_start: first test day (YYYY-MM-DD).
        seeds: seeds of the backtest.
        confidence: coverage of the verdict's intervals.
        settings: JSON of the settings that a backtest depends on: environment, training, look-back, purged days.
        backtest_code: digest of the code that trains and trades.
        ledger: the market's openings.jsonl.
        preregistration: the JSON file to write.
        backtest: the folder that receives rank_1/config.yaml, …, default/config.yaml and untrained/config.yaml.
        budget: vector steps of the backtest's trainings; none takes those of the sweep.
        windows: the sweeps that one verdict judges together, where the test days have several windows.
        ensemble: how many seeds trade as one, whose returns decide.

    """
    log = start_job("open_test_days")
    trials = candidates(agent, json.loads(default), read_scores(scores), top, budget)
    judged = {name: trial.to_dict() for name, trial in trials.items()}
    described, told = read_json(sealed), json.loads(settings)
    estimand = estimand_of(told["environment"]["action_mode"])
    days = {"first_day": test_start, "last_day": described["validation"]["last_day"]}
    content = {
        "sweep": sweep,
        "market": market,
        "candidates": judged,
        "seeds": list(seeds),
        "test_days": days,
        "skill": {"candidate": "rank_1", "benchmark": "neutral_action", "estimand": estimand},
        "tuning": {"candidate": "rank_1", "benchmark": "default", "estimand": estimand},
        "confidence": confidence,
        "settings": told,
        "data": described["sha256"],
        "code": backtest_code,
    }
    if windows:
        content["judged_together"] = list(windows)
    if ensemble > 1:
        content["ensemble"] = ensemble
    write_json(preregistration, content)
    configurations = hashlib.sha256(json.dumps(judged, sort_keys=True).encode()).hexdigest()
    opening = Opening(sweep, sha256(preregistration), configurations, described["sha256"], backtest_code, **days)
    number = enter(ledger, opening)
    for name, trial in trials.items():
        write_text(backtest / name / "config.yaml", trial.to_yaml())
    openings = openings_of(ledger, (days["first_day"], days["last_day"]))
    for problem in openings.problems:
        log.warning(problem)
    log.info(
        f"opening {number} of {market}; its test days {test_start} to {days['last_day']} have been opened "
        f"{openings.count} times: {', '.join(f'{name} {count}' for name, count in openings.sweeps.items())}"
    )


if __name__ == "__main__":
    command_line(open_test_days)

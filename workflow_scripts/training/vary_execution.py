"""The rule vary_execution: what the incumbent's saved policies would have earned under other fees and delays."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.data.fold_files import Segment, read_fold
from workflow_scripts.training.ensemble import untrained
from workflow_scripts.training.environment.baselines import run_benchmark
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.judge import evaluate_policy
from workflow_scripts.training.run.runs import Run
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.run.threads import pin_threads
from workflow_scripts.training.run.write import load_policy
from workflow_scripts.training.sharpe import Episode, read_result
from workflow_scripts.training.trials import read_trial
from workflow_scripts.workflow.files import write_json
from workflow_scripts.workflow.jobs import command_line, start_job

BASIS_POINTS = (0, 5, 10, 20, 30, 50)
DELAYS = (0, 1, 2)
AS_JUDGED = 1


def vary_execution(
    config: Path,
    sealed: Path,
    policies: tuple[Path, ...],
    execution: Path,
    environment: EnvironmentSettings = EnvironmentSettings(),
    training: TrainingSettings = TrainingSettings(),
) -> None:
    """Trade the test days anew with policies that were judged on them, under other fees and other delays.

    Nothing is trained or chosen by it. Beside them stands the benchmark under the same fees, and the fee at which the
    policies earn no more than it.

    Args:
        config: the incumbent's configuration.
        sealed: the fold of the test days.
        policies: policy.pt of each final seed, with its sharpe.json beside it; a failed one is left out.
        execution: the JSON file to write.
        environment: how an action became trades when the policies were judged.
        training: what every run had in common.

    """
    log = start_job("vary_execution")
    pin_threads()
    whole = [path for path in policies if read_result(path.with_name("sharpe.json")).status != "failed"]
    on_cpu = training.model_copy(update={"device": "cpu"})
    run = Run.of(read_trial(config), read_fold(sealed), 0, environment, on_cpu)
    rows = execution_rows(run, whole) if whole else {"costs": [], "delays": []}
    content = {"policies": len(whole), "judged": {"basis_points": environment.cost_pct * 1e4, "delay": AS_JUDGED}}
    content |= {**rows, **break_even(rows["costs"])}
    write_json(execution, content)
    log.info(f"{len(whole)} policies; break_even={content['break_even']} ({content['reason']})")


def execution_rows(run: Run, policies: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    """Return, for each fee and for each delay, what the policies earned, mean over them, and the benchmark.

    A fee is in basis points of the traded value, at the delay that was judged; least fee and tax stay as they are.
    A delay is in days from the close on which is decided to the close on which the orders fill; the account that the
    policies see is always that of the day before the fill.
    """
    agent, _ = untrained(run)
    segment, architecture = run.data.validation, run.training.architecture

    def earned(environment: EnvironmentSettings, delay: int) -> dict[str, Any]:
        seen, episodes = as_seen(segment, delay), []
        for path in policies:
            load_policy(agent, path)
            episodes.append(evaluate_policy(agent, seen, environment, architecture, with_weights=False))
        return {"tuned": _summary(episodes), "benchmark": _summary([run_benchmark(segment, environment)])}

    fees = [run.environment.model_copy(update={"cost_pct": points / 1e4}) for points in BASIS_POINTS]
    return {
        "costs": [
            {"basis_points": points, **earned(fee, AS_JUDGED)} for points, fee in zip(BASIS_POINTS, fees, strict=True)
        ],
        "delays": [{"days": delay, **earned(run.environment, delay)} for delay in DELAYS],
    }


def as_seen(segment: Segment, delay: int) -> Segment:
    """Return a segment whose prices stay and whose features are those of a day later, the same day, or a day earlier.

    An environment fills on day t + 1 what is decided on row t. With features of t + 1 in row t the policies see the
    close at which they trade (delay 0); with those of t − 1 the orders wait a day longer (delay 2).
    """
    days = len(segment.dates)
    rows = np.clip(np.arange(days) + AS_JUDGED - delay, 0, days - 1)
    moved = {name: array[rows] for name, array in segment.arrays().items() if name.endswith("_features")}
    fields: dict[str, Any] = moved
    return replace(segment, **fields)


def break_even(costs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fee in basis points at which the policies earn what the benchmark does, between the fees on a line.

    Where there is none, the reason says so.
    """
    points = [row["basis_points"] for row in costs]
    gaps = [row["tuned"]["annual_return"] - row["benchmark"]["annual_return"] for row in costs]
    for place in range(1, len(gaps)):
        if gaps[place - 1] > 0 >= gaps[place]:
            part = gaps[place - 1] / (gaps[place - 1] - gaps[place])
            return {"break_even": points[place - 1] + part * (points[place] - points[place - 1]), "reason": None}
    if not gaps:
        return {"break_even": None, "reason": "no policy was trained"}
    reason = f"more than the benchmark up to {points[-1]} bp" if gaps[0] > 0 else "no more than the benchmark at 0 bp"
    return {"break_even": None, "reason": reason}


def _summary(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Return annual mean return and Sharpe ratio, mean over episodes; no Sharpe ratio where one has none."""
    sharpes = [episode.sharpe for episode in episodes]
    known = [sharpe for sharpe in sharpes if sharpe is not None]
    returns = [float(episode.daily_returns.mean()) * episode.periods_per_year for episode in episodes]
    return {
        "annual_return": float(np.mean(returns)),
        "sharpe": float(np.mean(known)) if len(known) == len(sharpes) else None,
    }


if __name__ == "__main__":
    command_line(vary_execution)

"""How far a sweep is, from its files alone: what is done, what runs, what failed and why."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar

from workflow_scripts.analysis.leaderboard import (
    Gap,
    default_trial,
    gap,
    incumbent,
    others_than_default,
    reach_of_incumbent,
)
from workflow_scripts.sweeps.history import Score, at_full_budget, read_score
from workflow_scripts.sweeps.objectives import beside_each_other
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.paths import (
    BACKTEST,
    BACKTEST_RUN,
    MANIFEST,
    MARKET,
    RESULTS,
    ROUND,
    SWEEP,
    TRIAL,
    folders,
    from_results,
    run_of,
)

LOG_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) [A-Z]+ (.*)")
ERROR_LINE = re.compile(r"[\w.]*(Error|Exception|Interrupt|Exit)\b")
STOPPED = "KeyboardInterrupt"  # who pressed Ctrl-C knows
NUMBER = re.compile(r"(\w+)=(-?[\d.]+(?:e[-+]?\d+)?)(?:/(\d+))?")
# A training writes ten lines. One that is silent for five minutes, and for three times its longest pause, is dead.
SILENT_SECONDS, SILENT_STEPS = 300, 3
# Runs that the speed is taken from: the latest ones, as long as none took longer to come than this many seconds.
LATEST, PAUSE_SECONDS = 40, 1800
STEPS = "vector_steps"

Kept = TypeVar("Kept")
State = Literal["done", "running", "failed", "silent"]


@dataclass(frozen=True)
class Run:
    """A training that has begun.

    Attributes:
        folder: its folder.
        state: ``silent`` where its log ends without an error and has not grown for long.
        reason: the error with which its log ends.
        steps: vector steps that it has trained for, as far as its log says.
        budget: those that it trains for in all.
        curves: what its log says of the training, each number at every line so far.
        patience: seconds after which a silent log is taken for that of a dead process.
        ended: when it ended, in seconds since 1970; none where it has not.

    """

    folder: Path
    state: State
    reason: str | None = None
    steps: int = 0
    budget: int | None = None
    curves: dict[str, list[float]] = field(default_factory=dict)
    patience: float = SILENT_SECONDS
    ended: float | None = None


@dataclass(frozen=True)
class Failure:
    """What went wrong: where, why, when (seconds since 1970), and the file that says more."""

    what: str
    reason: str
    when: float
    file: Path


@dataclass(frozen=True)
class RoundProgress:
    """How far a round is.

    Attributes:
        number: its number.
        trials: its trials; none before the round is proposed, where config.yaml does not say it.
        runs: runs of a trial; none where nothing says it.
        done: trials that have ended, those without a score included.
        without_score: of those, the trials without a score.
        running: trials of which a run goes on.
        runs_done: runs that have ended.

    """

    number: int
    trials: int | None
    runs: int | None
    done: int
    without_score: int
    running: int
    runs_done: int


@dataclass(frozen=True)
class SweepProgress:
    """How far a sweep is.

    Attributes:
        name: its name.
        about: agent, market and optimizer, as far as they are known.
        rounds: its rounds.
        best: the best trial so far at full budget.
        interval: half-width of the 95 % interval of its score over the runs.
        against_default: its difference from the default configuration with the 95 % interval; none before both scored.
        objective: what a score is.
        backtest_done: runs of the backtest that have ended.
        backtest_runs: all of them, where they are known.
        verdict: the sentence of the verdict.

    """

    name: str
    about: str
    rounds: list[RoundProgress]
    best: Score | None
    interval: float | None
    against_default: Gap | None
    objective: str
    backtest_done: int
    backtest_runs: int | None
    verdict: str | None

    @property
    def runs_left(self) -> int | None:
        """Runs that have not ended; none where their number is not known."""
        if self.backtest_runs is None or any(each.trials is None or each.runs is None for each in self.rounds):
            return None
        planned = sum((each.trials or 0) * (each.runs or 0) for each in self.rounds)
        return planned + self.backtest_runs - self.backtest_done - sum(each.runs_done for each in self.rounds)


@dataclass(frozen=True)
class Progress:
    """How far all sweeps of a folder of results are.

    Attributes:
        sweeps: the sweeps.
        running: runs that go on.
        silent: runs that ended without a word.
        failures: what failed, the latest first.
        runs_a_minute: at which runs end; none while no run goes on, or before two have ended.
        seconds_left: until all runs have ended, at that speed.
        last_change: when the latest run ended, in seconds since 1970.

    """

    sweeps: list[SweepProgress]
    running: list[Run]
    silent: list[Run]
    failures: list[Failure]
    runs_a_minute: float | None
    seconds_left: float | None
    last_change: float | None


@dataclass(frozen=True)
class Plan:
    """What config.yaml says that the results do not: trials and runs a trial of each round, runs of the backtest."""

    rounds: list[tuple[int, int]]
    backtest_runs: int


class Results:
    """A folder of results that is looked at again and again: a file is read anew only where it has changed.

    Args:
        root: the folder in which ``results/`` lies.
        plans: what config.yaml says of each sweep, where there is one.

    """

    def __init__(self, root: Path, plans: Mapping[str, Plan]):
        self.root, self.plans = root, plans
        self._kept: dict[Path, tuple[tuple[int, int], Any]] = {}

    def look(self) -> Progress:
        """Return how far everything is now."""
        now = time.time()
        jobs = [
            path
            for level in (RESULTS, MARKET, f"{MARKET}/folds", SWEEP, ROUND, TRIAL, BACKTEST)
            for folder in folders(level, self.root)
            for path in folder.glob("*.log")
        ]
        seen = _Seen(failures=[failure for path in jobs if (failure := self._failed_job(path))])
        found = {path.name for path in folders(SWEEP, self.root)}
        sweeps = [self._sweep(name, now, seen) for name in [*self.plans, *sorted(found - self.plans.keys())]]
        running = [run for run in seen.runs if run.state == "running"]
        rate = _runs_a_minute(seen.ends, now) if running else None
        left = [sweep.runs_left for sweep in sweeps]
        return Progress(
            sweeps,
            running,
            [run for run in seen.runs if run.state == "silent"],
            sorted(seen.failures, key=lambda failure: -failure.when),
            rate,
            None if not rate or None in left else 60 * sum(each or 0 for each in left) / rate,
            max(seen.ends, default=None),
        )

    def _sweep(self, name: str, now: float, seen: "_Seen") -> SweepProgress:
        plan, folder = self.plans.get(name), self.root / SWEEP.format(sweep=name)
        proposed = {int(path.name.removeprefix("round_")): path for path in folders(ROUND, self.root, sweep=name)}
        manifests = {number: self._json(path / MANIFEST) for number, path in proposed.items()}
        settings: dict[str, Any] = next((each["settings"] for each in manifests.values() if each), {})
        rounds, scores = [], []
        for number in range(len(plan.rounds) if plan else max(proposed, default=-1) + 1):
            trials, runs_each = plan.rounds[number] if plan else (None, None)
            ended, going_on, runs_done = [], 0, 0
            for path in folders(TRIAL, self.root, sweep=name, round=number):
                score, ends = self._cached(path / "score.json", _read_trial) or (None, [])
                if score is not None:
                    ended.append(score)
                    if score.status != "ok":
                        what = f"{name} round {number} trial {score.trial}"
                        seen.failures.append(
                            Failure(what, score.reason or score.status, max(ends), path / "score.json")
                        )
                else:
                    runs = self._runs(path.glob("fold_*/seed_*"), "train_agent", now, seen)
                    ends = [run.ended for run in runs if run.ended is not None]
                    going_on += any(run.state == "running" for run in runs)
                seen.ends += ends
                runs_done += min(len(ends), runs_each or len(ends))
            scores += ended
            if manifest := manifests.get(number):
                trials = len(manifest["trials"])
            without = sum(score.status != "ok" for score in ended)
            rounds.append(RoundProgress(number, trials, runs_each, len(ended), without, going_on, runs_done))
        # What an ensemble trades is no training.
        trained = [run for run in folders(BACKTEST_RUN, self.root, sweep=name) if "ensemble" not in run.parent.name]
        backtest = self._runs(trained, "backtest_incumbent", now, seen)
        ends = [run.ended for run in backtest if run.ended is not None]
        seen.ends += ends
        scores = beside_each_other(scores)
        best = incumbent(scores) if scores else None
        default = {key: entry["default"] for key, entry in settings.get("search_space", {}).items()}
        rival = default_trial(scores, default) if scores else None
        verdict = self._json(folder / "verdict.json")
        return SweepProgress(
            name,
            f"{settings['agent']} on {settings['market']}, proposed by {settings['optimizer']}" if settings else "",
            rounds,
            best,
            reach_of_incumbent(scores) if best else None,
            gap(best, rival, at_full_budget(scores), others_than_default(scores, default)) if rival else None,
            scores[0].objective if scores else "",
            min(len(ends), plan.backtest_runs) if plan else len(ends),
            plan.backtest_runs if plan else None,
            verdict["sentence"] if verdict else None,
        )

    def _runs(self, paths: Iterable[Path], rule: str, now: float, seen: "_Seen") -> list[Run]:
        """Return the runs in these folders that have begun, and note those that failed."""
        runs = []
        for folder in sorted(paths):
            with suppress(FileNotFoundError):
                runs.append(Run(folder, "done", ended=(folder / "sharpe.json").stat().st_mtime))
                continue
            log = folder / f"{rule}.log"
            if (run := self._cached(log, _read_log)) and run.reason != STOPPED:
                changed = log.stat().st_mtime
                if run.state == "failed":
                    seen.failures.append(Failure(words(folder), run.reason or "", changed, log))
                runs.append(
                    replace(run, state="silent") if run.state == "running" and now - changed > run.patience else run
                )
        seen.runs += runs
        return runs

    def _failed_job(self, log: Path) -> Failure | None:
        """Return the failure with which the log of a job that is no run ends, where it does."""
        reason = self._cached(log, lambda path: error_of(path.read_text(encoding="utf-8", errors="replace")))
        if reason in (None, STOPPED):
            return None
        return Failure(f"{log.stem} of {words(log.parent)}", reason or "", log.stat().st_mtime, log)

    def _json(self, path: Path) -> Any:
        return self._cached(path, read_json)

    def _cached(self, path: Path, read: Callable[[Path], Kept]) -> Kept | None:
        """Return what a file says; none where there is no such file, or it cannot be read."""
        try:
            stat = path.stat()
            key = stat.st_mtime_ns, stat.st_size
            if path not in self._kept or self._kept[path][0] != key:
                self._kept[path] = key, read(path)
        except (FileNotFoundError, ValueError):
            self._kept.pop(path, None)
            return None
        kept: Kept = self._kept[path][1]
        return kept


@dataclass
class _Seen:
    """What a look at the sweeps gathers beside them."""

    runs: list[Run] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)


def words(folder: Path) -> str:
    """Return a folder of results in words: ``ppo_smac round 0 trial 1 fold 2 seed 0``."""
    names = re.sub(f"^{RESULTS}/(sweeps|markets)/", "", from_results(folder))
    return re.sub(r"(round|trial|fold|seed)_", r"\1 ", names).replace("/", " ")


def error_of(log: str) -> str | None:
    """Return the error with which a log ends, if it ends with one."""
    last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")
    return last if ERROR_LINE.match(last) else None


def _read_trial(path: Path) -> tuple[Score, list[float]]:
    """Return a trial's score and when its runs ended."""
    score = read_score(path)
    runs = (run_of(path.parent, run["fold"], run["seed"]) / "sharpe.json" for run in score.runs)
    return score, [run.stat().st_mtime for run in runs]


def _read_log(path: Path) -> Run:
    """Return a run that has not ended, as its log tells it."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if reason := error_of(text):
        return Run(path.parent, "failed", reason)
    curves: dict[str, list[float]] = defaultdict(list)
    steps, budget, times = 0, None, []
    for when, said in LOG_LINE.findall(text):
        times.append(datetime.fromisoformat(when).timestamp())
        for name, value, of in NUMBER.findall(said) if said.startswith(STEPS) else ():
            if name == STEPS:
                steps, budget = int(value), int(of)
            elif name != "cpu_s":
                curves[name].append(float(value))
    longest = max((later - earlier for earlier, later in pairwise(times)), default=0.0)
    patience = max(SILENT_SECONDS, SILENT_STEPS * longest)
    return Run(path.parent, "running", steps=steps, budget=budget, curves=dict(curves), patience=patience)


def _runs_a_minute(ends: list[float], now: float) -> float | None:
    """Return at which rate the latest runs ended, up to now; none before two have."""
    latest = sorted(ends)[-LATEST:]
    for earlier, later in pairwise(list(latest)):
        if later - earlier > PAUSE_SECONDS:
            latest = [end for end in latest if end >= later]
    return 60 * (len(latest) - 1) / (now - latest[0]) if len(latest) > 1 and now > latest[0] else None

"""What a report reads: sweeps and markets as they lie on disk, finished, half-made or failed."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from workflow_scripts.analysis.counted import counted_backtest, counted_scores
from workflow_scripts.analysis.leaderboard import default_trial, incumbent
from workflow_scripts.sweeps.daily import Daily, read_daily
from workflow_scripts.sweeps.history import Score
from workflow_scripts.sweeps.measures import Array
from workflow_scripts.sweeps.objectives import read_scores
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.paths import (
    BACKTEST_RUN,
    MANIFEST,
    MARKET,
    ROUND,
    RUN,
    SWEEP,
    folders,
    read_back,
    whole,
)
from workflow_scripts.workflow.usage import read_usage

DRAWN = ("rank_1", "default", "untrained")


@dataclass(frozen=True)
class Market:
    """A market.

    Attributes:
        name: its name.
        folder: where it lies.
        judging: the folds that count; empty where all do.

    """

    name: str
    folder: Path
    judging: Set[int] = frozenset()

    @property
    def _shared(self) -> Path:
        """The folder of what windows of the test days share: bars and ledger."""
        return self.folder.with_name(whole(self.name))

    @cached_property
    def lock(self) -> dict[str, Any]:
        """What came from the source; empty before it came."""
        return _json(self._shared / "data.lock.json") or {}

    @cached_property
    def features(self) -> dict[str, Any]:
        """What describes the features."""
        return _json(self.folder / "features.json") or {}

    @cached_property
    def folds(self) -> list[dict[str, Any]]:
        """What describes each fold, in their order."""
        return [read_json(path) for path in self._of_folds("folds/fold_*.json")]

    @cached_property
    def sealed(self) -> dict[str, Any]:
        """What describes the backtest's fold."""
        return _json(self.folder / "sealed.json") or {}

    @cached_property
    def baselines(self) -> list[Path]:
        """Daily returns of the baselines on each fold's validation days."""
        return self._of_folds("baselines/fold_*.parquet")

    def _of_folds(self, pattern: str) -> list[Path]:
        """Return a file of each fold that counts, in their order."""
        found = {int(path.stem.removeprefix("fold_")): path for path in self.folder.glob(pattern)}
        return [found[number] for number in sorted(found) if not self.judging or number in self.judging]

    @cached_property
    def openings(self) -> int:
        """Lines of the ledger of openings."""
        ledger = self._shared / "openings.jsonl"
        return len(ledger.read_text(encoding="utf-8").splitlines()) if ledger.exists() else 0


@dataclass(frozen=True)
class Run:
    """A run on validation or test days."""

    folder: Path
    seed: int
    fold: int | None = None
    trial: tuple[int, int] | None = None

    def usage(self) -> dict[str, float]:
        """What the process took: s, max_rss (MiB), cpu_time (s); empty where nobody noted it."""
        return next(map(read_usage, self.folder.glob("[!.]*.tsv")), {})


@dataclass(frozen=True)
class Sweep:
    """A sweep.

    Attributes:
        name: its name.
        folder: where it lies.
        root: the working folder.

    """

    name: str
    folder: Path
    root: Path

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What its proposals depend on: agent, market, optimizer, search space and more; empty before the first."""
        for round_ in folders(ROUND, self.root, sweep=self.name):
            if manifest := _json(round_ / MANIFEST):
                return dict(manifest["settings"])
        return {}

    @cached_property
    def scores(self) -> list[Score]:
        """Its trials that were scored, in the order of proposal."""
        return read_scores(counted_scores(self.folder))

    @property
    def folds(self) -> set[int]:
        """The folds that judged its trials."""
        return {run["fold"] for score in self.scores for run in score.runs}

    @cached_property
    def default(self) -> dict[str, Any]:
        """The default configuration, as the search space says."""
        return {name: entry["default"] for name, entry in sorted(self.space.items())}

    @property
    def space(self) -> Mapping[str, Mapping[str, Any]]:
        """The search space."""
        entries: dict[str, dict[str, Any]] = self.settings.get("search_space", {})
        return entries

    @property
    def market(self) -> str:
        """The name of its market."""
        return whole(self.windows[0].market) if self.windows else str(self.settings.get("market", "?"))

    @cached_property
    def windows(self) -> list["Sweep"]:
        """The sweeps before the windows of the test days that its verdict judges; empty where there is one window."""
        if whole(self.name) != self.name:
            return []
        return [each for each in read_sweeps(self.root) if each.name != self.name and whole(each.name) == self.name]

    @cached_property
    def incumbent(self) -> Score | None:
        """The best trial at full budget."""
        return incumbent(self.scores) if self.scores else None

    @cached_property
    def default_trial(self) -> Score | None:
        """The trial of the default configuration."""
        return default_trial(self.scores, self.default) if self.scores else None

    @cached_property
    def verdict(self) -> dict[str, Any] | None:
        """The verdict; none before there is one."""
        said: dict[str, Any] | None = _json(self.folder / "verdict.json")
        return said

    @cached_property
    def preregistration(self) -> dict[str, Any]:
        """What was to be judged; empty before the test days were opened."""
        return _json(self.folder / "preregistration.json") or {}

    @cached_property
    def importance(self) -> dict[str, Any] | None:
        """The importance of hyperparameters; none before it was estimated."""
        said: dict[str, Any] | None = _json(self.folder / "importance.json")
        return said

    @cached_property
    def execution(self) -> dict[str, Any] | None:
        """What the tuned policies would have earned under other fees and delays; none before it was computed."""
        said: dict[str, Any] | None = _json(self.folder / "execution.json")
        return said

    @cached_property
    def runs(self) -> list[Run]:
        """Its runs on validation days that have a result; of a trial with a score those of the score."""
        scored = {
            (score.round, score.trial): {(run["fold"], run["seed"]) for run in score.runs} for score in self.scores
        }
        found = []
        for folder in folders(RUN, self.root, sweep=self.name):
            at = {name: int(value) for name, value in read_back(RUN, folder).items() if name != "sweep"}
            trial = at["round"], at["trial"]
            has_ended = (folder.parents[1] / "score.json").exists()
            counts = (at["fold"], at["seed"]) in scored.get(trial, ()) if has_ended else True
            if counts and (folder / "sharpe.json").exists():
                found.append(Run(folder, at["seed"], at["fold"], trial))
        return found

    @cached_property
    def backtests(self) -> dict[str, list[Run]]:
        """Its runs on the test days that have a result, by candidate."""
        found: dict[str, list[Run]] = {}
        for folder in counted_backtest(self.folder):
            if (folder / "sharpe.json").exists():
                at = read_back(BACKTEST_RUN, folder)
                found.setdefault(at["candidate"], []).append(Run(folder, int(at["seed"])))
        return found

    @cached_property
    def test_returns(self) -> dict[str, Daily]:
        """What was earned on the test days: by candidate the mean over its seeds, and by baseline."""
        found = {}
        for name, runs in self.backtests.items():
            rows = [read_daily(run.folder / "returns.parquet") for run in runs]
            whole = [row for row in rows if len(row.days)]
            if whole and len(whole) == len(runs):
                found[name] = _stacked(whole)
        for path in sorted(self.folder.glob("backtest/*/returns.parquet")):
            found[path.parent.name] = read_daily(path)
        return found


def _stacked(rows: Sequence[Daily]) -> Daily:
    """Return one table of several of the same days, whose columns are (seeds, days)."""
    columns: dict[str, Array] = {
        name: np.stack([row.columns[name] for row in rows]) for name in ("daily_return", "turnover")
    }
    return Daily(rows[0].days, columns, rows[0].periods_per_year, rows[0].risk_free)


def read_sweeps(root: Path, names: Sequence[str] = ()) -> list[Sweep]:
    """Return the sweeps of a working folder; of names where some are given, in their order."""
    if names:
        return [Sweep(name, root / SWEEP.format(sweep=name), root) for name in names]
    return [Sweep(folder.name, folder, root) for folder in folders(SWEEP, root)]


def read_market(root: Path, name: str, judging: Set[int] = frozenset()) -> Market:
    """Return a market of a working folder; ``judging`` are the folds that count, all of them where it is empty."""
    return Market(name, root / MARKET.format(market=name), judging)


def _json(path: Path) -> Any:
    return read_json(path) if path.exists() else None

"""The ledger of a market's openings: a line for each time that its sealed days were to be read, to judge what.

A line holds the hash of the line before it, so that an edit shows. That lines are missing shows by what was made after
them and is no copy of them: the sweeps' preregistrations, their backtests, and what their verdicts counted.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from workflow_scripts.workflow.files import first_line, read_json, sha256, write_text
from workflow_scripts.workflow.paths import BACKTEST_RUN, MANIFEST, ROUND, SWEEP, folders, whole

Window = tuple[str, str]
RESTORE = "restore the ledger from a copy, or let the verdict say so"


@dataclass(frozen=True)
class Opening:
    """A line of the ledger: all that decides what the sealed days are going to show.

    Attributes:
        sweep: whose configurations are judged.
        preregistration: sha256 of the sweep's preregistration.json.
        configurations: sha256 of the configurations that it names.
        data: sha256 of the fold of the test days, as the market's bars and the code of the features make it.
        code: digest of the code that trains and trades.
        first_day: first test day (YYYY-MM-DD).
        last_day: last one.

    """

    sweep: str
    preregistration: str
    configurations: str
    data: str
    code: str
    first_day: str
    last_day: str


@dataclass(frozen=True)
class Openings:
    """What is known of the openings of a market's test days.

    Attributes:
        window: first and last test day.
        count: openings that differ and overlap the window, up to one's own where the ledger is whole; else all, those
            that stand elsewhere alone among them.
        sweeps: how many of them each sweep made.
        head: hash of one's own line in the ledger, or of the last one; none where there is no ledger.
        problems: why the ledger is not what it was; empty where it is.

    """

    window: Window
    count: int
    sweeps: Mapping[str, int]
    head: str | None
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return what a verdict states; a later reading compares the ledger with it."""
        return asdict(self)


@contextmanager
def _alone(ledger: Path) -> Iterator[None]:
    lock = FileLock(ledger.with_name(f".{ledger.stem}.lock"), fallback_to_soft=False)
    try:
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        raise ValueError(
            f"{ledger}: its file system locks no file ({first_line(error)}), and of openings that are entered at once "
            "one would be lost: have it mounted with locks (Lustre: -o flock), or keep results/ on another disk"
        ) from error
    try:
        yield
    finally:
        lock.release()


def enter(ledger: Path, opening: Opening) -> int:
    """Enter an opening, unless it stands there already; return its number, from 1.

    Args:
        ledger: results/markets/{market}/openings.jsonl; sweeps that write at the same time wait for each other.
        opening: what is going to be judged.

    """
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with _alone(ledger):
        lines = _lines(ledger)
        for number, line in enumerate(lines, 1):
            if (entry := _entry(line)) and entry["preregistration"] == opening.preregistration:
                return number
        before = _hash(lines[-1]) if lines else None
        entry = {"number": len(lines) + 1, "before": before, **asdict(opening)}
        write_text(ledger, "".join(f"{line}\n" for line in (*lines, json.dumps(entry, sort_keys=True))))
        return len(lines) + 1


def openings_of(ledger: Path, window: Window, own: str | None = None) -> Openings:
    """Return what is known of the openings of test days, with what is wrong with the ledger.

    An opening counts once for each preregistration, however often it was retried, and whenever its test days overlap
    the window. Openings that the ledger does not have count where something else shows them.

    Args:
        ledger: results/markets/{market}/openings.jsonl; none need be there.
        window: first and last test day (YYYY-MM-DD).
        own: sha256 of the preregistration whose opening is the last to be counted, so that later openings change no
            verdict; none counts all.

    """
    lines = _lines(ledger)
    problems = list(_breaks(ledger, lines))
    entries = [entry for line in lines if (entry := _entry(line))]
    known = {entry["preregistration"]: entry for entry in entries}
    seen = {key: str(entry["sweep"]) for key, entry in known.items() if _overlap(_window(entry), window)}
    hashes = {_hash(line) for line in lines}
    least = 0
    for folder in folders(SWEEP, ledger.parents[3]):
        for counted in _counted(folder, ledger.parent.name):
            if counted["head"] not in (None, *hashes):
                problems.append(
                    f"{folder / 'verdict.json'} was made when {ledger} ended with the line {counted['head'][:12]}…, "
                    f"which is gone or edited: {RESTORE}"
                )
            first, last = counted["window"]
            if window[0] <= first and last <= window[1]:  # what overlaps days within the window overlaps the window
                least = max(least, int(counted["count"]))
        stated = folder / "preregistration.json"
        if not stated.exists():
            if _trades_unstated(folder, ledger.parent.name):
                seen[folder.name] = folder.name
                problems.append(f"{folder} has backtests and no {stated.name}: its opening stands nowhere")
            continue
        content = read_json(stated)
        if content["market"] != ledger.parent.name:
            continue
        if (key := sha256(stated)) not in known:
            problems.append(f"{stated} is not in {ledger}, or one of the two was edited: {RESTORE}")
            if _overlap(_window(content["test_days"]), window):
                seen[key] = folder.name
    if least > (left := _looks(sweeps := Counter(seen.values()))):
        problems.append(f"a verdict counted {least} openings of these days, and {left} are left: {RESTORE}")
    if problems or own not in known:
        head = _hash(lines[-1]) if lines else None
        return Openings(window, max(least, left), dict(sweeps), head, tuple(problems))
    place = list(known).index(own)
    sweeps = Counter(seen[key] for key in list(known)[: place + 1] if key in seen)
    return Openings(window, _looks(sweeps), dict(sweeps), _hash(lines[place]), ())


def openings_of_sweep(preregistration: Path, ledger: Path) -> Openings:
    """Return the openings of the test days that a sweep's preregistration names, up to the sweep's own."""
    days = read_json(preregistration)["test_days"]
    return openings_of(ledger, _window(days), sha256(preregistration))


def together(openings: Sequence[Openings]) -> Openings:
    """Return the openings of windows that one verdict judges: as many as there are of the window opened most often."""
    if len(openings) == 1:
        return openings[0]
    most = max(openings, key=lambda each: each.count)
    window = openings[0].window[0], openings[-1].window[1]
    problems = dict.fromkeys(problem for each in openings for problem in each.problems)
    return Openings(window, most.count, most.sweeps, most.head, tuple(problems))


def _looks(sweeps: Mapping[str, int]) -> int:
    """Return how many openings there are of each sweep's; the windows that one verdict judges are opened as one."""
    looks: dict[tuple[str, bool], int] = {}
    for name, count in sweeps.items():
        key = whole(name), whole(name) == name
        looks[key] = max(looks.get(key, 0), count)
    return sum(looks.values())


def _lines(ledger: Path) -> list[str]:
    return ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []


def _entry(line: str) -> dict[str, Any] | None:
    """Return what a line says; none where it was not written here."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) and set(Opening.__dataclass_fields__) < set(entry) else None


def _breaks(ledger: Path, lines: list[str]) -> Iterator[str]:
    """Yield where the chain of hashes breaks."""
    before = None
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if entry is None:
            yield f"line {number} of {ledger} is no opening: {RESTORE}"
        elif (entry["number"], entry["before"]) != (number, before):
            yield f"line {number} of {ledger} does not follow the line before it, which is gone or edited: {RESTORE}"
        before = _hash(line)


def _hash(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()


def _window(entry: Mapping[str, Any]) -> Window:
    return entry["first_day"], entry["last_day"]


def _overlap(one: Window, other: Window) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _trades_unstated(sweep: Path, market: str) -> bool:
    """Return whether a sweep on a market has backtests; without a preregistration its first round names the market."""
    root, manifest = sweep.parents[2], Path(ROUND.format(sweep=sweep.name, round=0), MANIFEST)
    traded = any((run / "sharpe.json").exists() for run in folders(BACKTEST_RUN, root, sweep=sweep.name))
    return traded and (root / manifest).exists() and whole(read_json(root / manifest)["settings"]["market"]) == market


def _counted(sweep: Path, market: str) -> list[dict[str, Any]]:
    """Return what a sweep's verdict said of the openings of a market's test days, or of each window of them."""
    path = sweep / "verdict.json"
    verdict = read_json(path) if path.exists() else {}
    if verdict.get("market", market) != market:
        return []
    said = [part.get("openings") for part in verdict.get("windows", [verdict])]
    return [counted for counted in said if counted]

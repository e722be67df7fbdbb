"""How long a run will yet take, from how long its jobs took so far."""

from collections import Counter, defaultdict
from collections.abc import Mapping

TRAININGS = ("train_agent", "continue_agent", "backtest_incumbent")


class TimeLeft:
    """What is left to do, what a job of each rule takes, and how many run at a time.

    Seconds are of any one clock. A rule of which no job has ended takes what other trainings take where it trains, and
    no time where it does not.
    """

    def __init__(self, jobs: Mapping[str, int]):
        """Start with the number of jobs of each rule."""
        self.waiting = Counter(jobs)
        self.running: dict[int, tuple[str, float]] = {}
        self.took: dict[str, list[float]] = defaultdict(list)
        self.first: float | None = None

    def start(self, job: int, rule: str, now: float) -> None:
        """Note that a job has started."""
        self.first = now if self.first is None else self.first
        self.waiting[rule] -= job not in self.running
        self.running[job] = (rule, now)

    def end(self, job: int, now: float, well: bool = True) -> None:
        """Note that a job has ended; one that failed may start again."""
        if job in self.running:
            rule, began = self.running.pop(job)
            self.waiting[rule] += not well
            if well:
                self.took[rule].append(now - began)

    def seconds(self, now: float, to_start: int | None = None) -> float | None:
        """Return the seconds that are left; none before the first training has ended.

        Args:
            now: the time.
            to_start: number of jobs that have yet to start, where fewer are left than were announced: a checkpoint may
                spare jobs, and which, nobody says.

        """
        left = {rule: count for rule, count in self.waiting.items() if count > 0}
        trains = any(rule in TRAININGS for rule in (*left, *(rule for rule, _ in self.running.values())))
        if self.first is None or (trains and self._mean(TRAININGS) is None):
            return None
        busy = sum(map(sum, self.took.values())) + sum(now - began for _, began in self.running.values())
        at_a_time = max(1.0, busy / max(now - self.first, 1.0))
        share = 1.0 if to_start is None else min(1.0, max(to_start, 0) / max(sum(left.values()), 1))
        work = share * sum(count * self._job(rule) for rule, count in left.items())
        work += sum(max(0.0, self._job(rule) - (now - began)) for rule, began in self.running.values())
        return work / at_a_time

    def _job(self, rule: str) -> float:
        own = self._mean((rule,))
        return own if own is not None else (self._mean(TRAININGS) or 0.0) if rule in TRAININGS else 0.0

    def _mean(self, rules: tuple[str, ...]) -> float | None:
        seconds = [each for rule in rules for each in self.took.get(rule, ())]
        return sum(seconds) / len(seconds) if seconds else None

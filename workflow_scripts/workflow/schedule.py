"""How many trials each round of a sweep has, at which budget and on how many runs: known before the first run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HYPERBAND = ("dehb", "smac_hyperband")
POPULATION = ("pbt", "pb2")


@dataclass(frozen=True)
class Round:
    """A round's size, budget and runs.

    Attributes:
        size: number of trials.
        budget: vector steps that each of their runs trains for.
        runs: how many (fold, seed) pairs judge a trial, the first in the order of ``pairs``.

    """

    size: int
    budget: int
    runs: int

    @property
    def fidelity(self) -> tuple[int, int]:
        """How much a trial's score is to be trusted: it grows from rung to rung of a bracket."""
        return self.budget, self.runs


def schedule(sweep: Mapping[str, Any], runs: int) -> list[Round]:
    """Return the rounds of a sweep: for DEHB and SMAC's Hyperband the rungs of its brackets, for PBT and PB2
    the intervals of one training, else all alike.

    Args:
        sweep: the sweep's settings.
        runs: number of (fold, seed) pairs.

    """
    rounds = sweep["rounds"]
    if sweep["optimizer"] in POPULATION:
        return [Round(sweep["round_size"], sweep["interval"] * (number + 1), runs) for number in range(rounds)]
    if sweep["optimizer"] not in HYPERBAND:
        return [Round(sweep["round_size"], sweep["budget"], runs)] * rounds
    if sweep.get("fidelity") == "runs":
        rungs = hyperband(sweep["min_runs"], runs, sweep["eta"], rounds)
        return [Round(size, sweep["budget"], judged) for size, judged in rungs]
    rungs = hyperband(sweep["min_budget"], sweep["budget"], sweep["eta"], rounds)
    return [Round(size, budget, runs) for size, budget in rungs]


def pairs(folds: Sequence[int], seeds: Sequence[int]) -> list[tuple[int, int]]:
    """Return the (fold, seed) pairs in the order in which they judge a trial: all folds with the first seed first."""
    return [(fold, seed) for seed in seeds for fold in folds]


def continues(sweep: Mapping[str, Any]) -> bool:
    """Return whether trials of a sweep go on from runs of the round before, so that runs have to write their state."""
    return sweep["optimizer"] in POPULATION or (
        sweep["optimizer"] in HYPERBAND and bool(sweep.get("continue_training"))
    )


def rung_count(least: int, most: int, eta: int) -> int:
    """Return how many rungs the first bracket has: as often as ``most`` can be divided by eta, and once more."""
    return math.floor(math.log(most / least) / math.log(eta) + 1e-9) + 1


def hyperband(least: int, most: int, eta: int, rounds: int) -> list[tuple[int, int]]:
    """Return size and resource of the first rungs of Hyperband's brackets (Li et al. 2018), which repeat.

    They are laid out as the package dehb does.
    For 100k, 900k and eta 3: 9 trials at 100k, 3 at 300k, 1 at 900k; 3 at 300k, 1 at 900k; 3 at 900k; and again.
    """
    rungs = rung_count(least, most, eta)
    laid: list[tuple[int, int]] = []
    while len(laid) < rounds:
        for last in reversed(range(rungs)):
            first = rungs // (last + 1) * eta**last
            laid += [(max(first // eta**rung, 1), round(most / eta ** (last - rung))) for rung in range(last + 1)]
    return laid[:rounds]

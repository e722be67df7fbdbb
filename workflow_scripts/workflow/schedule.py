"""How many trials each round of a sweep has, and at which budget: known before the first run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HYPERBAND = ("dehb", "smac_hyperband")
POPULATION = ("pbt", "pb2")


@dataclass(frozen=True)
class Round:
    """A round's size and budget.

    Attributes:
        size: number of trials.
        budget: vector steps that each of their runs trains for.

    """

    size: int
    budget: int


def schedule(sweep: Mapping[str, Any]) -> list[Round]:
    """Return the rounds of a sweep: for DEHB and SMAC's Hyperband the rungs of its brackets, for PBT and PB2
    the intervals of one training, else all alike."""
    if sweep["optimizer"] in HYPERBAND:
        return hyperband(sweep["min_budget"], sweep["budget"], sweep["eta"], sweep["rounds"])
    if sweep["optimizer"] in POPULATION:
        return [Round(sweep["round_size"], sweep["interval"] * (number + 1)) for number in range(sweep["rounds"])]
    return [Round(sweep["round_size"], sweep["budget"])] * sweep["rounds"]


def rung_count(min_budget: int, budget: int, eta: int) -> int:
    """Return how many rungs the first bracket has: as often as ``budget`` can be divided by eta, and once more."""
    return math.floor(math.log(budget / min_budget) / math.log(eta) + 1e-9) + 1


def hyperband(min_budget: int, budget: int, eta: int, rounds: int) -> list[Round]:
    """Return the first rungs of Hyperband's brackets (Li et al. 2018), which repeat, as the package dehb lays them out.

    For 100k, 900k and eta 3: 9 trials at 100k, 3 at 300k, 1 at 900k; 3 at 300k, 1 at 900k; 3 at 900k; and again.
    """
    rungs = rung_count(min_budget, budget, eta)
    laid: list[Round] = []
    while len(laid) < rounds:
        for last in reversed(range(rungs)):
            first = rungs // (last + 1) * eta**last
            laid += [
                Round(max(first // eta**rung, 1), round(budget / eta ** (last - rung))) for rung in range(last + 1)
            ]
    return laid[:rounds]

"""Hyperband's brackets (Li et al. 2018), a rung per round: what its optimizers have in common."""

import math
from typing import Any, Literal

from pydantic import Field

from workflow_scripts.sweeps.optimizers.base import MOST_STEPS, Budget, Optimizer, Round
from workflow_scripts.workflow.model import SettingError


class Hyperband(Optimizer):
    """An optimizer whose rounds are the rungs of Hyperband's brackets, with sizes of their own."""

    budget: Budget = 6144
    min_budget: int | None = Field(
        None,
        ge=1,
        le=MOST_STEPS,
        description="fewest vector steps of a rung, needed with `fidelity: steps`: the lowest rung has budget / eta^k, "
        "with the largest k that leaves as many",
    )
    eta: int = Field(
        3,
        ge=2,
        le=1000,
        description="from rung to rung the budget grows, and the number of trials shrinks, by this factor",
    )
    fidelity: Literal["steps", "runs"] = Field(
        "steps",
        description="what grows from rung to rung: a run's vector steps, or the number of runs that judge a trial",
    )
    min_runs: int | None = Field(
        None,
        ge=1,
        le=10**6,
        description="fewest runs (fold and seed) that judge a trial, needed with `fidelity: runs`: on the lowest rung "
        "all runs / eta^k, rounded, with the largest k that leaves as many; all folds with the first seed come first",
    )
    continue_training: bool = Field(
        False,
        description="whether a trial that a rung promotes goes on from its runs of the rung below, which costs the "
        "difference only",
    )

    @property
    def continues(self) -> bool:
        """Whether promoted trials go on from the rung below."""
        return self.continue_training

    def schedule(self, rounds: int, runs: int) -> list[Round]:
        """Return the first rungs.

        Raises:
            SettingError: there is no lowest rung, or it leaves none above.

        """
        rungs = hyperband(*self._span(runs), self.eta, rounds)
        if self.fidelity == "runs":
            return [Round(size, self.budget, judged) for size, judged in rungs]
        return [Round(size, budget, runs) for size, budget in rungs]

    def check(self, rounds: int, runs: int) -> None:
        """Check that some trial gets the full budget, and that the chosen fidelity reads what is set."""
        unread, reader = ("min_budget", "steps") if self.fidelity == "runs" else ("min_runs", "runs")
        if getattr(self, unread) is not None:
            raise SettingError((unread,), f"fidelity: {self.fidelity} does not read it; fidelity: {reader} would")
        if all(round_.fidelity < (self.budget, runs) for round_ in self.schedule(rounds, runs)):
            raise SettingError(
                ("rounds",),
                f"no trial gets the full budget before round {rung_count(*self._span(runs), self.eta)} of "
                f"{self._name}, a rung each; rounds is {rounds}",
            )

    def decisions(self, runs: int) -> dict[str, Any]:
        """Return what is read with the chosen fidelity."""
        unread = {"min_budget"} if self.fidelity == "runs" else {"fidelity", "min_runs"}
        if not self.continue_training:
            unread.add("continue_training")
        return self.model_dump(exclude=unread) | ({"runs": runs} if self.fidelity == "runs" else {})

    def _span(self, runs: int) -> tuple[int, int]:
        """Return the resource of the lowest and of the highest rung."""
        by_runs = self.fidelity == "runs"
        key, most, unit = ("min_runs", runs, "runs") if by_runs else ("min_budget", self.budget, "vector steps")
        least: int | None = getattr(self, key)
        if least is None or self.eta * least > most:
            raise SettingError(
                (key,),
                f"{self._name} needs one of at most {most} {unit} / eta = {most // self.eta}, not {least}",
            )
        return least, most

    @property
    def _name(self) -> str:
        return type(self).__module__.rpartition(".")[2]


def rung_count(least: int, most: int, eta: int) -> int:
    """Return how many rungs the first bracket has: as often as ``most`` can be divided by eta, and once more."""
    return math.floor(math.log(most / least) / math.log(eta) + 1e-9) + 1


def hyperband(least: int, most: int, eta: int, rounds: int) -> list[tuple[int, int]]:
    """Return size and resource of the first rungs of the brackets, which repeat.

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

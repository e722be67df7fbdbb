"""What an optimizer is: the keys of a sweep that it alone reads, the rounds that they lay out, and what it proposes.

Snakemake's own process imports the modules of this package: they import heavy packages where they propose.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from workflow_scripts.workflow.model import Settings

if TYPE_CHECKING:
    from ConfigSpace import Configuration, ConfigurationSpace

    from workflow_scripts.sweeps.history import Identity, Score

PACKAGE = "workflow_scripts.sweeps.optimizers"

# Keys that several optimizers read.
MOST_STEPS = 10**9
RoundSize = Annotated[int, Field(ge=1, le=10_000, description="trials proposed together in a round")]
Budget = Annotated[int, Field(ge=1, le=MOST_STEPS, description="vector steps that a run trains for")]
InitialDesign = Annotated[
    int, Field(ge=1, le=10_000, description="first trials: the default configuration and Sobol points")
]


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


def pairs(folds: Sequence[int], seeds: Sequence[int]) -> list[tuple[int, int]]:
    """Return the (fold, seed) pairs in the order in which they judge a trial: all folds with the first seed first."""
    return [(fold, seed) for seed in seeds for fold in folds]


@dataclass(frozen=True)
class Proposal:
    """A trial to come.

    Attributes:
        configuration: its hyperparameters.
        parent: place of the trial in the round before whose runs it continues; none starts anew.

    """

    configuration: "Configuration"
    parent: int | None = None


@dataclass(frozen=True)
class Request:
    """What a round's proposals are a function of, beside the optimizer's own settings.

    Attributes:
        space: the search space.
        history: every trial of the rounds before, in the order of proposal.
        rounds: all rounds up to the one to propose, which is the last.
        seed: the sweep's seed.
        fixed: names of the hyperparameters that cannot change during a training.
        runs: how many (fold, seed) pairs judge a trial at full fidelity; 1 where no decision depends on it.

    """

    space: "ConfigurationSpace"
    history: Sequence["Score"]
    rounds: Sequence[Round]
    seed: int
    fixed: tuple[str, ...] = ()
    runs: int = 1

    @property
    def number(self) -> int:
        """Number of the round to propose."""
        return len(self.rounds) - 1

    @property
    def size(self) -> int:
        """Number of trials to propose."""
        return self.rounds[-1].size

    @property
    def is_promotion(self) -> bool:
        """Whether the round takes up trials of the round before, at a higher fidelity."""
        return self._promotes(self.number)

    @property
    def fresh(self) -> int:
        """How many trials the rounds before proposed that they did not take from a rung below."""
        return sum(round_.size for number, round_ in enumerate(self.rounds[:-1]) if not self._promotes(number))

    def _promotes(self, number: int) -> bool:
        return number > 0 and self.rounds[number - 1].fidelity < self.rounds[number].fidelity

    @property
    def taken(self) -> set["Identity"]:
        """What was judged before at this round's fidelity, and would only be judged again."""
        from workflow_scripts.sweeps.history import identity

        fidelity = self.rounds[-1].fidelity
        return {
            identity(score.configuration) for score in self.history if self.rounds[score.round].fidelity == fidelity
        }

    @property
    def last(self) -> list["Score"]:
        """The trials of the round before."""
        return [score for score in self.history if score.round == self.number - 1]


class Optimizer(Settings, ABC):
    """Proposes the trials of a round from the scores of the rounds before.

    Each class of this kind has a module of this package, by whose name config.yaml knows it, or is the user's own. Its
    fields are the keys of a sweep that it reads.

    Attributes:
        changes_trainings: whether a trial goes on from another's training with other hyperparameters.
        takes_warm_start: whether another sweep's trials may stand in place of the first that it proposes.

    """

    changes_trainings: ClassVar[bool] = False
    takes_warm_start: ClassVar[bool] = True

    @property
    def continues(self) -> bool:
        """Whether trials may go on from runs of the round before, which therefore write their state."""
        return False

    def continued_rounds(self, rounds: Sequence[Round]) -> int:
        """Return in how many of the rounds, from the first, trials go on from the round before, as far as is known."""
        return len(rounds) if self.continues else 0

    @abstractmethod
    def schedule(self, rounds: int, runs: int) -> list[Round]:
        """Return the rounds of a sweep, all of them known before the first run.

        Args:
            rounds: number of rounds.
            runs: number of (fold, seed) pairs.

        """

    def check(self, rounds: int, runs: int) -> None:
        """Check what depends on the number of rounds and runs.

        Raises:
            SettingError: they do not go with these settings.

        """

    def needs(self, rounds: Sequence[Round]) -> int:
        """Return how many configurations have to differ: as many as are judged at one budget by as many runs."""
        fidelities = {round_.fidelity for round_ in rounds}
        return max(sum(round_.size for round_ in rounds if round_.fidelity == fidelity) for fidelity in fidelities)

    def decisions(self, runs: int) -> dict[str, Any]:
        """Return the settings that proposals depend on, as a round's manifest keeps them.

        Args:
            runs: number of (fold, seed) pairs.

        """
        return self.model_dump()

    @abstractmethod
    def propose(self, request: Request) -> list[Proposal]:
        """Return the trials of the last of the request's rounds.

        The same request gives the same proposals.

        Raises:
            ValueError: no trial of the history has a score.

        """


class EqualRounds(Optimizer):
    """An optimizer whose rounds are all alike."""

    round_size: RoundSize = 4
    budget: Budget = 6144

    def schedule(self, rounds: int, runs: int) -> list[Round]:
        """Return rounds of one size at one budget."""
        return [Round(self.round_size, self.budget, runs)] * rounds

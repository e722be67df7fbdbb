"""DEHB (Awad et al. 2021) by its own package, one rung per round, rebuilt from the trials so far.

A fresh DEHB is asked for every rung of the rounds before and told what those trials scored, in the order of their
places; then it is asked for the next rung. Where a kept round holds another configuration than the rebuilt one (its
scores changed since), the kept one is put in its place: what was decided is what was scored.
"""

import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workflow_scripts.sweeps.hyperband import Hyperband, rung_count
from workflow_scripts.sweeps.optimizers.base import Proposal, Request, Round

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from dehb import DEHB

    from workflow_scripts.sweeps.history import Score

CRASH = 1e6


class Dehb(Hyperband):
    """Differential evolution on Hyperband's rungs."""

    def continued_rounds(self, rounds: Sequence[Round]) -> int:
        """Return the rounds of the first brackets: on the higher rungs of later ones evolution proposes anew."""
        lowest = [number for number, round_ in enumerate(rounds) if round_.fidelity == rounds[0].fidelity]
        return super().continued_rounds(rounds[: lowest[1]] if len(lowest) > 1 else rounds)

    def propose(self, request: Request) -> list[Proposal]:
        """Return the configurations of a rung.

        Raises:
            ValueError: no trial of the history has a score, or the package lays out other rungs.

        """
        from ConfigSpace import ConfigurationSpace
        from dehb import DEHB

        from workflow_scripts.sweeps.history import costs
        from workflow_scripts.sweeps.search_space import allowed, without_integer_prior

        if request.history:
            costs(request.history)
        by_runs = self.fidelity == "runs"
        rungs = [(rung.size, rung.runs if by_runs else rung.budget) for rung in request.rounds]
        least, most = self._span(request.runs)
        free = ConfigurationSpace(seed=request.seed)
        # DEHB rounds no others to whole numbers.
        free.add([without_integer_prior(entry) for entry in request.space.values()])
        told = iter(request.history)
        with tempfile.TemporaryDirectory() as folder:
            optimizer = DEHB(
                cs=free,
                f=lambda *_: None,
                min_fidelity=_just_below(least, most, self.eta),
                max_fidelity=most,
                eta=self.eta,
                seed=request.seed,
                n_workers=1,
                output_path=folder,
                log_level="ERROR",
            )
            for size, resource in rungs[:-1]:
                for job in _ask(optimizer, size, resource):
                    _tell(optimizer, free, job, next(told))
            return [Proposal(allowed(request.space, dict(job["config"]))) for job in _ask(optimizer, *rungs[-1])]


def _just_below(least: int, most: int, eta: int) -> float:
    """Return a smallest fidelity whose logarithm the package rounds down to as many rungs as are meant."""
    return float(most / eta ** (rung_count(least, most, eta) - 1)) * (1 - 1e-9)


def _ask(optimizer: "DEHB", size: int, resource: int) -> list[dict[str, Any]]:
    asked = optimizer.ask(size)
    jobs: list[dict[str, Any]] = [asked] if isinstance(asked, dict) else asked
    if any(round(job["fidelity"]) != resource for job in jobs):
        raise ValueError(
            f"dehb asks for {[float(job['fidelity']) for job in jobs]} where {size} at {resource} were planned"
        )
    return jobs


def _tell(optimizer: "DEHB", free: "ConfigurationSpace", job: dict[str, Any], score: "Score") -> None:
    from ConfigSpace import Configuration

    from workflow_scripts.sweeps.search_space import to_dict

    vector = optimizer.configspace_to_vector(Configuration(free, values=score.configuration))
    if to_dict(Configuration(free, values=dict(job["config"]))) != score.configuration:
        optimizer.config_repository.configs[job["config_id"]].config = vector
    fitness = CRASH if score.score is None else -score.score
    optimizer.tell(job, {"fitness": fitness, "cost": float(job["fidelity"])})

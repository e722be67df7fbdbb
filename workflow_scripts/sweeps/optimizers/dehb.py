"""DEHB (Awad et al. 2021) by its own package, one rung a round, rebuilt from the trials so far.

A fresh DEHB is asked for every rung of the rounds before and told what those trials scored, in the order of their
places; then it is asked for the next rung. Where a kept round holds another configuration than the rebuilt one (its
scores changed since), the kept one is put in its place: what was decided is what was scored.
"""

import math
import tempfile
from collections.abc import Sequence
from typing import Any

from ConfigSpace import Configuration, ConfigurationSpace
from dehb import DEHB

from workflow_scripts.sweeps.history import Score, costs
from workflow_scripts.sweeps.search_space import allowed, to_dict

Rung = tuple[int, int]
CRASH = 1e6


def propose(
    space: ConfigurationSpace, history: Sequence[Score], rungs: Sequence[Rung], seed: int, eta: int, most: int
) -> list[Configuration]:
    """Return the configurations of the last of ``rungs``, the ones before it being ``history``.

    Args:
        space: the search space.
        history: every trial of the rounds before, in the order of proposal.
        rungs: size and resource (steps or runs of a trial) of all rounds up to the one to propose.
        seed: the sweep's seed.
        eta: Hyperband's reduction.
        most: the resource of the highest rung.

    Raises:
        ValueError: no trial of the history has a score, or the package lays out other rungs.

    """
    if history:
        costs(history)
    free = ConfigurationSpace(seed=seed)
    free.add(list(space.values()))
    told = iter(history)
    with tempfile.TemporaryDirectory() as folder:
        optimizer = DEHB(
            cs=free,
            f=lambda *_: None,
            min_fidelity=_just_below(rungs[0][1], most, eta),
            max_fidelity=most,
            eta=eta,
            seed=seed,
            n_workers=1,
            output_path=folder,
            log_level="ERROR",
        )
        for number, rung in enumerate(rungs):
            asked = _ask(optimizer, rung)
            if number == len(rungs) - 1:
                return [allowed(space, dict(job["config"])) for job in asked]
            for job in asked:
                _tell(optimizer, free, job, next(told))
    raise ValueError("there is no rung to propose")


def _just_below(least: int, most: int, eta: int) -> float:
    """Return a smallest fidelity whose logarithm the package rounds down to as many rungs as are meant."""
    steps = round(math.log(most / least, eta))
    return float(most / eta**steps) * (1 - 1e-9)


def _ask(optimizer: DEHB, rung: Rung) -> list[dict[str, Any]]:
    size, resource = rung
    asked = optimizer.ask(size)
    jobs: list[dict[str, Any]] = [asked] if isinstance(asked, dict) else asked
    if any(round(job["fidelity"]) != resource for job in jobs):
        raise ValueError(
            f"dehb asks for {[float(job['fidelity']) for job in jobs]} where {size} at {resource} were planned"
        )
    return jobs


def _tell(optimizer: DEHB, free: ConfigurationSpace, job: dict[str, Any], score: Score) -> None:
    vector = optimizer.configspace_to_vector(Configuration(free, values=score.configuration))
    if to_dict(Configuration(free, values=dict(job["config"]))) != score.configuration:
        optimizer.config_repository.configs[job["config_id"]].config = vector
    fitness = CRASH if score.score is None else -score.score
    optimizer.tell(job, {"fitness": fitness, "cost": float(job["fidelity"])})

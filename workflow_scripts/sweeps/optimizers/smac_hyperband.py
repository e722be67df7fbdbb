"""SMAC with Hyperband's rungs, as in its MultiFidelityFacade (Lindauer et al. 2022, BOHB's scheme), in static rounds.

SMAC fills the lowest rung of a bracket from the trials at the highest fidelity that has enough of them; every rung
above takes the best of the one below.
"""

from collections.abc import Sequence

from ConfigSpace import Configuration, ConfigurationSpace

from workflow_scripts.sweeps.history import Score, rank
from workflow_scripts.sweeps.optimizers import smac
from workflow_scripts.workflow.schedule import Round


def propose(
    space: ConfigurationSpace, history: Sequence[Score], rungs: Sequence[Round], seed: int, initial_design: int
) -> list[Configuration]:
    """Return the configurations of the last of ``rungs``, the ones before it being ``history``."""
    number, rung = len(rungs) - 1, rungs[-1]
    if number and rungs[-2].fidelity < rung.fidelity:
        below = [score for score in history if score.round == number - 1]
        return [Configuration(space, values=score.configuration) for score in rank(below)[: rung.size]]
    return smac.propose(space, informative(history, initial_design), number, rung.size, seed, initial_design)


def informative(history: Sequence[Score], enough: int) -> list[Score]:
    """Return the trials of the highest fidelity at which ``enough`` have a score, else of that with the most."""
    levels = sorted({score.fidelity for score in history}, reverse=True)
    at = {level: [score for score in history if score.fidelity == level] for level in levels}
    scored = {level: sum(score.status == "ok" for score in at[level]) for level in levels}
    full = [level for level in levels if scored[level] >= enough]
    return at[full[0] if full else max(levels, key=lambda level: scored[level])] if levels else []

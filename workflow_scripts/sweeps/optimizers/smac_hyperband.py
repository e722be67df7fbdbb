"""SMAC with Hyperband's rungs, as in its MultiFidelityFacade (Lindauer et al. 2022, BOHB's scheme), in static rounds.

SMAC fills the lowest rung of a bracket; every rung above takes the best of the one below. As in SMAC, its forest reads
the trials at the highest budget that has enough of them, and where rungs differ in runs alone every configuration.
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
    """Return the trials that the model reads.

    Scores at several budgets have several means: those of the highest budget at which ``enough`` have a score, else of
    that with the most. Scores of fewer runs are but noisier: every configuration's score of the most runs.
    """
    budgets = sorted({score.budget for score in history}, reverse=True)
    at = {budget: [score for score in history if score.budget == budget] for budget in budgets}
    scored = {budget: sum(score.status == "ok" for score in at[budget]) for budget in budgets}
    full = [budget for budget in budgets if scored[budget] >= enough]
    read = at[full[0] if full else max(budgets, key=lambda budget: scored[budget])] if budgets else []
    by_runs = sorted(read, key=lambda score: len(score.runs))
    return list({frozenset(score.configuration.items()): score for score in by_runs}.values())

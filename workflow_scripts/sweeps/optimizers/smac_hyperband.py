"""SMAC with Hyperband's rungs, as in its MultiFidelityFacade (Lindauer et al. 2022, BOHB's scheme), in static rounds.

SMAC fills the lowest rung of a bracket; every rung above takes the best of the one below. As in SMAC, its forest reads
the trials at the highest budget that has enough of them, and where rungs differ in runs alone every configuration, its
score less what its runs bring to all trials: a rung that is judged on easy folds alone would seem the best.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from workflow_scripts.sweeps.hyperband import Hyperband
from workflow_scripts.sweeps.optimizers.base import InitialDesign, Proposal, Request

if TYPE_CHECKING:
    from workflow_scripts.sweeps.history import Score


class SmacHyperband(Hyperband):
    """Hyperband whose lowest rungs are SMAC's."""

    initial_design: InitialDesign = 5

    def propose(self, request: Request) -> list[Proposal]:
        """Return the best of the rung below, or SMAC's for a lowest rung."""
        from ConfigSpace import Configuration

        from workflow_scripts.sweeps.history import identity, rank
        from workflow_scripts.sweeps.smac_facade import propose

        if request.is_promotion:
            best = sorted(rank(request.last), key=lambda score: identity(score.configuration) in request.taken)
            return [Proposal(Configuration(request.space, values=each.configuration)) for each in best[: request.size]]
        read = replace(request, history=informative(request.history, self.initial_design))
        return [Proposal(each) for each in propose(read, self.initial_design, "forest")]


def informative(history: Sequence["Score"], enough: int) -> list["Score"]:
    """Return the trials that the model reads.

    Scores at several budgets have several means: those of the highest budget at which ``enough`` have a score, else of
    that with the most. Where runs differ every configuration is read, with its score of the most runs.
    """
    from workflow_scripts.sweeps.objectives import as_if_judged_alike

    budgets = sorted({score.budget for score in history}, reverse=True)
    at = {budget: [score for score in history if score.budget == budget] for budget in budgets}
    scored = {budget: sum(score.status == "ok" for score in at[budget]) for budget in budgets}
    full = [budget for budget in budgets if scored[budget] >= enough]
    read = at[full[0] if full else max(budgets, key=lambda budget: scored[budget])] if budgets else []
    by_runs = sorted(read, key=lambda score: len(score.runs))
    return as_if_judged_alike(list({frozenset(score.configuration.items()): score for score in by_runs}.values()))

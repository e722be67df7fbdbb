"""SMAC with its random forest (Lindauer et al. 2022)."""

from typing import ClassVar, Literal

from workflow_scripts.sweeps.optimizers.base import EqualRounds, InitialDesign, Proposal, Request


class Smac(EqualRounds):
    """SMAC3's HyperparameterOptimizationFacade, built anew for every round."""

    model: ClassVar[Literal["forest", "gp"]] = "forest"

    initial_design: InitialDesign = 5

    def propose(self, request: Request) -> list[Proposal]:
        """Return the rest of the initial design, then what SMAC's model expects most of."""
        from workflow_scripts.sweeps.smac_facade import propose

        return [Proposal(each) for each in propose(request, self.initial_design, self.model)]

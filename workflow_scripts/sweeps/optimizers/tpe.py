"""Optuna's multivariate TPE (Bergstra et al. 2011, Falkner et al. 2018)."""

from typing import ClassVar, Literal

from workflow_scripts.sweeps.optimizers.base import EqualRounds, InitialDesign, Proposal, Request


class TPE(EqualRounds):
    """Tree-structured Parzen estimators of good and bad trials."""

    sampler: ClassVar[Literal["tpe", "gp"]] = "tpe"

    initial_design: InitialDesign = 5

    def propose(self, request: Request) -> list[Proposal]:
        """Return the rest of the initial design, then the sampler's."""
        from workflow_scripts.sweeps.optuna_samplers import propose

        return [Proposal(each) for each in propose(request, self.initial_design, self.sampler)]

"""PB2 (Parker-Holder et al. 2020): PBT whose clones change by what a bandit expects of the next interval."""

from workflow_scripts.sweeps.optimizers.base import Proposal, Request
from workflow_scripts.sweeps.optimizers.pbt import PBT


class PB2(PBT):
    """PBT with a time-varying Gaussian-process bandit over the hyperparameters that are numbers."""

    def propose(self, request: Request) -> list[Proposal]:
        """Return the members in the order of their places."""
        from workflow_scripts.sweeps.bandit import expected_best
        from workflow_scripts.sweeps.populations import next_members

        return next_members(request, self.quantile, "pb2", expected_best(request))

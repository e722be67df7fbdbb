"""Quasi-random search: scrambled Sobol points, which leave smaller gaps than random ones (Bergstra and Bengio 2012)."""

from workflow_scripts.sweeps.optimizers.base import EqualRounds, Proposal, Request


class Sobol(EqualRounds):
    """The default configuration and one Sobol sequence through the priors, which every round continues."""

    def propose(self, request: Request) -> list[Proposal]:
        """Return the next points of the sequence; scores change nothing."""
        from workflow_scripts.sweeps.designs import initial_points

        count = sum(round_.size for round_ in request.rounds)
        points = initial_points(request.space, count, request.seed)
        return [Proposal(configuration) for configuration in points[-request.size :]]

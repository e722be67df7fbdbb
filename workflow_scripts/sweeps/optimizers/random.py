"""Random search (Bergstra and Bengio 2012): the peer that every optimizer has to beat."""

from workflow_scripts.sweeps.optimizers.base import EqualRounds, Proposal, Request
from workflow_scripts.workflow.seeds import derive_seed


class Random(EqualRounds):
    """Draws from the priors; the very first trial is the default configuration."""

    def propose(self, request: Request) -> list[Proposal]:
        """Return random configurations."""
        space = request.space
        space.seed(derive_seed(request.seed, "random", request.number))
        drawn = [space.sample_configuration() for _ in range(request.size)]
        if not request.history:
            drawn[0] = space.get_default_configuration()
        return [Proposal(configuration) for configuration in drawn]

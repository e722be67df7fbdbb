"""Random search (Bergstra and Bengio 2012): the peer that every optimizer has to beat."""

from workflow_scripts.sweeps.optimizers.base import EqualRounds, Proposal, Request
from workflow_scripts.workflow.seeds import derive_seed


class Random(EqualRounds):
    """Draws from the priors; the very first trial is the default configuration."""

    def propose(self, request: Request) -> list[Proposal]:
        """Return random configurations."""
        from workflow_scripts.sweeps.search_space import distinct

        space, start = request.space, []
        space.seed(derive_seed(request.seed, "random", request.number))
        draws = iter(space.sample_configuration, None)
        if not request.history:
            start = [space.get_default_configuration()]
            next(draws)  # in whose place it stands
        return [Proposal(configuration) for configuration in distinct(space, draws, request.size, start, request.taken)]

"""Random search (Bergstra and Bengio 2012): the peer that every optimizer has to beat."""

from collections.abc import Sequence

from ConfigSpace import Configuration, ConfigurationSpace

from workflow_scripts.sweeps.history import Score
from workflow_scripts.workflow.seeds import derive_seed


def propose(
    space: ConfigurationSpace, history: Sequence[Score], round_: int, size: int, seed: int
) -> list[Configuration]:
    """Return ``size`` random configurations of a round, drawn from the priors; the very first trial is the default."""
    space.seed(derive_seed(seed, "random", round_))
    drawn = [space.sample_configuration() for _ in range(size)]
    return drawn if history else [space.get_default_configuration(), *drawn[1:]]

"""The first trials of a sweep: the default configuration and scrambled Sobol points."""

from collections.abc import Iterator

from ConfigSpace import Configuration, ConfigurationSpace
from scipy.stats import qmc

from workflow_scripts.sweeps.optimizers.base import Request
from workflow_scripts.sweeps.search_space import distinct, from_unit, is_forbidden
from workflow_scripts.workflow.seeds import derive_seed


def remaining_design(request: Request, initial_design: int) -> list[Configuration]:
    """Return what a round still takes of the initial design, which a first round is filled with."""
    count = initial_design if request.history else max(initial_design, request.size)
    return initial_points(request.space, count, request.seed)[request.fresh :][: request.size]


def initial_points(space: ConfigurationSpace, count: int, seed: int) -> list[Configuration]:
    """Return the default configuration and ``count - 1`` scrambled Sobol points of the priors that the space allows."""
    return distinct(space, _sobol_points(space, seed), count, [space.get_default_configuration()])


def _sobol_points(space: ConfigurationSpace, seed: int) -> Iterator[Configuration]:
    default = dict(space.get_default_configuration())
    hyperparameters = [hyperparameter for hyperparameter in space.values() if hyperparameter.size != 1]
    sobol = qmc.Sobol(max(1, len(hyperparameters)), seed=derive_seed(seed, "initial"))
    while True:
        units = zip(hyperparameters, sobol.random(1)[0], strict=False)
        values = default | {hyperparameter.name: from_unit(hyperparameter, number) for hyperparameter, number in units}
        if not is_forbidden(space, values):
            yield Configuration(space, values=values)

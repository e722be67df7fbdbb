"""SMAC's random forest or Gaussian process as a function of the trials so far (Lindauer et al. 2022, JMLR 23:54).

SMAC's facade (HyperparameterOptimizationFacade, BlackBoxFacade) is built anew for every round, told the history, asked
for one configuration, told the mean cost for it (a constant liar, so that the next one differs), and thrown away with
the lies. So a round is a function of its inputs; it is not the trajectory of one live SMAC, whose model survives from
ask to ask.
"""

import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from scipy.stats import qmc
from smac import BlackBoxFacade, HyperparameterOptimizationFacade, Scenario
from smac.acquisition.function import PriorAcquisitionFunction
from smac.acquisition.maximizer import LocalAndSortedRandomSearch
from smac.acquisition.maximizer.local_search import LocalSearch
from smac.main.config_selector import ConfigSelector
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from workflow_scripts.sweeps.history import Score, costs
from workflow_scripts.sweeps.search_space import from_unit, has_prior
from workflow_scripts.workflow.seeds import derive_seed

DETERMINISTIC_SEED = 209652396  # SMAC's name for "this target is deterministic"
CHALLENGERS = {"forest": 10_000, "gp": 1000}  # as the facades have it
MOST_LEAVES = 4096  # a tree reserves memory for its most leaves: for SMAC's million, half of a round's time went there
GP_RESTARTS = 3  # of the search for its hyperparameters; SMAC's 10, for every proposal, take half of a round's time
PRIOR_DECAY = 5.0  # trials after which a prior begins to fade, a tenth of a sweep of fifty (Hvarfner et al. 2022, piBO)
Model = Literal["forest", "gp"]
FACADES = {"forest": HyperparameterOptimizationFacade, "gp": BlackBoxFacade}


def propose(
    space: ConfigurationSpace,
    history: Sequence[Score],
    round_: int,
    size: int,
    seed: int,
    initial_design: int,
    model: Model = "forest",
) -> list[Configuration]:
    """Return ``size`` configurations for a round: the rest of the initial design first, then SMAC's.

    Args:
        space: the search space.
        history: every trial of the rounds before, in the order of proposal.
        round_: number of this round.
        size: configurations to propose.
        seed: the sweep's seed.
        initial_design: size of the initial design: the default configuration and Sobol points.
        model: SMAC's random forest or its Gaussian process.

    Raises:
        ValueError: no trial of the history has a score.

    """
    start = remaining_design(space, history, size, seed, initial_design)
    if len(start) == size:
        return start
    told = list(
        zip([Configuration(space, values=score.configuration) for score in history], costs(history), strict=True)
    )
    lie = float(np.mean([cost for _, cost in told]))
    proposals = list(start)
    warnings.filterwarnings("ignore", module="smac")
    logging.getLogger("smac").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        facade = _facade(space, derive_seed(seed, "smac", round_), Path(folder), model, initial_design)
        for configuration, cost in [*told, *((configuration, lie) for configuration in start)]:
            _tell(facade, configuration, cost)
        while len(proposals) < size:
            proposals.append(facade.ask().config)
            _tell(facade, proposals[-1], lie)
    return proposals


def remaining_design(
    space: ConfigurationSpace, history: Sequence[Score], size: int, seed: int, initial_design: int
) -> list[Configuration]:
    """Return what a round of ``size`` still takes of the initial design, which a first round is filled with."""
    count = initial_design if history else max(initial_design, size)
    return initial_points(space, count, seed)[len(history) :][:size]


def initial_points(space: ConfigurationSpace, count: int, seed: int) -> list[Configuration]:
    """Return the default configuration and ``count - 1`` scrambled Sobol points of the priors that the space allows."""
    points = [space.get_default_configuration()]
    hyperparameters = [hyperparameter for hyperparameter in space.values() if hyperparameter.size != 1]
    sobol = qmc.Sobol(max(1, len(hyperparameters)), seed=derive_seed(seed, "initial"))
    while len(points) < count:
        unit = sobol.random(1)[0]
        values = {
            **dict(points[0]),
            **{
                hyperparameter.name: from_unit(hyperparameter, number)
                for hyperparameter, number in zip(hyperparameters, unit, strict=False)
            },
        }
        if not any(clause.is_forbidden_value(values) for clause in space.forbidden_clauses):
            points.append(Configuration(space, values=values))
    return points


class UnsavedScenario(Scenario):  # type: ignore[misc]
    """SMAC writes its scenario to the folder that is thrown away, and cannot write our forbidden clause."""

    def save(self) -> None:
        """Make the folder that SMAC expects, and write nothing."""
        self.output_directory.mkdir(parents=True, exist_ok=True)


class _ReproducibleLocalSearch(LocalSearch):  # type: ignore[misc]
    """SMAC starts local searches from a set, whose order changes from process to process."""

    def _get_init_points_from_previous_configs(self, *args: Any, **kwargs: Any) -> list[Configuration]:
        points = super()._get_init_points_from_previous_configs(*args, **kwargs)
        return sorted(points, key=lambda point: tuple(point.get_array()))


def _facade(
    space: ConfigurationSpace, seed: int, folder: Path, kind: Model, initial_design: int
) -> HyperparameterOptimizationFacade | BlackBoxFacade:
    facade = FACADES[kind]
    scenario = UnsavedScenario(space, deterministic=True, n_trials=10**6, seed=seed, output_directory=folder)
    model = facade.get_model(scenario)
    if kind == "forest":
        model._rf_opts |= {"n_jobs": 1, "max_leaf_nodes": MOST_LEAVES}
    else:
        model._n_restarts = GP_RESTARTS
    maximizer = LocalAndSortedRandomSearch(space, challengers=CHALLENGERS[kind], local_search_iterations=10, seed=seed)
    maximizer._local_search.__class__ = _ReproducibleLocalSearch
    acquisition = facade.get_acquisition_function(scenario)
    if any(map(has_prior, space.values())):
        acquisition = PriorAcquisitionFunction(acquisition, decay_beta=PRIOR_DECAY, discretize=kind == "forest")
        # The facade is new in every round: without this each would be the first after the initial design.
        acquisition._initial_design_size = initial_design
    return facade(
        scenario,
        None,
        model=model,
        acquisition_function=acquisition,
        acquisition_maximizer=maximizer,
        initial_design=facade.get_initial_design(scenario, n_configs=0),
        intensifier=facade.get_intensifier(scenario, max_config_calls=1),
        config_selector=ConfigSelector(scenario, retrain_after=1),
        overwrite=True,
        logging_level=False,
    )


def _tell(facade: HyperparameterOptimizationFacade | BlackBoxFacade, configuration: Configuration, cost: float) -> None:
    facade.tell(TrialInfo(configuration, seed=DETERMINISTIC_SEED), TrialValue(cost=cost), save=False)

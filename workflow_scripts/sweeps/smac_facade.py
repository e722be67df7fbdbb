"""SMAC's random forest or Gaussian process as a function of the trials so far (Lindauer et al. 2022, JMLR 23:54).

SMAC's facade (HyperparameterOptimizationFacade, BlackBoxFacade) is built anew for every round, told the history, asked
for one configuration, told the mean cost for it (a constant liar, so that the next one differs), and thrown away with
the lies. So a round is a function of its inputs; it is not the trajectory of one live SMAC, whose model survives from
ask to ask.
"""

import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from smac import BlackBoxFacade, HyperparameterOptimizationFacade, Scenario
from smac.acquisition.function import PriorAcquisitionFunction
from smac.acquisition.maximizer import LocalAndSortedRandomSearch
from smac.acquisition.maximizer.local_search import LocalSearch
from smac.main.config_selector import ConfigSelector
from smac.main.exceptions import ConfigurationSpaceExhaustedException
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from workflow_scripts.sweeps.designs import remaining_design
from workflow_scripts.sweeps.history import costs
from workflow_scripts.sweeps.optimizers.base import Request
from workflow_scripts.sweeps.search_space import distinct, has_prior
from workflow_scripts.workflow.seeds import derive_seed

DETERMINISTIC_SEED = 209652396  # SMAC's name for "this target is deterministic"
CHALLENGERS = {"forest": 10_000, "gp": 1000}  # as the facades have it
MOST_LEAVES = 4096  # a tree reserves memory for its most leaves: for SMAC's million, half of a round's time went there
GP_RESTARTS = 3  # of the search for its hyperparameters; SMAC's 10, for every proposal, take half of a round's time
PRIOR_DECAY = 5.0  # trials after which a prior begins to fade, a tenth of a sweep of fifty (Hvarfner et al. 2022, piBO)
Model = Literal["forest", "gp"]
FACADES = {"forest": HyperparameterOptimizationFacade, "gp": BlackBoxFacade}


def propose(request: Request, initial_design: int, model: Model) -> list[Configuration]:
    """Return the configurations of a round: the rest of the initial design first, then SMAC's.

    Args:
        request: what the round is a function of.
        initial_design: size of the initial design.
        model: SMAC's random forest or its Gaussian process.

    Raises:
        ValueError: no trial of the history has a score.

    """
    space, history = request.space, request.history
    start = remaining_design(request, initial_design)
    if len(start) == request.size:
        return start
    told = list(
        zip([Configuration(space, values=score.configuration) for score in history], costs(history), strict=True)
    )
    lie = float(np.mean([cost for _, cost in told]))
    proposals = list(start)
    warnings.filterwarnings("ignore", module="smac")
    logging.getLogger("smac").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        facade = _facade(space, derive_seed(request.seed, "smac", request.number), Path(folder), model, initial_design)
        for configuration, cost in [*told, *((configuration, lie) for configuration in start)]:
            _tell(facade, configuration, cost)
        while len(proposals) < request.size:
            try:
                proposals.append(facade.ask().config)
            except ConfigurationSpaceExhaustedException:  # it draws sixteen points that it knows, and gives up
                return distinct(space, iter(space.sample_configuration, None), request.size, proposals, request.taken)
            _tell(facade, proposals[-1], lie)
    return proposals


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


class _SelectorOfOnePrediction(ConfigSelector):  # type: ignore[misc]
    """SMAC asks its model for the value of one trial after the other: most of a round after a thousand of them."""

    def _get_x_best(self, X: np.ndarray) -> tuple[np.ndarray, float]:
        predicted = self._model.predict_marginalized(X)[0][:, 0]
        best = int(np.argmin(predicted))
        return X[best], predicted[best]


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
        config_selector=_SelectorOfOnePrediction(scenario, retrain_after=1),
        overwrite=True,
        logging_level=False,
    )


def _tell(facade: HyperparameterOptimizationFacade | BlackBoxFacade, configuration: Configuration, cost: float) -> None:
    facade.tell(TrialInfo(configuration, seed=DETERMINISTIC_SEED), TrialValue(cost=cost), save=False)

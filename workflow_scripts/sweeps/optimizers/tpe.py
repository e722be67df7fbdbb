"""Optuna's multivariate TPE (Bergstra et al. 2011; Falkner et al. 2018), told of the trials so far."""

from collections.abc import Sequence
from typing import Any

import optuna
from ConfigSpace import Configuration, ConfigurationSpace
from ConfigSpace.hyperparameters import CategoricalHyperparameter, Constant, Hyperparameter, IntegerHyperparameter
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler

from workflow_scripts.sweeps.history import Score, costs
from workflow_scripts.sweeps.optimizers.smac import remaining_design
from workflow_scripts.workflow.seeds import derive_seed


def propose(
    space: ConfigurationSpace, history: Sequence[Score], round_: int, size: int, seed: int, initial_design: int
) -> list[Configuration]:
    """Return ``size`` configurations of a round: the rest of the initial design first, then TPE's.

    Within a round each is told to the sampler as running, with a constant lie (``constant_liar``).
    """
    proposals = remaining_design(space, history, size, seed, initial_design)
    if len(proposals) == size:
        return proposals
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {name: _distribution(entry) for name, entry in space.items()}
    sampler = TPESampler(
        seed=derive_seed(seed, "tpe", round_), multivariate=True, constant_liar=True, n_startup_trials=0
    )
    study = optuna.create_study(sampler=sampler)
    for score, cost in zip(history, costs(history), strict=True):
        params = {name: score.configuration[name] for name in distributions}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=cost))
    for waiting in proposals:
        study.enqueue_trial(_plain(waiting))
        study.ask(distributions)
    while len(proposals) < size:
        trial = study.ask(distributions)
        if any(clause.is_forbidden_value(trial.params) for clause in space.forbidden_clauses):
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            proposals.append(Configuration(space, values=trial.params))
    return proposals


def _plain(configuration: Configuration) -> dict[str, Any]:
    return {name: getattr(value, "item", lambda value=value: value)() for name, value in dict(configuration).items()}


def _distribution(entry: Hyperparameter) -> BaseDistribution:
    if isinstance(entry, Constant):
        return CategoricalDistribution([entry.value])
    if isinstance(entry, CategoricalHyperparameter):
        return CategoricalDistribution(list(entry.choices))
    if isinstance(entry, IntegerHyperparameter):
        return IntDistribution(entry.lower, entry.upper, log=entry.log)
    return FloatDistribution(entry.lower, entry.upper, log=entry.log)

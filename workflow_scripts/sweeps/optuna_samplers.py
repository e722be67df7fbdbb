"""Optuna's samplers, told of the trials so far: its multivariate TPE and its Gaussian process.

TPE: Bergstra et al. (2011), Falkner et al. (2018). The Gaussian process has a Matérn kernel with a length scale per
hyperparameter, fitted noise, and log expected improvement in batches (Ament et al. 2023); it stands where HEBO would:
HEBO's package pins numpy below 1.25, which nothing else here runs on.
"""

import warnings
from typing import Any, Literal

import optuna
from ConfigSpace import Configuration
from ConfigSpace.hyperparameters import CategoricalHyperparameter, Constant, Hyperparameter, IntegerHyperparameter
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, GPSampler, TPESampler

from workflow_scripts.sweeps.designs import remaining_design
from workflow_scripts.sweeps.history import costs, identity
from workflow_scripts.sweeps.optimizers.base import Request
from workflow_scripts.sweeps.search_space import REPEATS, allowed, is_forbidden, to_dict
from workflow_scripts.workflow.seeds import derive_seed

Sampler = Literal["tpe", "gp"]
# The Gaussian process goes through all values of a whole number: of one with more it sees a float, which is rounded.
MOST_WHOLE = 2**17


def propose(request: Request, initial_design: int, sampler: Sampler) -> list[Configuration]:
    """Return the configurations of a round: the rest of the initial design first, then the sampler's.

    Within a round each is told to the sampler as running: TPE takes a constant lie for it, the Gaussian process
    integrates over what it may score.
    """
    space, history = request.space, request.history
    proposals = remaining_design(request, initial_design)
    if len(proposals) == request.size:
        return proposals
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    distributions = {name: _distribution(entry) for name, entry in space.items()}
    study = optuna.create_study(sampler=_sampler(sampler, derive_seed(request.seed, sampler, request.number)))
    for score, cost in zip(history, costs(history), strict=True):
        params = {name: score.configuration[name] for name in distributions}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=cost))
    for waiting in proposals:
        study.enqueue_trial(_plain(waiting))
        study.ask(distributions)
    repeats, taken = 0, {*request.taken, *(identity(to_dict(each)) for each in proposals)}
    while len(proposals) < request.size:
        trial = study.ask(distributions)
        params = {name: _value(space[name], value) for name, value in trial.params.items()}
        configuration = allowed(space, params)
        # The Gaussian process would ask for the same point again.
        if is_forbidden(space, params) and sampler == "tpe":
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        elif sampler == "tpe" and repeats < REPEATS and identity(to_dict(configuration)) in taken:
            repeats += 1  # it stays told as running, which drives TPE away from it
        else:
            proposals.append(configuration)
            taken.add(identity(to_dict(configuration)))
    return proposals


def _sampler(name: Sampler, seed: int) -> BaseSampler:
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    if name == "gp":
        return GPSampler(seed=seed, n_startup_trials=0)
    return TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=0)


def _value(entry: Hyperparameter, value: Any) -> Any:
    """Return what a sampler asks for as the space has it."""
    return round(value) if isinstance(entry, IntegerHyperparameter) else value


def _plain(configuration: Configuration) -> dict[str, Any]:
    return {name: getattr(value, "item", lambda value=value: value)() for name, value in dict(configuration).items()}


def _distribution(entry: Hyperparameter) -> BaseDistribution:
    if isinstance(entry, Constant):
        return CategoricalDistribution([entry.value])
    if isinstance(entry, CategoricalHyperparameter):
        return CategoricalDistribution(list(entry.choices))
    if isinstance(entry, IntegerHyperparameter):
        if entry.size > MOST_WHOLE:
            return FloatDistribution(entry.lower, entry.upper, log=entry.log)
        return IntDistribution(entry.lower, entry.upper, log=entry.log)
    return FloatDistribution(entry.lower, entry.upper, log=entry.log)

"""A round's proposals: whichever optimizer chooses them, with what they start from and what they continue."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ConfigSpace import Configuration, ConfigurationSpace

from workflow_scripts.sweeps.history import Score, at_full_budget, rank
from workflow_scripts.sweeps.optimizers.base import Proposal
from workflow_scripts.sweeps.search_space import adapted, to_dict
from workflow_scripts.workflow.schedule import POPULATION, Round, continues


def choose(
    asked: Mapping[str, Any],
    space: ConfigurationSpace,
    history: Sequence[Score],
    rungs: Sequence[Round],
    warm: Sequence[Score] = (),
) -> list[Proposal]:
    """Return the trials of the last round: their configurations, and the trials that they continue.

    Args:
        asked: the sweep's settings.
        space: the search space.
        history: every trial of the rounds before, in the order of proposal.
        rungs: all rounds up to the one to propose.
        warm: trials of another sweep, whose best the first round starts from.

    Raises:
        ValueError: no trial of the history has a score.

    """
    if asked["optimizer"] in POPULATION:
        from workflow_scripts.sweeps.optimizers import population

        number, size = len(rungs) - 1, rungs[-1].size
        proposals = population.propose(
            space, history, number, size, asked["seed"], asked["quantile"], asked["optimizer"]
        )
    else:
        proposals = [Proposal(configuration) for configuration in _configurations(asked, space, history, rungs)]
        if continues(asked):
            proposals = [replace(each, parent=same_below(each.configuration, history, rungs)) for each in proposals]
    if warm and not history:
        start = warm_start(space, warm, asked["warm_start"]["top"])
        proposals[: len(start)] = [Proposal(configuration) for configuration in start]
    return proposals


def warm_start(space: ConfigurationSpace, warm: Sequence[Score], top: int) -> list[Configuration]:
    """Return the default configuration and the ``top`` best of another sweep's trials, moved into the space.

    A hyperparameter that the other sweep does not have keeps its default; a number outside the bounds moves to them.
    """
    best = [score for score in rank(at_full_budget(warm)) if score.status == "ok"]
    start = [space.get_default_configuration()]
    for score in best:
        configuration = adapted(space, score.configuration)
        if configuration not in start and len(start) <= top:
            start.append(configuration)
    return start


def same_below(configuration: Configuration, history: Sequence[Score], rungs: Sequence[Round]) -> int | None:
    """Return the place of the trial on the rung below that had this configuration, and finished; none if there is none.

    What DEHB proposes on a higher rung may be new: it then starts anew.
    """
    number = len(rungs) - 1
    if not number or rungs[-1].fidelity <= rungs[-2].fidelity:
        return None
    values = to_dict(configuration)
    below = [score for score in history if score.round == number - 1 and score.status != "failed"]
    return next((score.trial for score in below if score.configuration == values), None)


def _configurations(
    asked: Mapping[str, Any], space: ConfigurationSpace, history: Sequence[Score], rungs: Sequence[Round]
) -> list[Configuration]:
    """Return the configurations of the last round; an optimizer is imported where it is asked for."""
    optimizer, seed, number, size = asked["optimizer"], asked["seed"], len(rungs) - 1, rungs[-1].size
    match optimizer:
        case "smac" | "smac_gp":
            from workflow_scripts.sweeps.optimizers import smac

            model: smac.Model = "gp" if optimizer == "smac_gp" else "forest"
            return smac.propose(space, history, number, size, seed, asked["initial_design"], model)
        case "smac_hyperband":
            from workflow_scripts.sweeps.optimizers import smac_hyperband

            return smac_hyperband.propose(space, history, rungs, seed, asked["initial_design"])
        case "dehb":
            from workflow_scripts.sweeps.optimizers import dehb

            by_runs = asked.get("fidelity") == "runs"
            laid = [(rung.size, rung.runs if by_runs else rung.budget) for rung in rungs]
            return dehb.propose(space, history, laid, seed, asked["eta"], asked["runs" if by_runs else "budget"])
        case "tpe" | "optuna_gp":
            from workflow_scripts.sweeps.optimizers import optuna_samplers

            sampler: optuna_samplers.Sampler = "gp" if optimizer == "optuna_gp" else "tpe"
            return optuna_samplers.propose(space, history, number, size, seed, asked["initial_design"], sampler)
        case "random":
            from workflow_scripts.sweeps.optimizers import random_search

            return random_search.propose(space, history, number, size, seed)
        case "manual":
            default = dict(space.get_default_configuration())
            chosen = asked["configurations"][number * size :][:size]
            return [Configuration(space, values=default | values) for values in chosen]
    raise ValueError(f"there is no optimizer {optimizer!r}")

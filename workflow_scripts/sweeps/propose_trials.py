"""The rule propose_trials: choose a round's configurations from the scores of the rounds before."""

import hashlib
import json
from pathlib import Path
from typing import Any

import tyro
from ConfigSpace import Configuration, ConfigurationSpace

from workflow_scripts.sweeps.history import Score, read_score
from workflow_scripts.sweeps.optimizers import population, random_search, smac
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.files import write_json, write_text
from workflow_scripts.workflow.jobs import start_job
from workflow_scripts.workflow.schedule import POPULATION, Round, schedule
from workflow_scripts.workflow.settings import ON_POLICY


def propose_trials(sweep: str, number: int, settings: str, folder: Path, scores: tuple[Path, ...] = ()) -> None:
    """Write a round's configurations, and last the manifest that makes them a decision.

    Args:
        sweep: name of the sweep.
        number: number of the round.
        settings: JSON of the sweep's agent, market, optimizer, sizes, budget, seed and search space.
        folder: the round's folder; receives trial_{trial}/config.yaml and proposals.json.
        scores: score.json of every trial of the rounds before, in the order of proposal.

    """
    log = start_job("propose_trials")
    asked = json.loads(settings)
    history = [read_score(path) for path in scores]
    space = build_space(asked["search_space"], on_policy=asked["agent"] in ON_POLICY)
    rungs = schedule({**asked, "rounds": number + 1})
    proposals = choose(asked, space, history, rungs)
    before = {score.trial: score for score in history if score.round == number - 1}
    texts = []
    for place, proposal in enumerate(proposals):
        parent = None if proposal.parent is None else before[proposal.parent]
        phases = [] if parent is None else [*parent.phases, _phase(parent)]
        values = to_dict(proposal.configuration)
        trial = Trial(sweep, asked["agent"], number, place, rungs[-1].budget, values, proposal.parent, phases)
        texts.append(trial.to_yaml())
        write_text(folder / f"trial_{place}" / "config.yaml", texts[-1])
        log.info(f"{sweep} round={number} trial={place} parent={proposal.parent} {json.dumps(values)}")
    write_json(
        folder / "proposals.json",
        {
            "sweep": sweep,
            "round": number,
            "settings": asked,
            "trials": [{"config": text, "sha256": hashlib.sha256(text.encode()).hexdigest()} for text in texts],
        },
    )


def _phase(parent: Score) -> dict[str, Any]:
    return {"budget": parent.budget, "configuration": parent.configuration}


def choose(
    asked: dict[str, Any], space: ConfigurationSpace, history: list[Score], rungs: list[Round]
) -> list[population.Member]:
    """Return the trials of the last round: their configurations, and the trials that they continue.

    Args:
        asked: the sweep's settings.
        space: the search space.
        history: every trial of the rounds before, in the order of proposal.
        rungs: all rounds up to the one to propose.

    """
    if asked["optimizer"] in POPULATION:
        number, size = len(rungs) - 1, rungs[-1].size
        return population.propose(space, history, number, size, asked["seed"], asked["quantile"], asked["optimizer"])
    return [population.Member(chosen, None) for chosen in _propose(asked, space, history, rungs)]


def _propose(
    asked: dict[str, Any], space: ConfigurationSpace, history: list[Score], rungs: list[Round]
) -> list[Configuration]:
    """Return the configurations of the last round; an optimizer is imported where it is asked for."""
    optimizer, seed, number, size = asked["optimizer"], asked["seed"], len(rungs) - 1, rungs[-1].size
    match optimizer:
        case "smac" | "smac_gp":
            model: smac.Model = "gp" if optimizer == "smac_gp" else "forest"
            return smac.propose(space, history, number, size, seed, asked["initial_design"], model)
        case "smac_hyperband":
            from workflow_scripts.sweeps.optimizers import smac_hyperband

            return smac_hyperband.propose(space, history, rungs, seed, asked["initial_design"])
        case "dehb":
            from workflow_scripts.sweeps.optimizers import dehb

            return dehb.propose(space, history, rungs, seed, asked["eta"], asked["budget"])
        case "tpe":
            from workflow_scripts.sweeps.optimizers import tpe

            return tpe.propose(space, history, number, size, seed, asked["initial_design"])
        case "random":
            return random_search.propose(space, history, number, size, seed)
        case "manual":
            default = dict(space.get_default_configuration())
            chosen = asked["configurations"][number * size :][:size]
            return [Configuration(space, values=default | values) for values in chosen]
    raise ValueError(f"there is no optimizer {optimizer!r}")


if __name__ == "__main__":
    tyro.cli(propose_trials)

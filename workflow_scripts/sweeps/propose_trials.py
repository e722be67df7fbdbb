"""The rule propose_trials: choose a round's configurations from the scores of the rounds before."""

import hashlib
import json
from pathlib import Path
from typing import Any

from workflow_scripts.sweeps.history import Score
from workflow_scripts.sweeps.objectives import read_scores
from workflow_scripts.sweeps.optimizers.base import PACKAGE, Optimizer, Request
from workflow_scripts.sweeps.proposals import choose
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.agents.base import PACKAGE as AGENTS
from workflow_scripts.training.agents.base import Agent
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.files import write_json, write_text
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.registry import find
from workflow_scripts.workflow.time_limits import time_limit

# Keys of --settings that are the sweep's; all others are the optimizer's.
OF_THE_SWEEP = (
    "agent",
    "control",
    "market",
    "objective",
    "optimizer",
    "runs",
    "search_space",
    "seed",
    "test_start",
    "warm_start",
)


def propose_trials(
    sweep: str,
    number: int,
    settings: str,
    folder: Path,
    scores: tuple[Path, ...] = (),
    warm_scores: tuple[Path, ...] = (),
    limit_minutes: float = 30.0,
) -> None:
    """Write a round's configurations, and last the manifest that makes them a decision.

    Args:
        sweep: name of the sweep.
        number: number of the round.
        settings: JSON of the sweep's agent, market, optimizer, seed and search space, and of the optimizer's keys.
        folder: the round's folder; receives trial_{trial}/config.yaml and proposals.json.
        scores: score.json of every trial of the rounds before, in the order of proposal.
        warm_scores: score.json of every trial of the sweep that the first round starts from.
        limit_minutes: wall minutes after which the proposal is given up.

    """
    log = start_job("propose_trials")
    asked = json.loads(settings)
    kind: type[Optimizer] = find(PACKAGE, asked["optimizer"], Optimizer)
    optimizer = kind.of({key: value for key, value in asked.items() if key not in OF_THE_SWEEP})
    agent: type[Agent] = find(AGENTS, asked["agent"], Agent)
    runs = asked.get("runs", 1)
    request = Request(
        space=build_space(asked["search_space"], agent),
        history=read_scores(scores),
        rounds=optimizer.schedule(number + 1, runs),
        seed=asked["seed"],
        fixed=agent.fixed,
        runs=runs,
    )
    budget = request.rounds[-1].budget
    top = asked.get("warm_start", {}).get("top", 0)
    warm = read_scores(warm_scores)
    late = (
        f"{asked['optimizer']} had not proposed round {number} of {sweep} after {limit_minutes:g} minutes: lower the "
        "bounds of its whole numbers, or the share of the search space that leaves no update, or raise proposal_minutes"
    )
    with time_limit(limit_minutes, late):
        proposals = choose(optimizer, request, warm, top)
    before = {score.trial: score for score in request.last}
    texts = []
    for place, proposal in enumerate(proposals):
        parent = None if proposal.parent is None else before[proposal.parent]
        phases = [] if parent is None else [*parent.phases, _phase(parent)]
        phases = [phase for phase in phases if phase["budget"] < budget]
        values = to_dict(proposal.configuration)
        trial = Trial(sweep, asked["agent"], number, place, budget, values, proposal.parent, phases)
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


if __name__ == "__main__":
    command_line(propose_trials)

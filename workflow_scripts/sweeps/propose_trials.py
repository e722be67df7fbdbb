"""The rule propose_trials: choose a round's configurations from the scores of the rounds before."""

import hashlib
import json
from pathlib import Path

import tyro

from workflow_scripts.sweeps.history import read_score
from workflow_scripts.sweeps.optimizers import smac
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.files import write_json, write_text
from workflow_scripts.workflow.jobs import start_job
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
    proposals = smac.propose(
        build_space(asked["search_space"], on_policy=asked["agent"] in ON_POLICY),
        history,
        number,
        asked["round_size"],
        asked["seed"],
        asked["initial_design"],
    )
    texts = [
        Trial(sweep, asked["agent"], number, place, asked["budget"], to_dict(configuration)).to_yaml()
        for place, configuration in enumerate(proposals)
    ]
    for place, text in enumerate(texts):
        write_text(folder / f"trial_{place}" / "config.yaml", text)
        log.info(f"{sweep} round={number} trial={place} {json.dumps(to_dict(proposals[place]))}")
    write_json(
        folder / "proposals.json",
        {
            "sweep": sweep,
            "round": number,
            "settings": asked,
            "trials": [{"config": text, "sha256": hashlib.sha256(text.encode()).hexdigest()} for text in texts],
        },
    )


if __name__ == "__main__":
    tyro.cli(propose_trials)

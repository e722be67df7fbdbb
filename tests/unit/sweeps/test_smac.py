import json
import subprocess
import sys

import pytest
import yaml

from workflow_scripts.sweeps import smac_facade
from workflow_scripts.sweeps.designs import initial_points
from workflow_scripts.sweeps.history import Score
from workflow_scripts.sweeps.optimizers.base import Request
from workflow_scripts.sweeps.optimizers.smac import Smac
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.agents.ppo import PPO

SPACE = {
    "learning_rate": {"type": "float", "lower": 1e-5, "upper": 1e-3, "log": True, "default": 3e-4},
    "gamma": {"type": "float", "lower": 0.9, "upper": 0.99, "log": False, "default": 0.95},
    "net_dims_0": {"type": "int", "lower": 16, "upper": 256, "log": True, "default": 64},
}


def judged(configurations, status="ok"):
    return [
        Score(
            "toy", 0, place, 1, status, status, -abs(values["gamma"] - 0.93) if status == "ok" else None, None, values
        )
        for place, values in enumerate(map(to_dict, configurations))
    ]


def propose(space, history, round_, size, seed, initial_design):
    optimizer = Smac(round_size=size, initial_design=initial_design)
    request = Request(space, history, optimizer.schedule(round_ + 1, 1), seed)
    return [proposal.configuration for proposal in optimizer.propose(request)]


def test_the_first_trial_is_the_default_configuration():
    first = propose(build_space(SPACE, PPO), [], 0, 3, seed=0, initial_design=5)
    assert to_dict(first[0]) == {"gamma": 0.95, "learning_rate": 3e-4, "net_dims_0": 64}
    assert len({json.dumps(to_dict(configuration)) for configuration in first}) == 3


def test_the_initial_design_goes_on_where_the_last_round_stopped():
    space = build_space(SPACE, PPO)
    points = initial_points(space, 5, seed=0)
    history = judged(points[:3])
    second = propose(space, history, 1, 3, seed=0, initial_design=5)
    assert second[:2] == points[3:]
    assert second[2] not in points


@pytest.mark.parametrize("model", smac_facade.FACADES)
def test_all_trials_valued_at_once_give_the_proposals_of_smac_itself(monkeypatch, model):
    space = build_space(SPACE, PPO)
    history = judged(initial_points(space, 12, seed=0))
    request = Request(space, history, Smac(round_size=2).schedule(7, 1), 0)
    at_once = smac_facade.propose(request, 5, model)
    monkeypatch.setattr(smac_facade, "_SelectorOfOnePrediction", smac_facade.ConfigSelector)
    assert smac_facade.propose(request, 5, model) == at_once


def test_a_batch_holds_distinct_configurations_near_the_better_half():
    space = build_space(SPACE, PPO)
    history = judged(initial_points(space, 12, seed=0))
    batch = propose(space, history, 3, 4, seed=0, initial_design=5)
    assert len({json.dumps(to_dict(configuration)) for configuration in batch}) == 4
    known = {json.dumps(score.configuration) for score in history}
    assert not known & {json.dumps(to_dict(configuration)) for configuration in batch}


def test_the_bound_on_leaves_that_saves_memory_changes_no_proposal(monkeypatch):
    space = build_space(SPACE, PPO)
    history = judged(initial_points(space, 40, seed=0))
    bounded = propose(space, history, 8, 2, seed=0, initial_design=5)
    monkeypatch.setattr(smac_facade, "MOST_LEAVES", 2**20)
    assert propose(space, history, 8, 2, seed=0, initial_design=5) == bounded


def test_other_rounds_and_seeds_draw_other_candidates():
    space = build_space(SPACE, PPO)
    history = judged(initial_points(space, 6, seed=0))
    draws = [propose(space, history, round_, 1, seed, 5)[0] for round_, seed in ((2, 0), (3, 0), (2, 1))]
    assert len({json.dumps(to_dict(configuration)) for configuration in draws}) == 3


def test_failed_trials_are_told_and_a_history_of_nothing_else_is_refused():
    space = build_space(SPACE, PPO)
    points = initial_points(space, 6, seed=0)
    mixed = judged(points[:4]) + judged(points[4:], status="failed")
    assert len(propose(space, mixed, 2, 2, seed=0, initial_design=5)) == 2
    with pytest.raises(ValueError, match="none of 6 trials of toy has a score; most often: failed"):
        propose(space, judged(points, status="failed"), 2, 2, seed=0, initial_design=5)


def test_proposals_are_byte_identical_in_processes_with_other_hash_seeds(tmp_path):
    space = build_space(SPACE, PPO)
    scores = []
    for score in judged(initial_points(space, 6, seed=0)):
        path = tmp_path / f"score_{score.trial}.json"
        path.write_text(json.dumps(vars(score)))
        scores.append(str(path))
    settings = {
        "agent": "ppo",
        "optimizer": "smac",
        "budget": 1,
        "seed": 0,
        "round_size": 2,
        "initial_design": 5,
        "search_space": SPACE,
    }
    written = []
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        subprocess.run(
            [
                sys.executable,
                "-m",
                "workflow_scripts.sweeps.propose_trials",
                "--sweep=toy",
                "--number=1",
                f"--settings={json.dumps(settings)}",
                f"--folder={folder}",
                "--scores",
                *scores,
            ],
            check=True,
            capture_output=True,
            env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
        )
        written.append((folder / "proposals.json").read_bytes())
    assert written[0] == written[1]
    manifest = json.loads(written[0])
    assert yaml.safe_load(manifest["trials"][1]["config"])["trial"] == 1

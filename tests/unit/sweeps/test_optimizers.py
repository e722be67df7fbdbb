"""What every optimizer must do as a function of the trials so far; smac's own tests are in test_smac.py."""

import json
from dataclasses import replace

import pytest
from ConfigSpace import Configuration
from dehb import DEHB

from workflow_scripts.sweeps.history import Score
from workflow_scripts.sweeps.optimizers import dehb, optuna_samplers, random_search, smac, smac_hyperband
from workflow_scripts.sweeps.propose_trials import propose_trials
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.workflow.schedule import Round, hyperband, schedule
from workflow_scripts.workflow.settings import OPTIMIZERS

SPACE = {
    "learning_rate": {"type": "float", "lower": 1e-5, "upper": 1e-3, "log": True, "default": 3e-4},
    "batch_size": {"type": "int", "lower": 16, "upper": 256, "log": True, "default": 64},
    "horizon_len": {"type": "int", "lower": 16, "upper": 256, "log": True, "default": 64},
    "repeat_times": {"type": "constant", "default": 2},
    "activation": {"type": "categorical", "choices": ["relu", "tanh"], "default": "relu"},
}
LAID = hyperband(10, 90, 3, 7)
RUNGS = [Round(size, budget, 1) for size, budget in LAID]


def judged(configurations, round_=0, budget=90, status="ok"):
    """Trials that score best where the learning rate is high."""
    return [
        Score(
            sweep="toy",
            round=round_,
            trial=trial,
            budget=budget,
            status=status,
            reason=None if status == "ok" else status,
            score=1e3 * configuration["learning_rate"] if status == "ok" else None,
            standard_error=None,
            configuration=to_dict(configuration),
        )
        for trial, configuration in enumerate(configurations)
    ]


def ask(optimizer, history, number, size=3, seed=0):
    space = build_space(SPACE)
    rungs = RUNGS[: number + 1]
    return {
        "smac_gp": lambda: smac.propose(space, history, number, size, seed, 3, "gp"),
        "smac_hyperband": lambda: smac_hyperband.propose(space, history, rungs, seed, 3),
        "dehb": lambda: dehb.propose(space, history, LAID[: number + 1], seed, 3, 90),
        "tpe": lambda: optuna_samplers.propose(space, history, number, size, seed, 3),
        "optuna_gp": lambda: optuna_samplers.propose(space, history, number, size, seed, 3, "gp"),
        "random": lambda: random_search.propose(space, history, number, size, seed),
    }[optimizer]()


def play(optimizer, rounds, seed=0):
    history, asked = [], []
    for number in range(rounds):
        asked.append(ask(optimizer, history, number, seed=seed))
        budget = RUNGS[number].budget if optimizer in ("dehb", "smac_hyperband") else 90
        history += judged(asked[-1], number, budget)
    return asked


@pytest.mark.parametrize("optimizer", ["smac_gp", "smac_hyperband", "dehb", "tpe", "optuna_gp", "random"])
def test_proposals_are_distinct_allowed_and_the_same_again(optimizer):
    asked = play(optimizer, 2)
    assert asked == play(optimizer, 2)
    assert asked != play(optimizer, 2, seed=1)
    for round_ in asked:
        assert len({json.dumps(to_dict(proposal)) for proposal in round_}) == len(round_)
        assert all(proposal["horizon_len"] * 2 >= proposal["batch_size"] for proposal in round_)


@pytest.mark.parametrize("optimizer", ["smac_gp", "tpe", "optuna_gp", "random", "smac_hyperband"])
def test_the_first_trial_is_the_default_configuration(optimizer):
    assert ask(optimizer, [], 0)[0] == build_space(SPACE).get_default_configuration()


@pytest.mark.parametrize("optimizer", ["smac_gp", "tpe", "optuna_gp"])
def test_a_model_goes_where_the_scores_are_better(optimizer):
    history = judged(build_space(SPACE).sample_configuration(30))
    rates = [proposal["learning_rate"] for proposal in ask(optimizer, history, 5)]
    assert sorted(rates)[1] > 5e-4


@pytest.mark.parametrize("optimizer", ["smac_gp", "tpe", "optuna_gp", "dehb", "smac_hyperband"])
def test_failed_trials_are_told_and_a_history_of_nothing_else_is_refused(optimizer):
    first = ask(optimizer, [], 0)
    low = RUNGS[0].budget
    mixed = judged(first[:-1], budget=low) + judged(first[-1:], budget=low, status="failed")
    assert len(ask(optimizer, mixed, 1)) >= 3
    if optimizer != "smac_hyperband":
        with pytest.raises(ValueError, match="has a score; most often: failed"):
            ask(optimizer, judged(first, budget=low, status="failed"), 1)


@pytest.mark.parametrize("optimizer", ["dehb", "smac_hyperband"])
def test_the_best_of_a_rung_are_promoted(optimizer):
    low, middle, high, *_ = play(optimizer, 3)
    best = sorted(low, key=lambda proposal: -proposal["learning_rate"])
    assert [len(low), len(middle), len(high)] == [9, 3, 1]
    assert {json.dumps(to_dict(proposal)) for proposal in middle} == {json.dumps(to_dict(p)) for p in best[:3]}
    assert high == best[:1]


def test_hyperbands_model_reads_the_highest_budget_that_has_enough_trials():
    configurations = build_space(SPACE).sample_configuration(9)
    history = judged(configurations, 0, 10) + judged(configurations[:3], 1, 30) + judged(configurations[:1], 2, 90)
    assert {score.budget for score in smac_hyperband.informative(history, 3)} == {30}
    assert {score.budget for score in smac_hyperband.informative(history, 4)} == {10}


def test_hyperbands_model_reads_every_configuration_where_rungs_differ_in_runs():
    configurations = build_space(SPACE).sample_configuration(9)
    low = [replace(score, runs=[{}]) for score in judged(configurations, 0, 90)]
    high = [replace(score, runs=[{}] * 3) for score in judged(configurations[:3], 1, 90)]
    assert smac_hyperband.informative(low + high, 4) == high + low[3:]


def test_dehb_proposes_what_its_own_live_loop_does(tmp_path):
    free = build_space({name: entry for name, entry in SPACE.items() if name != "repeat_times"}, seed=4)
    live = DEHB(
        cs=free,
        f=print,
        min_fidelity=10 * (1 - 1e-9),
        max_fidelity=90,
        eta=3,
        seed=4,
        n_workers=1,
        output_path=tmp_path,
        log_level="ERROR",
    )
    history = []
    for number, rung in enumerate(RUNGS):
        jobs = live.ask(rung.size)
        jobs = [jobs] if isinstance(jobs, dict) else jobs
        theirs = [Configuration(free, values=dict(job["config"])) for job in jobs]
        assert dehb.propose(free, history, LAID[: number + 1], 4, 3, 90) == theirs
        scores = judged(theirs, number, rung.budget)
        for job, score in zip(jobs, scores, strict=True):
            live.tell(job, {"fitness": -score.score, "cost": 1.0})
        history += scores


def test_dehb_goes_on_from_what_was_kept_where_its_scores_changed_since():
    kept = play("dehb", 2)
    history = judged(kept[0], 0, 10)
    changed = [Score(**{**vars(score), "score": -score.score}) for score in history] + judged(kept[1], 1, 30)
    best = max(kept[1], key=lambda proposal: proposal["learning_rate"])
    assert ask("dehb", changed, 2) == [best]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_writes_a_round(tmp_path, optimizer):
    settings = {
        "agent": "ppo",
        "market": "toy",
        "optimizer": optimizer,
        "budget": 90,
        "seed": 0,
        "round_size": 2,
        "initial_design": 3,
        "min_budget": 10,
        "eta": 3,
        "interval": 45,
        "quantile": 0.25,
        "configurations": [{"learning_rate": 2e-4}, {"batch_size": 32}],
        "search_space": SPACE,
    }
    propose_trials("toy", 0, json.dumps(settings), tmp_path)
    manifest = json.loads((tmp_path / "proposals.json").read_text())
    assert len(manifest["trials"]) == schedule({**settings, "rounds": 1}, 1)[0].size
    if optimizer == "manual":
        assert "learning_rate: 0.0002" in manifest["trials"][0]["config"]
        assert "batch_size: 32" in manifest["trials"][1]["config"]

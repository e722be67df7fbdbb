"""What every optimizer must do as a function of the trials so far; smac's own tests are in test_smac.py."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from ConfigSpace import Configuration
from dehb import DEHB

from workflow_scripts.sweeps.designs import initial_points
from workflow_scripts.sweeps.history import Score, identity
from workflow_scripts.sweeps.optimizers.base import PACKAGE, EqualRounds, Optimizer, Request
from workflow_scripts.sweeps.optimizers.smac_hyperband import informative
from workflow_scripts.sweeps.propose_trials import propose_trials
from workflow_scripts.sweeps.search_space import build_space, to_dict
from workflow_scripts.training.agents.ppo import PPO
from workflow_scripts.workflow.model import SettingError
from workflow_scripts.workflow.registry import find, names
from workflow_scripts.workflow.seeds import derive_seed

SPACE = {
    "learning_rate": {"type": "float", "lower": 1e-5, "upper": 1e-3, "log": True, "default": 3e-4},
    "batch_size": {"type": "int", "lower": 16, "upper": 256, "log": True, "default": 64},
    "horizon_len": {"type": "int", "lower": 16, "upper": 256, "log": True, "default": 64},
    "repeat_times": {"type": "constant", "default": 2},
    "activation": {"type": "categorical", "choices": ["relu", "tanh"], "default": "relu"},
}
SETTINGS = {
    "round_size": 3,
    "initial_design": 3,
    "budget": 90,
    "min_budget": 10,
    "interval": 45,
    "configurations": [{"learning_rate": 2e-4}, {"batch_size": 32}, {}],
}


def optimizer_of(name, **more):
    """An optimizer with the keys that it reads of SETTINGS."""
    kind = find(PACKAGE, name, Optimizer)
    return kind.of({key: value for key, value in (SETTINGS | more).items() if key in kind.model_fields})


RUNGS = optimizer_of("dehb").schedule(7, 1)


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


def ask(name, history, number, size=3, seed=0, space=None):
    optimizer = optimizer_of(name, round_size=size)
    space = build_space(SPACE, PPO) if space is None else space
    request = Request(space, history, optimizer.schedule(number + 1, 1), seed)
    return [proposal.configuration for proposal in optimizer.propose(request)]


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


@pytest.mark.parametrize("optimizer", ["smac", "smac_gp", "smac_hyperband", "dehb", "tpe", "optuna_gp", "random"])
def test_a_prior_on_numbers_of_every_kind_is_taken(optimizer):
    believed = {
        name: entry | {"prior_strength": 10} for name, entry in SPACE.items() if entry["type"] in ("int", "float")
    }
    space = build_space(SPACE | believed | {"epochs": SPACE["batch_size"] | {"log": False, "prior_strength": 5}}, PPO)
    history = []
    for number in range(2):
        asked = ask(optimizer, history, number, space=space)
        history += judged(asked, number, RUNGS[number].budget if optimizer in ("dehb", "smac_hyperband") else 90)
    assert all(isinstance(to_dict(each)[name], int) for each in asked for name in ("batch_size", "epochs"))


def test_random_search_takes_its_draws_as_they_come():
    """So that a sweep of an earlier version goes on as it would have."""
    space = build_space(SPACE, PPO)
    space.seed(derive_seed(0, "random", 1))
    drawn = [space.sample_configuration() for _ in range(3)]
    assert ask("random", judged(ask("random", [], 0)), 1) == drawn


SMALL = {
    "activation": {"type": "categorical", "choices": ["relu", "tanh", "gelu"], "default": "relu"},
    "layers": {"type": "int", "lower": 1, "upper": 2, "log": False, "default": 2},
}


@pytest.mark.parametrize("optimizer", ["smac", "tpe", "random"])
def test_a_round_of_a_small_space_holds_each_point_once_and_more_than_there_are_is_an_error(optimizer):
    space = build_space(SMALL, PPO)
    for seed in range(3):
        asked = ask(optimizer, [], 0, size=6, seed=seed, space=space)
        assert len({json.dumps(to_dict(proposal)) for proposal in asked}) == 6
    with pytest.raises(ValueError, match="each of the 6 configurations that there are was proposed before"):
        ask(optimizer, [], 0, size=8, space=space)


def test_tpe_proposes_no_point_twice_in_a_round_where_it_has_another():
    space = build_space(SMALL, PPO)
    history = [
        Score("toy", 0, place, 90, "ok", None, float(point["layers"]), None, to_dict(point))
        for place, point in enumerate(initial_points(space, 6, seed=0))
    ]
    asked = ask("tpe", history, 2, size=4, space=space)
    assert len({json.dumps(to_dict(proposal)) for proposal in asked}) == 4


@pytest.mark.parametrize("optimizer", ["smac_gp", "tpe", "optuna_gp", "random", "smac_hyperband"])
def test_the_first_trial_is_the_default_configuration(optimizer):
    assert ask(optimizer, [], 0)[0] == build_space(SPACE, PPO).get_default_configuration()


@pytest.mark.parametrize("optimizer", ["smac_gp", "tpe", "optuna_gp"])
def test_a_model_goes_where_the_scores_are_better(optimizer):
    history = judged(build_space(SPACE, PPO).sample_configuration(30))
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
    configurations = build_space(SPACE, PPO).sample_configuration(9)
    history = judged(configurations, 0, 10) + judged(configurations[:3], 1, 30) + judged(configurations[:1], 2, 90)
    assert {score.budget for score in informative(history, 3)} == {30}
    assert {score.budget for score in informative(history, 4)} == {10}


def test_hyperbands_model_reads_every_configuration_where_rungs_differ_in_runs():
    configurations = build_space(SPACE, PPO).sample_configuration(9)
    low = [on_folds(score, 0.0) for score in judged(configurations, 0, 90)]
    high = [on_folds(score, 0.0, 0.0, 0.0) for score in judged(configurations[:3], 1, 90)]
    assert [(each.configuration, len(each.runs)) for each in informative(low + high, 4)] == [
        (each.configuration, len(each.runs)) for each in high + low[3:]
    ]


def test_hyperbands_model_ranks_trials_of_few_runs_beside_those_of_many_however_folds_differ():
    """The first fold is easy: a trial that it alone judged seems to be better than one that all three judged."""
    configurations = build_space(SPACE, PPO).sample_configuration(9)
    low = [on_folds(score, 1.5) for score in judged(configurations, 0, 90)]
    high = [on_folds(score, 1.5, -0.5, -1.0) for score in judged(configurations[:3], 1, 90)]
    assert min(score.score for score in low) > max(score.score for score in high)
    for read in informative(low + high, 4):
        assert read.score == pytest.approx(1e3 * read.configuration["learning_rate"])


def on_folds(score, *levels):
    """A trial whose run on each fold has the fold's level beyond the trial's own score."""
    runs = [{"fold": fold, "seed": 0, "value": score.score + level} for fold, level in enumerate(levels)]
    return replace(score, runs=runs, score=score.score + sum(levels) / len(levels))


def test_hyperband_takes_its_initial_design_once_and_promotes_the_best():
    """Rungs of 3, 1 and 2 trials: what a design of 5 holds beyond the first three is proposed on the third alone."""
    optimizer = optimizer_of("smac_hyperband", min_budget=30, initial_design=5)
    rounds = optimizer.schedule(6, 1)
    assert [(rung.size, rung.budget) for rung in rounds] == [(3, 30), (1, 90), (2, 90)] * 2
    space, history = build_space(SPACE, PPO), []
    for number, rung in enumerate(rounds):
        asked = [each.configuration for each in optimizer.propose(Request(space, history, rounds[: number + 1], 0))]
        if rung.budget == 90 and rung.size == 1:
            assert to_dict(asked[0]) == max(history[-3:], key=lambda score: score.score).configuration
        elif number < 3:
            assert asked == initial_points(space, 5, 0)[(0, None, 3)[number] :][: rung.size]
        else:
            assert not {identity(to_dict(each)) for each in asked} & {identity(each.configuration) for each in history}
        history += judged(asked, number, rung.budget)


def test_dehb_lays_out_the_rungs_that_were_planned_however_they_round():
    """23 runs and eta 2 are five rungs; the lowest has 23/16 runs, of which one is left."""
    optimizer = optimizer_of("dehb", fidelity="runs", eta=2, min_runs=1)
    request = Request(build_space(SPACE, PPO), [], optimizer.schedule(1, 23), 0, runs=23)
    assert request.rounds[0].runs == 1
    assert len(optimizer.propose(request)) == request.size


def test_dehb_proposes_what_its_own_live_loop_does(tmp_path):
    free = build_space({name: entry for name, entry in SPACE.items() if name != "repeat_times"}, PPO, seed=4)
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
        assert ask("dehb", history, number, seed=4, space=free) == theirs
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


@pytest.mark.parametrize("name", names(PACKAGE))
def test_every_optimizer_writes_a_round(tmp_path, name):
    optimizer = optimizer_of(name)
    sweep = {"agent": "ppo", "market": "toy", "optimizer": name, "seed": 0, "search_space": SPACE}
    propose_trials("toy", 0, json.dumps(sweep | optimizer.decisions(6)), tmp_path)
    manifest = json.loads((tmp_path / "proposals.json").read_text())
    assert len(manifest["trials"]) == optimizer.schedule(1, 6)[0].size
    if name == "manual":
        assert "learning_rate: 0.0002" in manifest["trials"][0]["config"]
        assert "batch_size: 32" in manifest["trials"][1]["config"]


@pytest.mark.parametrize(
    ("name", "more", "decisions"),
    [
        ("smac", {}, {"round_size": 3, "initial_design": 3, "budget": 90}),
        ("smac_gp", {}, {"round_size": 3, "initial_design": 3, "budget": 90}),
        ("smac_hyperband", {}, {"eta": 3, "initial_design": 3, "budget": 90, "min_budget": 10}),
        ("dehb", {}, {"eta": 3, "budget": 90, "min_budget": 10}),
        (
            "dehb",
            {"fidelity": "runs", "min_runs": 1, "continue_training": True},
            {"eta": 3, "budget": 90, "fidelity": "runs", "min_runs": 1, "runs": 6, "continue_training": True},
        ),
        ("pbt", {}, {"round_size": 3, "interval": 45, "quantile": 0.25}),
        ("pb2", {}, {"round_size": 3, "interval": 45, "quantile": 0.25}),
        ("tpe", {}, {"round_size": 3, "initial_design": 3, "budget": 90}),
        ("optuna_gp", {}, {"round_size": 3, "initial_design": 3, "budget": 90}),
        ("random", {}, {"round_size": 3, "budget": 90}),
        ("manual", {}, {"round_size": 3, "budget": 90, "configurations": SETTINGS["configurations"]}),
    ],
)
def test_a_manifest_keeps_what_the_proposals_depend_on_and_nothing_else(name, more, decisions):
    assert optimizer_of(name, **more).decisions(6) == decisions


@pytest.mark.parametrize(
    ("name", "values", "line"),
    [
        ("random", {"initial_design": 5}, "initial_design: unknown key; there are round_size, budget"),
        ("pb2", {"interval": 9, "budget": 9}, "budget: unknown key; there are round_size, interval, quantile"),
        ("pb2", {}, "interval: is required"),
        ("pbt", {"interval": 9, "round_size": 1}, "round_size: 1 is not ≥ 2"),
        ("pbt", {"interval": 9, "quantile": 0.6}, "quantile: 0.6 is not ≤ 0.5"),
        ("dehb", {"min_budget": 9, "eta": 1}, "eta: 1 is not ≥ 2"),
        ("tpe", {"budgt": 9}, "budgt: unknown key; did you mean budget?"),
    ],
)
def test_an_optimizer_takes_its_own_keys_within_their_bounds(name, values, line):
    with pytest.raises(SettingError) as error:
        find(PACKAGE, name, Optimizer).of(values)
    assert str(error.value) == line


@pytest.mark.parametrize("name", ["smac", "tpe", "dehb", "pb2"])
@pytest.mark.parametrize("size", [1e15, 1e300])
def test_scores_of_any_size_are_told(name, size):
    optimizer, space = optimizer_of(name), build_space(SPACE, PPO)
    laid = optimizer.schedule(2, 1)
    first = [each.configuration for each in optimizer.propose(Request(space, [], laid[:1], seed=0))]
    history = [replace(score, score=size * score.score) for score in judged(first, 0, laid[0].budget)]
    assert len(optimizer.propose(Request(space, history, laid, seed=0))) == laid[1].size


def test_listed_configurations_fill_the_rounds():
    optimizer_of("manual").check(1, 6)
    with pytest.raises(SettingError, match="configurations: 3 configurations do not fill rounds 2 × round_size 3"):
        optimizer_of("manual").check(2, 6)


def test_rungs_continue_where_it_is_asked_for_and_populations_always():
    asked = [
        optimizer_of(name, continue_training=wanted).continues
        for name in ("pb2", "dehb", "smac")
        for wanted in (True, False)
    ]
    assert asked == [True, True, True, False, False, False]


def test_a_populations_budget_holds_the_intervals_before():
    assert [round_.budget for round_ in optimizer_of("pb2").schedule(3, 6)] == [45, 90, 135]


def test_the_settings_of_every_optimizer_are_read_without_what_proposes(request):
    """Snakemake's own process reads them, before every job of a remote executor."""
    show = (
        "import sys\nfrom workflow_scripts.workflow.registry import find, names\n"
        f"from {PACKAGE}.base import Optimizer\n[find('{PACKAGE}', name, Optimizer) for name in names('{PACKAGE}')]\n"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-c", show]
    read = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True, check=True).stdout
    assert f"{PACKAGE}.smac" in read.split()
    heavy = {"torch", "smac", "dehb", "optuna", "ConfigSpace", "sklearn", "scipy", "numba", "elegantrl"}
    assert heavy & set(read.split()) == set()


class First(EqualRounds):
    """Proposes the default configuration, once."""

    def propose(self, request):
        return ask("random", [], 0, 1)


def test_an_optimizer_of_the_users_is_named_by_its_class_and_has_to_fill_its_rounds(tmp_path):
    sweep = {"agent": "ppo", "market": "toy", "optimizer": f"{__name__}:First", "seed": 0, "search_space": SPACE}
    with pytest.raises(ValueError, match="First proposed 1 trials for round 0, which has 4"):
        propose_trials("toy", 0, json.dumps(sweep), tmp_path)

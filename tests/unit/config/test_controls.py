"""Controls: a sweep on markets of known truth in place of the user's, and only where they are asked for."""

import copy

import pytest

from tests.workflow.toy import CONFIG, write_config
from workflow_scripts.config.controls import asked_for
from workflow_scripts.config.model import read_config, read_controls
from workflow_scripts.workflow.flags import canonical
from workflow_scripts.workflow.model import SettingError


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = copy.deepcopy(CONFIG)
    write_config(tmp_path, config)
    del config["search_spaces"]
    laws = {"kinds": ["gaussian", "own"], "strengths": {"none": 0, "strong": 0.15}}
    config["controls"] = laws | {"markets": 2, "seed": 7, "block_days": 5}
    return config


@pytest.mark.parametrize(
    ("line", "asked"),
    [("controls", True), ("-n --cores 2 controls", True), ("--directory controls", False), ("-d controls -n", False)],
)
def test_a_folder_that_is_called_controls_asks_for_none(line, asked):
    assert asked_for(line.split()) == asked


def test_a_sweep_runs_on_every_kind_strength_and_seed_and_on_no_market_of_the_user(config):
    read = read_controls(config)
    names = [f"control_{kind}_{of}_{n}" for kind in ("gaussian", "own") for of in ("none", "strong") for n in (0, 1)]
    assert list(read.sweeps) == [control.name for control in read.controls] == names
    assert {sweep.keys.market for sweep in read.sweeps.values()} == set(names)
    assert [control.seed for control in read.controls] == [7, 8] * 4
    assert set(read.markets) == {*names, "toy"}
    strong = read.markets["control_own_strong_1"]
    assert (strong.source.law, strong.source.seed, strong.source.block_days) == ("own", 8, 5)
    assert (strong.source.signal_strength, strong.source.before) == (0.15, "2000-10-02")
    assert str(strong.source.path) == "results/markets/toy/bars.parquet"
    assert read.markets["control_own_none_0"].source.planted is False


def test_all_but_the_market_is_the_sweeps_own(config):
    own, read = read_config(config), read_controls(config)
    sweep, control = own.sweeps["ppo_smac"], read.sweeps["control_own_none_0"]
    assert (control.schedule, control.space, control.runs, control.optimizer, control.default) == (
        sweep.schedule,
        sweep.space,
        sweep.runs,
        sweep.optimizer,
        sweep.default,
    )
    assert control.keys == sweep.keys.model_copy(update={"market": "control_own_none_0"})
    one, other = read.markets["control_own_none_0"], own.markets["toy"]
    assert (one.test_start, one.environment) == (other.test_start, other.environment)
    assert read.top.folds == own.top.folds


def test_reductions_are_of_rounds_budget_and_seeds(config):
    config["controls"] |= {"rounds": 1, "budget": 32, "tuning_seeds": 1, "final_seeds": 2}
    config["seeds"]["final"] = [10, 11, 12]
    read = read_controls(config)
    (round_,) = read.sweeps["control_own_none_0"].schedule
    assert (round_.budget, round_.runs) == (32, 2)
    assert (read.top.seeds.tuning, read.top.seeds.final) == ((0,), (10, 11))


def test_without_being_asked_for_they_change_nothing_of_the_users_sweeps(config):
    absent = {key: value for key, value in config.items() if key != "controls"}
    with_them, without = read_config(config), read_config(absent)
    assert with_them.markets == without.markets
    assert with_them.controls == ()
    kept = canonical(without.sweeps["ppo_smac"].decisions())
    assert canonical(with_them.sweeps["ppo_smac"].decisions()) == kept
    assert "control" not in kept


def test_what_proposals_depend_on_names_the_law_so_that_another_law_keeps_no_round(config):
    decided = read_controls(config).sweeps["control_own_strong_0"].decisions()
    assert (decided["control"]["signal_strength"], decided["control"]["block_days"]) == (0.15, 5)


def test_a_sweep_before_each_window_of_the_test_days_is_repeated_so(config):
    config |= {"test": {"windows": 2}}
    config["folds"]["anchor"] = "end"
    read = read_controls(config)
    assert read.judged["control_own_none_0"] == ["control_own_none_0_window_0", "control_own_none_0_window_1"]
    assert read.markets["control_own_none_0_window_1"].test_start == "2000-11-15"


def test_a_warm_start_from_the_users_market_is_left_out(config):
    config["sweeps"]["later"] = config["sweeps"]["ppo_smac"] | {"warm_start": {"sweep": "ppo_smac", "top": 1}}
    config["controls"]["sweep"] = "later"
    assert read_controls(config).sweeps["control_own_none_0"].keys.warm_start.sweep is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"sweep": "ppo"}, "controls.sweep: 'ppo' is not among the sweeps: ppo_smac"),
        ({"kinds": ["uniform"]}, "controls.kinds.0: 'uniform' is not one of gaussian or own"),
        ({"strengths": {"none": -1}}, "controls.strengths.none: -1 is not ≥ 0"),
    ],
)
def test_what_cannot_be_is_one_line(config, keys, message):
    config["controls"] |= keys
    with pytest.raises(SettingError) as error:
        read_controls(config)
    assert str(error.value).startswith(message)


def test_bars_that_are_shorter_than_a_day_have_no_controls(config):
    config["markets"]["toy"]["interval"] = "1h"
    with pytest.raises(SettingError, match=r"controls.sweep: the bars of its market toy are shorter than a day"):
        read_controls(config)


@pytest.mark.parametrize("group", ["markets", "sweeps"])
def test_the_names_of_controls_are_taken(config, group):
    config[group]["control_own_none_0"] = next(iter(config[group].values()))
    with pytest.raises(SettingError, match=f"{group}.control_own_none_0: is spelled as the names of controls are"):
        read_config(config)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("snakemake --cores 2", False),
        ("snakemake -n controls", True),
        ("snakemake results/controls/claims.svg", True),
        ("snakemake --configfile controls.yaml", False),
        ("snakemake --target-jobs train_agent:sweep=control_own_none_0,round=0,trial=1,fold=0,seed=0", True),
        ("snakemake --target-jobs compute_features:market=control_gaussian_strong_12_window_1", True),
        ("snakemake --target-jobs propose_trials_control_own_none_0_0:", True),
        ("snakemake --target-jobs download_bars_of_controls:market=toy", True),
        ("snakemake --target-jobs collect_controls:", True),
        ("snakemake --target-jobs train_agent:sweep=my_controls,round=0,trial=1,fold=0,seed=0", False),
        ("snakemake --target-jobs train_agent:sweep=control_own,round=0,trial=1,fold=0,seed=0", False),
    ],
)
def test_a_command_line_tells_whether_controls_are_asked_for(words, asked):
    assert asked_for(words.split()) is asked

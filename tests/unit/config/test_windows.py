"""The test days cut into windows: a market and a sweep before each of them."""

import copy

import pytest

from tests.workflow.toy import CONFIG, write_config
from workflow_scripts.config.model import read_config
from workflow_scripts.config.windows import Window, cut_windows
from workflow_scripts.workflow.flags import canonical
from workflow_scripts.workflow.model import SettingError


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = copy.deepcopy(CONFIG)
    config["folds"]["anchor"] = "end"
    write_config(tmp_path, config)
    del config["search_spaces"]
    return config


def test_windows_follow_each_other_and_differ_by_a_day_at_most():
    # 31 + 28 + 31 = 90 days of the calendar: 22, 23, 22 and 23.
    assert cut_windows("2022-01-01", "2022-03-31", 4) == [
        Window("2022-01-01", "2022-01-23"),
        Window("2022-01-23", "2022-02-15"),
        Window("2022-02-15", "2022-03-09"),
        Window("2022-03-09", None),
    ]


def test_one_window_is_all_test_days():
    assert cut_windows("2022-01-01", "2022-03-31", 1) == [Window("2022-01-01", None)]


def test_a_market_and_a_sweep_stand_before_each_window_and_share_the_source(config):
    read = read_config({**config, "test": {"windows": 2}})
    assert read.judged == {"ppo_smac": ["ppo_smac_window_0", "ppo_smac_window_1"]}
    assert list(read.sweeps) == read.judged["ppo_smac"]
    first, second = (read.markets[read.sweeps[name].keys.market] for name in read.sweeps)
    # 89 days of the calendar from 2000-10-02 to 2000-12-29: 44 and 45.
    assert (first.test_start, first.test_stop) == ("2000-10-02", "2000-11-15")
    assert (second.test_start, second.test_stop) == ("2000-11-15", None)
    assert first.source == second.source == read.markets["toy"].source


def test_what_proposals_depend_on_names_the_window_so_that_another_cut_keeps_no_round(config):
    read = read_config({**config, "test": {"windows": 2}})
    decided = read.sweeps["ppo_smac_window_1"].decisions()
    assert (decided["market"], decided["test_start"]) == ("toy_window_1", "2000-11-15")


def test_one_window_changes_nothing(config):
    absent, one = read_config(config), read_config({**config, "test": {"windows": 1}})
    assert absent.judged == one.judged == {"ppo_smac": ["ppo_smac"]}
    assert list(one.markets) == ["toy"]
    assert one.markets == absent.markets
    kept = canonical(absent.sweeps["ppo_smac"].decisions())
    assert canonical(one.sweeps["ppo_smac"].decisions()) == kept
    assert "test_start" not in kept


def test_a_warm_start_comes_from_the_sweep_before_the_same_window(config):
    config["sweeps"]["later"] = config["sweeps"]["ppo_smac"] | {
        "warm_start": {"sweep": "ppo_smac", "top": 1},
        "round_size": 3,
    }
    read = read_config({**config, "test": {"windows": 2}})
    assert read.sweeps["later_window_1"].keys.warm_start.sweep == "ppo_smac_window_1"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ("test", "windows"),
            20,
            "test.windows: 20 windows of the 89 days from 2000-10-02 to 2000-12-29 have 4 each, and 7 are needed: "
            "take 12 or fewer, or an earlier test_start",
        ),
        (("test", "windows"), 0, "test.windows: 0 is not ≥ 1"),
        (("markets", "toy", "end"), None, "markets.toy.end: is required with 2 windows of the test days"),
        (("folds", "anchor"), "start", "folds.anchor: start cuts the same folds before each of 2 windows"),
    ],
)
def test_what_cannot_be_cut_is_one_line_with_numbers(config, path, value, message):
    config["test"] = {"windows": 2}
    *groups, key = path
    target = config
    for group in groups:
        target = target[group]
    target[key] = value
    with pytest.raises(SettingError) as error:
        read_config(config)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("group", ["markets", "sweeps"])
def test_the_names_of_windows_are_taken(config, group):
    config[group]["mine_window_0"] = next(iter(config[group].values()))
    with pytest.raises(SettingError, match=rf"{group}.mine_window_0: names that end with _window_ and a number"):
        read_config(config)

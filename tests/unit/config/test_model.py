"""Each mistake is one line with the file, the key, the value and the remedy."""

import copy

import pytest

from tests.workflow.toy import CONFIG, write_config
from workflow_scripts.config.model import read_config
from workflow_scripts.workflow.model import SettingError

SPACE = "search_spaces/ppo.yaml"


def change(config, path, value):
    *parents, last = path.split("/")
    for key in parents:
        config = config[key]
    config[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("foldz", {}, "config.yaml, foldz: unknown key; did you mean folds?"),
        ("folds/count", "three", "config.yaml, folds.count: 'three' is not a valid integer"),
        ("folds/purge_dayz", 3, "config.yaml, folds.purge_dayz: unknown key; did you mean purge_days?"),
        ("sweeps/ppo_smac/agent", "pppo", "config.yaml, sweeps.ppo_smac.agent: 'pppo' is no agent; did you mean ppo?"),
        ("sweeps/ppo_smac/agent", "PPO", "config.yaml, sweeps.ppo_smac.agent: 'PPO' is no agent; did you mean ppo?"),
        ("sweeps/ppo_smac/budgt", 9, "config.yaml, sweeps.ppo_smac.budgt: unknown key; did you mean budget?"),
        (
            "sweeps/ppo_smac/eta",
            3,
            "config.yaml, sweeps.ppo_smac.eta: optimizer smac does not read it; dehb, smac_hyperband would",
        ),
        (
            "sweeps/ppo_smac/optimizer",
            "smacc",
            "config.yaml, sweeps.ppo_smac.optimizer: 'smacc' is no optimizer; did you mean smac?",
        ),
        (
            "sweeps/ppo_smac/objective",
            "sharp",
            "config.yaml, sweeps.ppo_smac.objective: ",
        ),
        ("sweeps/ppo_smac/market", "toyy", "config.yaml, sweeps.ppo_smac.market: 'toyy' is not among the markets: toy"),
        ("sweeps/ppo_smac/search_space", "", "config.yaml, sweeps.ppo_smac.search_space: it is an empty text: name "),
        (
            "orders",
            {"sweep": ""},
            "config.yaml, orders.sweep: it is an empty text: name something, or leave the key out",
        ),
        (
            "sweeps/ppo_smac/search_space",
            "ppoo",
            "config.yaml, sweeps.ppo_smac.search_space: there is no search space ppoo: write search_spaces/ppoo.yaml, "
            "or name one of a2c, ddpg, modsac, ppo",
        ),
        (
            "search_spaces/ppo/learning_rate/lower",
            -1,
            f"{SPACE}, learning_rate.lower: -1 is not > 0",
        ),
        (
            "search_spaces/ppo/learning_rate/upper",
            1.0e-5,
            f"{SPACE}, learning_rate: lower 1e-05 is not below upper 1e-05",
        ),
        (
            "search_spaces/ppo/learning_rat",
            {"type": "constant", "default": 1},
            f"{SPACE}, learning_rat: unknown key; did you mean learning_rate?",
        ),
        ("search_spaces/ppo/batch_size/default", 64, f"{SPACE}, horizon_len: 32 × repeat_times 1 / batch"),
        ("search_spaces/ppo/net_dims_0/default", 0, f"{SPACE}, net_dims_0.default: 0 is not "),
        ("seeds/final", [1, 2], "config.yaml, seeds: [1] are both tuning and final seeds"),
        (
            "backtest/ensemble",
            3,
            "config.yaml, backtest.ensemble: 2 final seeds do not make ensembles of 3: name 1 more",
        ),
        ("seeds/final", [10], "config.yaml, seeds.final: 2 are needed, and there are 1"),
        ("seeds/tuning", [], "config.yaml, seeds.tuning: 1 are needed, and there are 0"),
        ("markets/toy/tickers", ["KO"], "config.yaml, markets.toy.tickers: "),
        ("markets/toy/test_start", "2000-13-01", "config.yaml, markets.toy.test_start: "),
        ("markets/toy", {"source": "alpaca", "test_start": "2000-10-02"}, "config.yaml, markets.toy"),
        ("markets/toy/source", "csvv", "config.yaml, markets.toy.source: 'csvv' is no source; did you mean csv?"),
        (
            "markets/toy/seed",
            3,
            "config.yaml, markets.toy.seed: source csv does not read it; control, noise, planted would",
        ),
        ("markets/toy/tickers", "dow29", "config.yaml, markets.toy.tickers: 'dow29' is not among the lists dow28"),
        (
            "markets/toy/missing",
            "fill",
            "config.yaml, markets.toy.missing: 'fill' is not one of error, drop_ticker or hold",
        ),
        (
            "environment",
            {"action_mode": "shares", "lot_size": 500},
            "config.yaml, markets.toy.lot_size: the largest order of 100 shares (environment.max_stock × action_scale)",
        ),
        (
            "environment",
            {"action_mode": "shares", "action_scale": 0.5, "max_stock": 1},
            "config.yaml, markets.toy.lot_size: the largest order of 0.5 shares (environment.max_stock × action_scale) "
            "is less than a lot of 1",
        ),
        (
            "environment",
            {"action_mode": "shares", "action_scale": 0.05},
            "config.yaml, markets.toy.action_scale: the largest action, 0.05, is less than 0.1, below which",
        ),
        ("seeds/tuning", [True, 2], "config.yaml, seeds.tuning: true is not a number or a text"),
        ("training/device", "tpu", "config.yaml, training.device: 'tpu' is not one of auto, cpu or cuda"),
    ],
)
def test_a_wrong_key_or_value_is_one_line(tmp_path, monkeypatch, path, value, message):
    config = copy.deepcopy(CONFIG)
    change(config, path, value)
    with pytest.raises(SettingError) as error:
        read(config, tmp_path, monkeypatch)
    assert error.value.inside("config.yaml").startswith(message)


def read(config, folder, monkeypatch):
    monkeypatch.chdir(folder)
    write_config(folder, config)
    return read_config({key: value for key, value in config.items() if key != "search_spaces"})


@pytest.mark.parametrize(
    ("key", "base", "lacks"),
    [
        ("agent", "training.agents.kinds.on_policy:OnPolicy", "objective"),
        ("agent", "training.agents.kinds.off_policy:OffPolicy", "learner"),
        ("optimizer", "sweeps.optimizers.base:Optimizer", "propose and schedule"),
        ("optimizer", "sweeps.optimizers.base:EqualRounds", "propose"),
        ("optimizer", "sweeps.hyperband:Hyperband", "propose"),
    ],
)
def test_a_class_of_ones_own_that_lacks_what_it_works_by_is_one_line(tmp_path, monkeypatch, key, base, lacks):
    module, _, kind = base.partition(":")
    name = f"bare_{kind.lower()}"
    source = f"from workflow_scripts.{module} import {kind}\n\n\nclass Bare({kind}):\n    pass\n"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    config = copy.deepcopy(CONFIG)
    next(iter(config["sweeps"].values()))[key] = f"{name}:Bare"
    with pytest.raises(SettingError, match=f"{name}:Bare lacks {lacks}, which each {key} defines for itself"):
        read(config, tmp_path, monkeypatch)


def test_what_the_command_line_says_in_text_is_what_it_means(tmp_path, monkeypatch):
    """Snakemake hands `--config seeds="{tuning: [0]}"` over with text in the list."""
    config = copy.deepcopy(CONFIG)
    config["seeds"] = {"tuning": ["0", "7"], "final": ["10", "11"]}
    config["folds"] = {"count": "2", "train_days": "60", "validation_days": "20", "purge_days": "2"}
    config["training"] = {"num_envs": "2", "device": "cpu", "limit_minutes": "1.5"}
    top = read(config, tmp_path, monkeypatch).top
    assert (top.seeds.tuning, top.seeds.final, top.folds.count) == ((0, 7), (10, 11), 2)
    assert top.training.limit_minutes == 1.5


def test_combinatorial_folds_take_bars_of_an_hour(tmp_path, monkeypatch):
    config = copy.deepcopy(CONFIG)
    config["markets"]["toy"]["interval"] = "1h"
    config["folds"] = {"scheme": "combinatorial", "n_folds": 4, "purge_days": 61, "embargo_days": 61}
    read_in = read(config, tmp_path, monkeypatch)
    assert (read_in.markets["toy"].source.bar, read_in.top.folds.number) == ("1h", 6)


@pytest.mark.parametrize("values", [None, [], "markets"])
def test_a_file_without_settings_is_refused_in_words(values):
    with pytest.raises(ValueError, match="it holds no settings: a key and its value stand on a line"):
        read_config(values)

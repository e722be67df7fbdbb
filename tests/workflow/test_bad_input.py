"""Each mistake ends in one line with names, numbers and the remedy, and a non-zero exit code."""

import pandas as pd
import pytest

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
        ("search_spaces/ppo/batch_size/default", 64, f"{SPACE}: horizon_len 32 × repeat_times 1"),
        ("search_spaces/ppo/net_dims_0/default", 0, f"{SPACE}, net_dims_0.default: 0 is not "),
        ("seeds/final", [1, 2], "config.yaml, seeds: [1] are both tuning and final seeds"),
        ("seeds/final", [10], "config.yaml, seeds.final: "),
        ("markets/toy/test_start", "2000-13-01", "config.yaml, markets.toy.test_start: "),
        ("markets/toy", {"source": "alpaca", "test_start": "2000-10-02"}, "config.yaml, markets.toy"),
        ("markets/toy/source", "csvv", "config.yaml, markets.toy.source: 'csvv' is no source; did you mean csv?"),
        ("markets/toy/seed", 3, "config.yaml, markets.toy.seed: source csv does not read it; noise, planted would"),
        ("markets/toy/tickers", "dow29", "config.yaml, markets.toy.tickers: 'dow29' is not among the lists dow28"),
        (
            "markets/toy/missing",
            "fill",
            "config.yaml, markets.toy.missing: 'fill' is not one of error, drop_ticker or hold",
        ),
        (
            "environment",
            {"action_mode": "shares", "lot_size": 500},
            "config.yaml, markets.toy.lot_size: the largest order of 100 shares (environment.max_stock) is less",
        ),
        ("training/device", "tpu", "config.yaml, training.device: 'tpu' is not one of auto, cpu or cuda"),
    ],
)
def test_a_wrong_key_or_value_is_refused_before_anything_runs(toy, path, value, message):
    change(toy.config, path, value)
    toy.write_config()
    done = toy.snakemake()
    assert done.returncode != 0
    line = next((line.strip() for line in done.stdout.splitlines() if "config.yaml, " in line), done.stdout)
    assert line.startswith(message)
    assert not (toy.folder / "results").exists()


def write_market(toy, **changes):
    days = pd.bdate_range("2000-01-03", periods=260)
    rows = [
        {"date": day, "ticker": ticker, "open": 10, "high": 10, "low": 10, "close": 10, "volume": 1}
        for day in days
        for ticker in ("A", "B")
    ]
    table = pd.DataFrame(rows).astype({"close": "float64"})
    for (row, column), value in changes.get("cells", {}).items():
        table.loc[row, column] = value
    table.to_csv(toy.folder / "prices.csv", index=False)
    toy.config["markets"]["toy"] = {"source": "csv", "path": "prices.csv", "test_start": "2000-10-02"}
    toy.write_config()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({(7, "close"): float("nan")}, "B on 2000-01-06: close is not a finite number (1 such rows)"),
        ({(7, "close"): -1.0}, "B on 2000-01-06: close is not above zero (1 such rows)"),
    ],
)
def test_a_bad_price_stops_the_market_and_leaves_nothing_half_written(toy, cells, message):
    write_market(toy, cells=cells)
    done = toy.snakemake()
    assert done.returncode != 0
    line = f"ValueError: market toy (prices.csv): {message}"
    assert line in (toy.folder / "results/markets/toy/download_bars.log").read_text()
    assert line in done.stdout
    assert sorted(path.name for path in (toy.folder / "results/markets/toy").iterdir()) == ["download_bars.log"]


def test_a_csv_market_without_its_file_is_named(toy):
    toy.config["markets"]["toy"] = {"source": "csv", "path": "nowhere.csv", "test_start": "2000-10-02"}
    toy.write_config()
    done = toy.snakemake()
    assert done.returncode != 0
    assert "nowhere.csv" in done.stdout


def test_folds_that_do_not_fit_are_refused_in_numbers_before_any_training(toy):
    toy.config["folds"]["count"] = 50
    toy.write_config()
    done = toy.snakemake("--until", "split_folds")
    assert done.returncode != 0
    assert "50 folds of 60 training, 2 purged and 20 validation days need 1062 days, but the market has" in done.stdout
    assert "lower folds.count or folds.train_days, start the market earlier" in done.stdout

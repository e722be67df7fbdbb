"""Each mistake ends in one line with names, numbers and the remedy, and a non-zero exit code."""

import pandas as pd
import pytest


def change(config, path, value):
    *parents, last = path.split("/")
    for key in parents:
        config = config[key]
    config[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("foldz", {}, "config.yaml, the top level: Additional properties are not allowed ('foldz' was unexpected)"),
        ("folds/count", "three", "config.yaml, folds.count: 'three' is not of type 'integer'"),
        ("folds/purge_dayz", 3, "config.yaml, folds: Additional properties are not allowed ('purge_dayz'"),
        ("sweeps/ppo_smac/agent", "pppo", "config.yaml, sweeps.ppo_smac.agent: 'pppo' is not one of"),
        ("sweeps/ppo_smac/market", "toyy", "config.yaml, sweeps.ppo_smac.market: 'toyy' is not among the markets: toy"),
        (
            "search_spaces/ppo/learning_rate/lower",
            "1e-5",
            "config.yaml, search_spaces.ppo.learning_rate.lower: '1e-5' is not of type 'number', 'null' "
            "(in YAML write 1.0e-5, not 1e-5, which is read as text)",
        ),
        (
            "search_spaces/ppo/learning_rate/upper",
            1.0e-5,
            "config.yaml, search_spaces.ppo.learning_rate: lower 1e-05 is not below upper 1e-05",
        ),
        (
            "search_spaces/ppo/learning_rat",
            {"type": "constant", "default": 1},
            "config.yaml, search_spaces.ppo: ppo has no hyperparameter learning_rat (it has batch_size, gamma",
        ),
        (
            "search_spaces/ppo/batch_size/default",
            64,
            "config.yaml, search_spaces.ppo: a configuration with horizon_len",
        ),
        ("seeds/final", [1, 2], "config.yaml, seeds: [1] are both tuning and final seeds"),
        ("markets/toy/test_start", "2000-13-01", "config.yaml, markets.toy: 2000-13-01 is not a day of the calendar"),
        (
            "markets/toy",
            {"source": "alpaca", "test_start": "2000-10-02"},
            "config.yaml, markets.toy: source alpaca needs start, and tickers or a universe",
        ),
        ("markets/toy/tickers", "dow29", "config.yaml, markets.toy.tickers: 'dow29' is not among the lists dow28"),
        (
            "markets/toy/missing",
            "fill",
            "config.yaml, markets.toy.missing: 'fill' is not one of ['error', 'drop_ticker'",
        ),
        (
            "environment",
            {"action_mode": "shares", "lot_size": 500},
            "config.yaml, environment.max_stock: the largest order of 100 shares is less than a lot of market toy, 500",
        ),
        ("training/device", "tpu", "config.yaml, training.device: 'tpu' is not one of ['auto', 'cpu', 'cuda']"),
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

"""Each mistake ends in one line with names, numbers and the remedy, and a non-zero exit code."""

import pandas as pd
import pytest

from tests.workflow.toy import snakemake


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"foldz": {}}, "config.yaml, foldz: unknown key; did you mean folds?"),
        (
            {"search_spaces": {"ppo": {"learning_rat": {"type": "constant", "default": 1}}}},
            "search_spaces/ppo.yaml, learning_rat: unknown key; did you mean learning_rate?",
        ),
    ],
)
def test_a_mistake_is_one_line_before_anything_runs(toy, changes, message):
    toy.config |= changes
    toy.write_config()
    done = toy.snakemake()
    assert done.returncode != 0
    assert message in [line.strip() for line in done.stdout.splitlines()]
    assert not (toy.folder / "results").exists()


def test_a_key_that_stands_twice_is_refused_with_both_lines(toy):
    path = toy.folder / "config.yaml"
    lines = len(path.read_text(encoding="utf-8").splitlines())
    path.write_text(path.read_text(encoding="utf-8") + "seeds: {tuning: [5]}\n", encoding="utf-8")
    refused = toy.snakemake("-n")
    assert refused.returncode != 0
    assert f"and in line {lines + 1}, and YAML would keep the second alone" in refused.stdout
    assert "config.yaml, the key seeds stands twice, in line " in refused.stdout


def test_a_configuration_that_is_no_yaml_is_refused_with_its_line(toy):
    path = toy.folder / "config.yaml"
    path.write_text("seeds:\n  tuning: [0\nfolds: {}\n", encoding="utf-8")
    refused = snakemake(toy.folder, "-n", VERBOSE="")
    assert refused.returncode != 0
    (said,) = [line for line in refused.stdout.splitlines() if "config.yaml" in line]
    assert said.startswith("error: config.yaml, it is not YAML: ")
    assert "line 3, column 6" in said


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/markets/dow/data.diff.json", "has no market dow: there are toy"),
        ("results/sweeps/ppo_smak/trials.csv", "has no sweep ppo_smak: there are ppo_smac"),
    ],
)
def test_what_there_is_not_is_named_beside_what_there_is(toy, target, said):
    refused = snakemake(toy.folder, "-n", target, VERBOSE="")
    assert refused.returncode != 0
    assert f"error: config.yaml {said}" in refused.stdout.splitlines()
    assert "Traceback" not in refused.stdout


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
        ({(7, "close"): float("nan")}, "close is missing (it is the one bad row): set repair: drop, or mend the file"),
        (
            {(7, "close"): -1.0},
            "close is -1, not above zero (it is the one bad row): set repair: drop, or mend the file",
        ),
    ],
)
def test_a_bad_price_stops_the_market_and_leaves_nothing_half_written(toy, cells, message):
    write_market(toy, cells=cells)
    done = toy.snakemake()
    assert done.returncode != 0
    line = f"ValueError: market toy (prices.csv): prices.csv, row 9: B on 2000-01-06: {message}"
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
    done = toy.snakemake("results/markets/toy/folds/fold_0.npz")
    assert done.returncode != 0
    assert "50 folds of 60 training, 2 purged and 20 validation days need 1062 days, but the market has" in done.stdout
    assert "lower folds.count or folds.train_days, start the market earlier" in done.stdout

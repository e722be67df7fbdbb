"""Windows of the test days: the sweep is repeated before each, and one verdict judges all of them."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tests.workflow.toy import Toy, executed

VERDICT = "results/sweeps/ppo_smac/verdict.json"
WANTED = (VERDICT, *(f"results/sweeps/ppo_smac_window_{number}/incumbent.yaml" for number in range(2)))


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A toy sweep before each of two windows, with what its run said."""
    toy = Toy(tmp_path_factory.mktemp("windows"))
    toy.config["test"] = {"windows": 2}
    toy.config["markets"]["toy"]["index_ticker"] = "S3"
    toy.config["folds"] = {"count": 1, "train_days": 60, "validation_days": 25, "purge_days": 2, "anchor": "end"}
    toy.config["seeds"]["tuning"] = [0]
    toy.config["sweeps"]["ppo_smac"] |= {"rounds": 1, "initial_design": 2}
    toy.write_config()
    done = toy.snakemake(*WANTED)
    assert done.returncode == 0, done.stdout[-3000:]
    return toy, done.stdout


def read(toy, path):
    return json.loads((toy.folder / path).read_text())


def days_of(toy, number):
    with np.load(toy.folder / f"results/markets/toy_window_{number}/sealed.npz", allow_pickle=False) as arrays:
        return arrays["validation_dates"].tolist()


def test_every_test_day_lies_in_one_window_and_the_verdict_pools_them(lived):
    toy, _ = lived
    dates = pd.read_parquet(toy.folder / "results/markets/toy/bars.parquet")["date"]
    test_days = sorted({f"{day:%Y-%m-%d}" for day in dates if day >= pd.Timestamp("2000-10-02")})
    first, second = days_of(toy, 0), days_of(toy, 1)
    assert first + second == test_days
    # On the first day of an episode nothing is earned yet.
    verdict = read(toy, VERDICT)
    assert verdict["test"] == {"first_day": first[1], "last_day": second[-1], "days": len(test_days) - 2}
    assert [window["test"]["days"] for window in verdict["windows"]] == [len(first) - 1, len(second) - 1]
    assert verdict["trials_counted"] == 4
    command = [sys.executable, "-m", "workflow_scripts.analysis.check_verdict", "results"]
    checked = subprocess.run(command, cwd=toy.folder, capture_output=True, text=True)
    assert checked.stdout == "ppo_smac: every number follows from the daily returns that the runs kept\n"


def test_the_index_of_the_market_is_a_row_beside_the_baselines(lived):
    toy, _ = lived
    row = read(toy, VERDICT)["rows"]["index"]
    bars = pd.read_parquet(toy.folder / "results/markets/toy/bars.parquet")
    assert set(bars["ticker"]) == {"S1", "S2"}
    closes = bars.groupby("date")["index:S3"].first()
    windows = [closes[days_of(toy, number)].pct_change().iloc[1:] for number in range(2)]
    earned = pd.concat(windows)
    # The days' year is that of the market: 260 of five days a week without holidays.
    assert row["sharpe"]["estimate"] == pytest.approx(earned.mean() / earned.std() * np.sqrt(260))
    assert row["beyond_benchmark"]["estimate"] is not None


def test_days_of_an_earlier_window_are_past_days_to_the_next_sweep(lived):
    toy, _ = lived
    first, second = days_of(toy, 0), days_of(toy, 1)
    for number, start in enumerate((first[0], second[0])):
        fold = read(toy, f"results/markets/toy_window_{number}/folds/fold_0.json")
        sealed = read(toy, f"results/markets/toy_window_{number}/sealed.json")
        assert fold["validation"]["last_day"] < start
        assert sealed["train"]["last_day"] < start
    assert fold["validation"]["last_day"] == first[-1]
    assert fold["validation"]["first_day"] in first
    assert sealed["train"]["last_day"] in first


def test_bars_are_downloaded_once_and_nothing_is_left_to_do(lived):
    toy, said = lived
    ran = executed(said)
    assert (ran["download_bars"], ran["compute_features"], ran["judge_sweep"]) == (1, 2, 1)
    assert (ran["train_agent"], ran["backtest_incumbent"]) == (4, 12)
    assert "Nothing to be done" in toy.snakemake("-n", *WANTED).stdout


def test_each_window_is_an_opening_of_its_own_days_in_the_ledger_of_the_market(lived):
    toy, _ = lived
    lines = [json.loads(line) for line in (toy.folder / "results/markets/toy/openings.jsonl").read_text().splitlines()]
    windows = {line["sweep"]: (line["first_day"], line["last_day"]) for line in lines}
    assert windows == {
        "ppo_smac_window_0": ("2000-10-02", days_of(toy, 0)[-1]),
        "ppo_smac_window_1": ("2000-11-15", "2000-12-29"),
    }
    verdict = read(toy, VERDICT)
    assert (verdict["openings"]["count"], verdict["openings"]["problems"]) == (1, [])


def test_orders_are_those_of_the_last_window_on_the_latest_day(lived, tmp_path):
    toy = lived[0].copy(tmp_path / "copy")
    made = toy.snakemake("orders", "--config", "anyway=true")
    assert made.returncode == 0, made.stdout[-3000:]
    # The files go on behind the end of the test days.
    assert "ppo_smac on toy: decided on the close of 2001-02-23 by the mean action of 2 seeds" in made.stdout
    assert (toy.folder / "results/sweeps/ppo_smac/orders.csv").exists()


def test_rounds_that_were_proposed_before_other_windows_are_not_kept(lived, tmp_path):
    toy = lived[0].copy(tmp_path / "copy")
    toy.config = lived[0].config | {"test": {"windows": 3}}
    toy.write_config()
    said = toy.snakemake("-n").stdout
    assert "test_start was '2000-11-15', is now '2000-10-31'" in said

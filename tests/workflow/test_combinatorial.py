"""Combinatorial folds from settings to backtest paths, through the real workflow."""

import json

import pandas as pd
import pytest

from tests.workflow.toy import jobs
from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.data.synthetic import synthetic_bars

SWEEP = "results/sweeps/ppo_smac"


@pytest.fixture
def combined(toy):
    synthetic_bars(3, 470, 0.01, 10, 0.01, seed=0).to_csv(toy.folder / "prices.csv", index=False)
    toy.config["markets"]["toy"] |= {"end": "2001-10-19", "test_start": "2001-09-24"}
    toy.config["folds"] = {
        "scheme": "combinatorial",
        "n_folds": 3,
        "n_test_folds": 2,
        "purge_days": 61,
        "embargo_days": 61,
    }
    toy.config["seeds"]["tuning"] = [0]
    toy.config["sweeps"]["ppo_smac"]["rounds"] = 1
    toy.write_config()
    return toy


def test_days_that_features_reach_over_are_refused_before_anything_runs(combined):
    combined.config["folds"]["embargo_days"] = 60
    combined.write_config()
    said = combined.snakemake("-n")
    assert said.returncode != 0
    assert "folds.embargo_days: 60 days are fewer than the 61 that features reach back to" in said.stdout


@pytest.mark.slow
def test_bars_of_an_hour_join_to_paths_too(combined):
    days = pd.bdate_range("2000-01-03", periods=470)
    stamps = pd.DatetimeIndex([day + pd.Timedelta(hours=hour) for day in days for hour in (10, 11)])
    bars = synthetic_bars(3, len(stamps), 0.01, 10, 0.01, seed=0)
    bars["date"] = stamps.repeat(3)
    bars.to_csv(combined.folder / "prices.csv", index=False)
    combined.config["markets"]["toy"] |= {"interval": "1h", "end": None, "test_start": str(days[450].date())}
    combined.write_config()
    target = f"{SWEEP}/paths.json"
    done = combined.snakemake(target)
    assert done.returncode == 0, done.stdout[-3000:]
    stated = json.loads((combined.folder / target).read_text())
    # 61 bars of warm-up end in the 31st day; each of the three parts of 419 days has a first hour without a return.
    assert (stated["paths"], stated["days"]) == (2, 2 * 419 - 3)
    fold = read_fold(combined.folder / "results/markets/toy/folds/fold_0.npz")
    assert [run.dates[0][11:] for run in fold.validation.runs()] == ["10:00", "10:00"]


@pytest.mark.slow
def test_combinatorial_folds_train_validate_and_join_to_paths(combined):
    planned = jobs(combined.snakemake("-n").stdout)
    assert (planned["train_agent"], planned["recombine_paths"]) == (2 * 3, 1)
    target = f"{SWEEP}/paths.json"
    done = combined.snakemake(target)
    assert done.returncode == 0, done.stdout[-3000:]
    stated = json.loads((combined.folder / target).read_text())
    assert (stated["paths"], set(stated["trials"])) == (2, {"round_0/trial_0", "round_0/trial_1"})
    assert all(len(trial["sharpe"]) == 2 for trial in stated["trials"].values())
    fold = read_fold(combined.folder / "results/markets/toy/folds/fold_1.npz")
    assert (len(fold.validation.starts), len(fold.train.starts)) == (2, 1)
    returns = pd.read_parquet(combined.folder / SWEEP / "round_0/trial_0/fold_1/seed_0/returns.parquet")
    traded = [day for place, day in enumerate(fold.validation.dates) if place not in fold.validation.starts]
    assert list(returns["date"].dt.strftime("%Y-%m-%d")) == traded
    assert "Nothing to be done" in combined.snakemake("-n", target).stdout

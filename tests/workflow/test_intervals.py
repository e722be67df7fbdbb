"""Bars of an hour through the real workflow, from a file to a trial's score."""

import pandas as pd
import pytest

from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.workflow.files import read_json


def test_hours_of_a_file_become_a_score_that_is_annualised_by_the_hours_of_a_year(toy):
    days = pd.bdate_range("2000-01-03", periods=60)
    hours = [day + pd.Timedelta(hours=10 + hour) for day in days for hour in range(7)]
    bars = synthetic_bars(3, len(hours), 0.01, 10, 0.01, seed=0)
    bars["date"] = [hour for hour in hours for _ in range(3)]
    bars.to_csv(toy.folder / "prices.csv", index=False)
    toy.config["markets"]["toy"] |= {"interval": "1h", "test_start": str(days[50].date()), "end": None}
    toy.config["folds"] = {"count": 2, "train_days": 20, "validation_days": 5, "purge_days": 1}
    toy.config["seeds"]["tuning"] = [0]
    toy.write_config()
    trial = "results/sweeps/ppo_smac/round_0/trial_0"
    done = toy.snakemake(f"{trial}/score.json")
    assert done.returncode == 0, done.stdout[-3000:]
    lock = read_json(toy.folder / "results/markets/toy/data.lock.json")
    assert (lock["periods_per_year"], lock["rows"]) == (7 * 252, 3 * 7 * 60)
    assert lock["calendar"].endswith("of 7 bars")
    fold = read_json(toy.folder / "results/markets/toy/folds/fold_1.json")
    assert (fold["train"]["days"], fold["train"]["bars"], fold["validation"]["bars"]) == (20, 140, 35)
    score = read_json(toy.folder / trial / "score.json")
    assert (score["status"], score["periods_per_year"], score["runs"][0]["days"]) == ("ok", 7 * 252, 34)
    returns = read_daily(toy.folder / trial / "fold_1/seed_0/returns.parquet")
    numbers = returns.columns["daily_return"]
    assert score["runs"][1]["sharpe"] == pytest.approx(numbers.mean() / numbers.std(ddof=1) * (7 * 252) ** 0.5)
    # The first bar of the window is traded at the close of the second; a night is an hour like any other.
    assert [str(moment)[11:16] for moment in returns.days[:7]] == [
        "11:00",
        "12:00",
        "13:00",
        "14:00",
        "15:00",
        "16:00",
        "10:00",
    ]

"""A point-in-time universe through the whole workflow."""

import pandas as pd
import pytest

from workflow_scripts.data.folds import read_fold
from workflow_scripts.data.markets import synthetic_bars
from workflow_scripts.workflow.files import read_json


@pytest.mark.slow
def test_folds_and_backtest_trade_the_members_of_their_time(toy):
    # 300 days, 61 of them warm-up: the last training days are the days 120 and 140, and 192 before the test days.
    days = pd.bdate_range("2000-01-03", periods=300)
    bars = synthetic_bars(4, 300, 0.01, 10, 0.01, seed=0)
    bars[(bars["ticker"] != "S4") | (bars["date"] <= days[170])].to_csv(toy.folder / "prices.csv", index=False)
    (toy.folder / "members.csv").write_text(
        "ticker,from,to\nS1,2000-01-03,\nS2,2000-01-03,\n"
        f"S3,{days[130]:%Y-%m-%d},\nS4,2000-01-03,{days[170]:%Y-%m-%d}\n"
    )
    toy.config["markets"]["toy"]["universe"] = "members.csv"
    toy.write_config()
    done = toy.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    folds = toy.folder / "results/markets/toy/folds"
    assert read_fold(folds / "fold_0.npz").tickers == ("S1", "S2", "S4")
    assert read_fold(folds / "fold_1.npz").tickers == ("S1", "S2", "S3", "S4")
    sweep = toy.folder / "results/sweeps/ppo_smac"
    assert read_json(sweep / "verdict.json")["test_days"] > 50
    assert (sweep / "backtest/rank_1/seed_10/policy.pt").exists()

"""Markets that differ in tickers and fees through the whole workflow."""

import pandas as pd
import pytest

from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.data.synthetic import synthetic_bars
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
    assert read_json(sweep / "verdict.json")["test"]["days"] > 50
    assert (sweep / "backtest/rank_1/seed_10/policy.pt").exists()


def test_a_markets_own_fees_and_cash_reach_every_job_that_trades_on_it(toy):
    toy.config["environment"] = {"cost_pct": 0.001, "initial_cash": 1.0e6}
    own = {"cost_pct": 0.0035, "sell_tax_pct": 0.0005, "min_fee": 5.0, "lot_size": 100, "initial_cash": 2.0e6}
    toy.config["markets"]["dear"] = toy.config["markets"]["toy"] | own
    toy.config["sweeps"]["second"] = toy.config["sweeps"]["ppo_smac"] | {"market": "dear"}
    toy.write_config()
    plan = toy.snakemake("-n", "--printshellcmds")
    assert plan.returncode == 0, plan.stdout[-3000:]
    commands = [line for line in plan.stdout.splitlines() if "--environment.cost-pct" in line]
    of_second = [line for line in commands if "sweeps/second" in line or "markets/dear" in line]
    assert len(commands) == 2 * len(of_second) > 0
    flags = {f"--environment.{name.replace('_', '-')} {value}" for name, value in own.items()}
    assert all(flag in line for flag in flags for line in of_second)
    assert not any(flag in line for flag in flags for line in commands if line not in of_second)

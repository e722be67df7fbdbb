"""The examples of docs/developing.md in the working folder, through Snakemake, as their reader would use them."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.unit.test_docs import fences
from tests.workflow.toy import ROOT, executed, jobs
from workflow_scripts.config.yaml_files import load_yaml

SWEEP = {"market": "toy", "rounds": 2, "round_size": 2, "budget": 64, "search_space": "ppo"}


@pytest.fixture
def own(toy):
    """The toy with a source, an agent, an optimizer and an objective of one's own, and beside them a measure."""
    for example in fences((ROOT / "docs/developing.md").read_text(encoding="utf-8"), "python"):
        (toy.folder / example.splitlines()[0].removeprefix("# ")).write_text(example, encoding="utf-8")
    bars = pd.read_csv(toy.folder / "prices.csv")
    bars.pivot(index="date", columns="ticker", values="close").to_csv(toy.folder / "closes.csv")
    (toy.folder / "prices.csv").unlink()
    market = toy.config["markets"]["toy"]
    toy.config["markets"]["toy"] = {"source": "my_sources:ClosingPrices", "path": "closes.csv"} | {
        key: market[key] for key in ("end", "test_start")
    }
    toy.config["folds"]["count"] = 1
    toy.config["sweeps"] = {
        "climb": SWEEP
        | {"agent": "my_agents:SPO", "optimizer": "my_optimizers:HillClimbing", "step": 0.1}
        | {"objective": "my_objectives:ulcer_performance"},
        "counted": SWEEP | {"agent": "ppo", "optimizer": "random", "objective": "my_measures:sharpe_ratio"},
    }
    toy.write_config()
    return toy


@pytest.mark.slow
def test_each_example_runs_where_its_reader_puts_it(own):
    targets = [f"results/sweeps/{name}/trials.csv" for name in own.config["sweeps"]]
    done = own.snakemake(*targets)
    assert done.returncode == 0, done.stdout[-3000:]
    assert executed(done.stdout)["train_agent"] == 2 * 4 * 2
    climb = own.folder / "results/sweeps/climb"

    lock = json.loads((own.folder / "results/markets/toy/data.lock.json").read_text(encoding="utf-8"))
    assert "closes of closes.csv: open = high = low = close, volume 0" in json.dumps(lock)

    trials = sorted(climb.glob("round_*/trial_*"))
    configurations = [load_yaml(trial / "config.yaml")["configuration"] for trial in trials]
    best = configurations[int(np.argmax([score(trial)["score"] for trial in trials[:2]]))]
    for near in configurations[2:]:
        assert sum(near[name] != best[name] for name in near) == 1

    for trial in trials:
        for run in score(trial)["runs"]:
            folder = trial / f"fold_{run['fold']}" / f"seed_{run['seed']}"
            returns = pd.read_parquet(folder / "returns.parquet")["daily_return"].to_numpy()
            wealth = np.cumprod(1 + returns)
            ulcer = np.sqrt(np.mean((1 - wealth / np.maximum.accumulate(wealth)) ** 2))
            assert run["value"] == pytest.approx(252 * np.mean(returns) / ulcer)

    for trial in (own.folder / "results/sweeps/counted").glob("round_*/trial_*"):
        for run in score(trial)["runs"]:
            assert 0 <= run["measures"]["hit_rate"] <= 1
            # The example takes 252 days a year, the market's weekdays are 260.
            assert run["value"] == pytest.approx(run["measures"]["sharpe"] * np.sqrt(252 / 260))

    assert jobs(own.snakemake("-n", *targets).stdout) == {}


def score(trial):
    return json.loads((trial / "score.json").read_text(encoding="utf-8"))

import json
import re
import shlex
import sys

import numpy as np
import pytest
import torch

from benchmarks import growth, large_market, optimizers, pictures, record
from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.sources.csv import Csv
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import TradingEnv


def test_a_benchmark_leaves_the_figures_of_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results.json")
    record.record(env_ratio=200.5)
    record.record(dag_10k_s=25.0, env_ratio=210.0)
    assert json.loads(record.RESULTS.read_text()) == {"dag_10k_s": 25.0, "env_ratio": 210.0}


@pytest.mark.parametrize("fidelity", ["steps", "runs"])
@pytest.mark.parametrize("optimizer", ["random", "smac_hyperband", "dehb"])
def test_the_optimizers_are_compared_at_equal_cost(optimizer, fidelity):
    _, rounds = optimizers.sweep(optimizer, fidelity)
    assert optimizers.TRIALS - 1 <= optimizers.cost(rounds) <= optimizers.TRIALS
    assert optimizers.MIN_RUNS / optimizers.RUNS == optimizers.MIN_BUDGET / optimizers.BUDGET


def test_the_large_markets_prices_are_bars_in_cents(tmp_path):
    first_test_day = large_market.write_prices(tmp_path / "prices.csv", tickers=4, days=50)
    market = Csv.of({"source": "csv", "path": str(tmp_path / "prices.csv")})
    bars = load_market(market).bars
    assert check_bars(bars) == []
    assert sorted(bars["ticker"].unique()) == ["T000", "T001", "T002", "T003"]
    assert (bars["date"] >= first_test_day).sum() == 4 * 5


def test_the_large_markets_table_has_a_row_per_job_and_both_codes():
    now = {"split_folds": {"cpu_s": 4.0, "mb": 900, "request_mb": 1800}}
    before = {"split_folds": {"cpu_s": 231.0, "mb": 1700, "request_mb": 1800}}
    assert large_market.table({"now": now, "before": before}).splitlines()[1].split() == [
        *("split_folds", "4.0", "900", "1800"),
        *("231.0", "1700"),
    ]
    assert large_market.table({"now": now}).splitlines()[1].split() == ["split_folds", "4.0", "900", "1800"]


BAR = """
import time
from rich.progress import Progress
with Progress(transient=True) as bar:
    task = bar.add_task("trains", total=2)
    bar.console.print("first trial")
    bar.advance(task)
    bar.refresh()
    time.sleep(1)
    bar.console.print("second trial")
print("done")
"""


def test_a_picture_has_the_lines_that_stand_on_a_terminal_and_the_bar_while_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "ROOT", tmp_path)
    terminal = pictures.Terminal(shlex.join([sys.executable, "-c", BAR]), tmp_path)
    half_way = [line.plain for line in pictures.lines(terminal.read(re.compile("50%")))]
    assert half_way[0] == "first trial"
    assert "trains" in half_way[1] and "50%" in half_way[1]
    written = terminal.read()
    assert [line.plain for line in pictures.lines(written) if line.plain][-3:] == [
        "first trial",
        "second trial",
        "done",
    ]
    pictures.draw(tmp_path / "screen.svg", "make run", written)
    drawn = (tmp_path / "screen.svg").read_text(encoding="utf-8")
    assert "second&#160;trial" in drawn
    assert 'url("http' not in drawn  # nothing is fetched


def test_what_takes_a_hundred_times_as_long_at_ten_times_the_size_has_exponent_two():
    assert growth.exponent({10: 7.0, 100: 1.0, 1000: 100.0}) == pytest.approx(2)
    assert growth.table("runs", {"plan": {100: 1.0, 1000: 100.0}})[-1] == "| plan | 1 | 100 | 2.0 |"


def test_the_jitted_loop_trades_as_the_environment_does():
    pytest.importorskip("jax")
    from benchmarks import jitted

    rng, settings = np.random.default_rng(0), EnvironmentSettings()
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (6, 3)), axis=0))
    env = TradingEnv(close, 4, settings, random_start=True)
    for day in range(5):
        weights, action = env.state()[:, 1:].numpy(), rng.normal(0, 0.5, (4, 3)).astype(np.float32)
        traded, earned = jitted.step(weights, action, np.float32(close[day + 1] / close[day]), settings)
        state, reward, _ = env.step(torch.as_tensor(action))
        np.testing.assert_allclose(traded, state[:, 1:].numpy(), atol=1e-6)
        np.testing.assert_allclose(earned, reward.numpy(), atol=2e-4)

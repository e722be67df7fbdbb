import importlib
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import gpu, growth, large_market, optimizers, pictures, record
from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.sources.csv import Csv
from workflow_scripts.training.agents.base import agent_of
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import TradingEnv
from workflow_scripts.training.networks.shape import NetworkShape


@pytest.mark.parametrize("path", sorted(Path(record.__file__).parent.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_a_benchmark_finds_what_it_measures(path):
    if path.stem == "jitted":
        pytest.importorskip("jax")
    importlib.import_module(f"benchmarks.{path.stem}")


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


def test_the_products_of_a_round_are_those_of_its_layers():
    """Two tickers with a row of 3 + 1 + 2 numbers each; layers of 8 and 8 units and one output: 72 weights above."""
    asked = {"horizon_len": 4, "batch_size": 2, "repeat_times": 1, "net_dims_0": 8, "net_dims_1": 8}
    settings = agent_of("ppo").of(asked)
    shape = NetworkShape(2, 3, 1, 9, settings.net_dims, -0.5)
    collected, whole = 2 * (2 * 8 + 72), 2 * (6 * 8 + 72)
    expected = 2 * (2 * 4 * 5 * collected + 2 * 2 * 2 * 3 * whole)  # two updates of two transitions
    assert gpu.products_of_a_round("ppo", settings, shape, "shared", envs=5) == expected


@pytest.mark.parametrize("name", gpu.AGENTS)
def test_runs_side_by_side_have_a_rate(name):
    stack = gpu.stack_of(gpu.window(), name, "shared", envs=2, runs=2, device="cpu")
    assert len(stack.learn(4)) == 2
    assert gpu.rounds_a_second(lambda: stack.learn(4), "cpu", 0.0) > 0


def test_the_plan_is_measured_at_the_best_rate_of_its_kind():
    case = {"agent": "ppo", "architecture": "shared", "num_envs": 512}
    found = [case | {"vector_steps_per_s": 9000}, case | {"left_out": "no time"}, case | {"vector_steps_per_s": 90_000}]
    asked = gpu.plan(found, cores=16, on_cores=4500.0)
    assert (asked["gpu_s"], asked["cores_s"], asked["ratio"]) == (10.0, 200.0, 20.0)


def test_without_a_gpu_nothing_is_measured(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gpu, "RESULTS", tmp_path / "gpu.json")
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu.py"])
    gpu.main()
    assert capsys.readouterr().out == "bench-gpu: torch sees no NVIDIA GPU on this machine: nothing was measured\n"
    assert not gpu.RESULTS.exists()

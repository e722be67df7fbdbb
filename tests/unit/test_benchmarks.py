import importlib
import json
import math
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from benchmarks import choices, gpu, growth, large_market, optimizers, paired, pictures, record, sweeps
from workflow_scripts.config.model import read_config
from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.sources.csv import Csv
from workflow_scripts.sweeps.history import Score
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


def test_the_sweeps_on_planted_markets_cost_the_same(tmp_path):
    settings = sweeps.settings_of(1, sweeps.SWEEPS, tmp_path)
    assert len(settings["sweeps"]) == 18
    sweeps.check_costs(settings)
    settings["sweeps"]["sac_random"]["rounds"] = 3
    with pytest.raises(ValueError, match="sac_random costs 61440 vector steps, the other sweeps of sac 40960"):
        sweeps.check_costs(settings)


def test_a_sweeps_progress_counts_what_a_trial_adds_and_the_scores_of_all_runs():
    def trial(budget, runs, score, phases=()):
        return Score("toy", 0, 0, budget, "ok", None, score, None, {}, [{}] * runs, None, list(phases))

    half = trial(50, 2, 1.0)
    lucky_in_one_run, worse = trial(100, 1, 9.0), trial(100, 2, 0.5)
    went_on = trial(100, 2, 2.0, [{"budget": 50, "configuration": {}}])
    curve = sweeps.progress([lucky_in_one_run, half, worse, went_on], benchmark=0.25)
    assert curve == [(100, None), (200, 0.75), (400, 0.75), (500, 1.75)]
    assert [sweeps.cost_to_reach(curve, value, 1000) for value in (0.7, 1.6, 1.8)] == [0.2, 0.5, math.inf]


def test_a_table_of_sweeps_has_shares_of_the_oracles_gain_and_gaps_to_random_search(monkeypatch):
    monkeypatch.setattr(sweeps, "SWEEPS", {"ppo": {"random": {}, "tpe": {}}})
    monkeypatch.setattr(sweeps, "FULL_TRIALS", {"ppo": 1})
    monkeypatch.setattr(sweeps, "BUDGETS", {"ppo": 50})  # of two runs: 100 vector steps

    def market(random, tpe, reached):
        of = {"vector_steps": 100, "cpu_s": 3.0}
        both = {"ppo_random": of | {"default": [0.9], "sharpe": [random], "curve": [(50, 0.1), (100, 1.0)]}}
        return {
            "oracle": 4.5,
            "benchmark": 0.5,
            "sweeps": both | {"ppo_tpe": of | {"sharpe": [tpe], "curve": [(50, reached), (100, 2.0)]}},
        }

    rows = sweeps.rows_of([market(1.5, 2.5, 1.9), market(2.5, 4.3, 0.2)])
    default, random, tpe = rows
    assert (default["share"], default["gap"]) == pytest.approx((0.1, -0.275))
    assert (random["cost_to_reach"], random["reached"]) == (None, 0)  # it ends at half of the best
    assert (tpe["share"], tpe["gap"], tpe["gap_se"]) == pytest.approx((0.725, 0.35, 0.1))
    assert (tpe["cost"], tpe["cost_to_reach"], tpe["reached"]) == (1.0, 0.75, 2)
    assert sweeps.table(rows).splitlines()[4] == (
        "| ppo | tpe | 72 % ± 22 | +35 % ± 10 | 100% | 75% (2 of 2 markets) | 3 |"
    )


def test_differences_are_paired_and_corrected_for_as_many():
    """Gaps of 1, 2 and 3: t = 2 / (1 / √3) with two degrees, p = 0.0742; the least of two p-values counts twice."""
    row = paired.paired([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]) | {"name": "a"}
    assert (row["gap"], row["gap_se"], row["p_value"]) == pytest.approx((2.0, 1 / math.sqrt(3), 0.0742), abs=1e-4)
    rows = [row, {"p_value": 0.02, "name": "b"}, {"p_value": None, "name": "one market"}]
    paired.correct_for_many(rows)
    assert rows[1]["p_value_of_many"] == pytest.approx(0.04)
    assert "p_value_of_many" not in rows[2]
    said = paired.told_apart(rows, lambda each: each["name"], "random search", 3)
    assert said.endswith("for 2 comparisons: b. Without the correction: b.")
    assert paired.told_apart(rows[2:], str, "random search", 1).startswith("Nothing is told apart")


def test_a_configuration_with_a_run_without_a_value_is_not_chosen():
    values = np.array([[[9.0, np.nan]], [[1.0, 2.0]], [[0.0, 4.0]]])  # three configurations, a fold, two seeds
    assert choices.best(values, choices.AGGREGATIONS["mean"]) == 2
    assert choices.best(values, choices.AGGREGATIONS["worst run"]) == 1
    assert choices.best(values, choices.AGGREGATIONS["mean - SE"]) == 1  # 1.5 - 0.5 against 2 - 2


def test_fewer_folds_are_judged_by_all_choices_of_them():
    """By the first fold configuration 0 is chosen, by the second 1, by both 1: it is better by 3 there."""
    values = {"sharpe": np.array([[[2.0]], [[1.0]]]).repeat(2, axis=1)}
    values["sharpe"][1, 1] = 5.0
    market = choices.Market(values, np.array([0.5, 0.7]))
    assert market.chosen("sharpe", "mean", 1, 1) == pytest.approx(0.6)
    assert market.chosen("sharpe", "mean", 2, 1) == 0.7


def test_a_hard_fold_that_is_hard_for_all_is_no_part_of_a_centred_score():
    values = np.array([[[1.0], [-9.0]], [[0.9], [-6.0]], [[0.8], [-9.3]]])
    assert choices.best(values, choices.AGGREGATIONS["centred mean - SE"]) == 1


def test_the_shipped_choice_is_that_of_the_shipped_configuration():
    shipped = read_config(yaml.safe_load((optimizers.ROOT / "config.yaml").read_text(encoding="utf-8")))
    (sweep,) = shipped.sweeps.values()
    assert (sweep.keys.objective, "mean", shipped.top.folds.number, len(shipped.top.seeds.tuning)) == choices.SHIPPED
    assert sweep.runs <= choices.FOLDS["count"] * len(choices.SEEDS["tuning"])


def test_what_each_way_to_choose_earned_is_compared_with_the_shipped_one():
    """Two configurations on a planted market and on noise, worth 1 and 3 unseen; only Sortino prefers the second."""
    rows = [
        {"market": market, "configuration": number, "fold": fold, "seed": seed, "unseen": unseen}
        | {name: float(number == (name == "sortino")) for name in choices.OBJECTIVES}
        for market in ("strong_31", "noise_21")
        for number, unseen in enumerate((1.0, 3.0))
        for fold in range(4)
        for seed in range(3)
    ]
    found = choices.decided(pd.DataFrame(rows))
    by = {(row["objective"], row["aggregation"]): row for row in found["scores"]}
    sharpe, sortino = by["sharpe", "mean"], by["sortino", "mean"]
    assert (sharpe["strong"], sharpe["noise"], sharpe["medium"], sharpe["regret"], sharpe["gap"]) == (1, 1, None, 2, 0)
    assert (sortino["strong"], sortino["regret"], sortino["gap"]) == (3, 0, 2)
    assert [row["strong"] for row in found["references"]] == [3, 1, 2, 1]
    assert len(found["sizes"]) == 12
    assert "| sortino | mean | 3.00 | 3.00 | 0.00 | +2.00 |" in choices.table(found["scores"])


def test_the_interval_whose_tests_keep_their_size_best_comes_first():
    laws = [{"law": "iid", "a": 0.05, "b": 0.02}, {"law": "ar_6", "a": 0.07, "b": 0.34}]
    assert choices.intervals(laws) == [
        {"method": "a", "off": pytest.approx(0.01), "worst": pytest.approx(0.02)},
        {"method": "b", "off": pytest.approx(0.16), "worst": pytest.approx(0.29)},
    ]


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
from pathlib import Path
from rich.progress import Progress
with Progress(transient=True) as bar:
    task = bar.add_task("trains", total=2)
    bar.console.print("first trial")
    bar.advance(task)
    bar.refresh()
    while not Path("go").exists():
        time.sleep(0.05)
    bar.console.print("second trial")
print("done")
"""


def test_a_picture_has_the_lines_that_stand_on_a_terminal_and_the_bar_while_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "ROOT", tmp_path)
    terminal = pictures.Terminal(shlex.join([sys.executable, "-c", BAR]), tmp_path)
    half_way = [line.plain for line in pictures.lines(terminal.read(re.compile("50%")))]
    (tmp_path / "go").touch()
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
    asked = gpu.plan(found, on_cores=4500.0)
    assert (asked["gpu_s"], asked["cores_s"], asked["ratio"]) == (10.0, 200.0, 20.0)


def test_without_a_gpu_nothing_is_measured(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(gpu, "RESULTS", tmp_path / "gpu.json")
    monkeypatch.setattr(gpu.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["gpu.py"])
    gpu.main()
    assert capsys.readouterr().out == "bench-gpu: torch sees no NVIDIA GPU on this machine: nothing was measured\n"
    assert not gpu.RESULTS.exists()

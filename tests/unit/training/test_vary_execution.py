"""Saved policies under other fees and delays."""

import json
import shutil

import numpy as np
import pytest

from tests.unit.training.whole_run import whole_run
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.sharpe import read_returns
from workflow_scripts.training.trials import Trial
from workflow_scripts.training.vary_execution import as_seen, break_even, vary_execution
from workflow_scripts.workflow.files import write_json, write_text

TRIAL = Trial("mine", "ppo", 0, 0, 64, {"net_dims_0": 16, "net_dims_1": 16, "horizon_len": 32, "batch_size": 32})
TRAINING = TrainingSettings(num_envs=2, device="cpu")


@pytest.fixture(scope="module")
def judged(fold, tmp_path_factory):
    root = tmp_path_factory.mktemp("judged")
    write_text(root / "config.yaml", TRIAL.to_yaml())
    for seed in (0, 1):
        whole_run(root / f"seed_{seed}", TRIAL, fold, TRAINING, seed)
    return root


def varied(root, fold_file, **environment):
    policies = tuple(root / f"seed_{seed}/policy.pt" for seed in (0, 1))
    settings = EnvironmentSettings(**environment)
    vary_execution(root / "config.yaml", fold_file, policies, root / "execution.json", settings, TRAINING)
    return json.loads((root / "execution.json").read_text(encoding="utf-8"))


def test_as_judged_the_policies_earn_what_their_backtest_kept(judged, fold_file):
    said = varied(judged, fold_file)
    kept = [read_returns(judged / f"seed_{seed}/returns.parquet").to_numpy() for seed in (0, 1)]
    assert said["judged"] == {"basis_points": 10, "delay": 1}
    at_ten = next(row for row in said["costs"] if row["basis_points"] == 10)
    at_one = next(row for row in said["delays"] if row["days"] == 1)
    assert at_ten["tuned"] == at_one["tuned"]
    assert at_ten["tuned"]["annual_return"] == pytest.approx(252 * np.mean(kept), rel=1e-12)


def test_every_basis_point_costs_what_is_traded(judged, fold_file):
    costs = varied(judged, fold_file)["costs"]
    for who in ("tuned", "benchmark"):
        earned = [row[who]["annual_return"] for row in costs]
        assert all(np.diff(earned) < 0)
        # On a line: a fee is a share of what is traded, which hardly depends on the fee.
        slopes = np.diff(earned) / np.diff([row["basis_points"] for row in costs])
        assert slopes == pytest.approx(slopes[0], rel=0.02)


def test_delays_move_what_is_seen_and_no_price(fold):
    segment = fold.validation
    early, late = as_seen(segment, 0), as_seen(segment, 2)
    assert np.array_equal(early.ticker_features[:-1], segment.ticker_features[1:])
    assert np.array_equal(late.market_features[1:], segment.market_features[:-1])
    assert np.array_equal(late.flat_features[0], segment.flat_features[0])
    for moved in (early, late):
        assert np.array_equal(moved.close, segment.close)
        assert np.array_equal(moved.dates, segment.dates)
    assert np.array_equal(as_seen(segment, 1).ticker_features, segment.ticker_features)


def test_delays_change_what_the_policies_earn_and_not_the_benchmark(judged, fold_file):
    delays = varied(judged, fold_file)["delays"]
    assert [row["days"] for row in delays] == [0, 1, 2]
    assert len({row["tuned"]["annual_return"] for row in delays}) == 3
    assert len({row["benchmark"]["annual_return"] for row in delays}) == 1


def rows(*gaps):
    return [
        {"basis_points": points, "tuned": {"annual_return": 0.1 + gap}, "benchmark": {"annual_return": 0.1}}
        for points, gap in zip((0, 5, 10), gaps, strict=False)
    ]


@pytest.mark.parametrize(
    ("gaps", "break_even_at", "reason"),
    [
        ((0.04, 0.03, -0.01), 5 + 0.75 * 5, None),
        ((0.04, 0.03, 0.02), None, "more than the benchmark up to 10 bp"),
        ((-0.01, -0.02, -0.03), None, "no more than the benchmark at 0 bp"),
        ((), None, "no policy was trained"),
    ],
)
def test_the_break_even_fee_is_where_the_gain_ends(gaps, break_even_at, reason):
    said = break_even(rows(*gaps))
    assert said["reason"] == reason
    assert said["break_even"] == (None if break_even_at is None else pytest.approx(break_even_at))


def test_failed_trainings_are_left_out(judged, fold_file, tmp_path):
    shutil.copytree(judged, tmp_path / "copy")
    failed = {"status": "failed", "reason": "the loss is not finite", "days": 0, "sharpe": None}
    for seed, left in ((0, 1), (1, 0)):
        write_json(tmp_path / f"copy/seed_{seed}/sharpe.json", failed)
        assert varied(tmp_path / "copy", fold_file)["policies"] == left

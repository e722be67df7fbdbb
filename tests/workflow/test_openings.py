"""The sealed days are opened once for each thing that they judge, and that is written down before."""

import hashlib
import json

import pytest

from tests.workflow.toy import executed

SWEEP = "results/sweeps/ppo_smac"
LEDGER = "results/markets/toy/openings.jsonl"


@pytest.fixture
def done(finished, tmp_path):
    return finished.copy(tmp_path)


def lines(toy):
    return (toy.folder / LEDGER).read_text().splitlines()


def test_a_sweep_opens_the_test_days_once_and_before_it_reads_them(finished):
    (line,) = map(json.loads, lines(finished))
    stated = finished.folder / SWEEP / "preregistration.json"
    assert line["preregistration"] == hashlib.sha256(stated.read_bytes()).hexdigest()
    sealed = finished.folder / "results/markets/toy/sealed.npz"
    assert line["data"] == hashlib.sha256(sealed.read_bytes()).hexdigest()
    backtests = list((finished.folder / SWEEP / "backtest").glob("*/seed_*/sharpe.json"))
    assert len(backtests) == 6
    assert all(path.stat().st_mtime_ns > stated.stat().st_mtime_ns for path in backtests)
    assert json.loads(stated.read_text())["seeds"] == [10, 11]


def test_a_dry_run_opens_nothing_and_what_is_judged_otherwise_is_one_opening_more(done):
    before = (done.folder / LEDGER).read_bytes()
    done.config["backtest"]["budget"] = 96
    done.write_config()
    done.snakemake("-n")
    assert (done.folder / LEDGER).read_bytes() == before
    for _ in range(2):
        assert done.snakemake("--until", "open_test_days").returncode == 0
        assert len(lines(done)) == 2
    first, second = map(json.loads, lines(done))
    assert second["configurations"] != first["configurations"]
    assert (second["data"], second["code"]) == (first["data"], first["code"])


def test_a_backtest_that_is_made_again_opens_nothing(done):
    before = (done.folder / LEDGER).read_bytes()
    lost = f"{SWEEP}/backtest/rank_1/seed_10/sharpe.json"
    (done.folder / lost).unlink()
    assert executed(done.snakemake(lost).stdout)["backtest_incumbent"] == 1
    assert (done.folder / LEDGER).read_bytes() == before

"""`snakemake orders` follows from what was judged: it trains nothing, judges nothing, and opens no test days."""

import pytest

from tests.workflow.toy import executed, jobs

ORDERS = "results/sweeps/ppo_smac/orders.csv"
OWN = {ORDERS, "results/markets/toy/latest.parquet", "results/markets/toy/latest.lock.json"}


@pytest.fixture
def done(finished, tmp_path):
    return finished.copy(tmp_path)


def test_orders_of_a_market_with_new_days_leave_all_that_was_judged_alone(done):
    before = done.bytes_of_results()
    del done.config["markets"]["toy"]["end"]
    done.config["orders"] = {"holdings": "mine.csv", "lot_size": 1}
    done.write_config()
    (done.folder / "mine.csv").write_text("ticker,shares\nS2,1000\ncash,50000\n", encoding="utf-8")

    refused = done.snakemake("orders")
    assert refused.returncode != 0
    assert "ValueError: no orders of ppo_smac, whose skill was not shown" in refused.stdout
    assert not (done.folder / ORDERS).exists()

    made = done.snakemake("orders", "--config", "anyway=true")
    assert made.returncode == 0, made.stdout[-3000:]
    assert executed(made.stdout) == {"orders": 1}
    said = (done.folder / ORDERS).read_text(encoding="utf-8")
    assert said in made.stdout
    assert "ppo_smac on toy: decided on the close of 2001-02-23 by the mean action of 2 seeds" in said
    assert "# the account of mine.csv: worth " in said
    assert {row.split(",")[0] for row in said.splitlines()[-3:]} == {"S1", "S2", "S3"}
    after = done.bytes_of_results()
    assert after.keys() - before.keys() == OWN
    assert {path: after[path] for path in before} == before


def test_of_several_sweeps_one_is_named_on_the_command_line(done):
    done.config["sweeps"]["second"] = done.config["sweeps"]["ppo_smac"] | {"seed": 1}
    done.write_config()
    refused = done.snakemake("orders")
    assert refused.returncode != 0
    assert "orders are those of one sweep, and there are ppo_smac, second" in refused.stdout
    wrong = done.snakemake("orders", "--config", "orders={sweep: third}")
    assert "config.yaml, orders.sweep: 'third' is not among the sweeps: ppo_smac, second" in wrong.stdout
    unjudged = done.snakemake("orders", "--config", "orders={sweep: second}")
    assert "ValueError: second has no verdict yet, and orders follow from one" in unjudged.stdout
    made = done.snakemake("orders", "--config", "orders={sweep: ppo_smac}", "anyway=true")
    assert made.returncode == 0, made.stdout[-3000:]
    assert (done.folder / ORDERS).exists()


def test_a_finished_sweep_has_nothing_to_do_before_and_after_its_orders(done):
    assert done.snakemake("orders", "--config", "anyway=true").returncode == 0
    left = done.snakemake("-n")
    assert left.returncode == 0
    assert jobs(left.stdout) == {}

"""A vendor's market through the whole workflow, against a stand-in on loopback."""

import os

import pandas as pd
import pytest

from tests.unit.data.stand_ins import KEY, SECRET, Answer, alpaca, table_of
from tests.workflow.toy import executed, jobs
from workflow_scripts.data.ticker_lists import DOW28
from workflow_scripts.workflow.files import read_json

TICKERS = ["AAA", "BBB", "VIXY"]


@pytest.fixture
def server(monkeypatch):
    with alpaca(table_of(TICKERS, "2000-01-03", 260)) as stand_in:
        monkeypatch.setenv("APCA_API_DATA_URL", stand_in.address)
        monkeypatch.setenv("APCA_API_KEY_ID", KEY)
        monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
        yield stand_in


@pytest.fixture
def market(toy):
    toy.config["markets"]["toy"] = {
        "source": "alpaca",
        "start": "2000-01-03",
        "end": "2000-12-29",
        "test_start": "2000-10-02",
        "tickers": ["AAA", "BBB"],
    }
    toy.write_config()
    return toy


def where_a_key_lies(folder, *texts):
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    secrets = (KEY.encode(), SECRET.encode())
    found = [path for path in files if any(secret in path.read_bytes() for secret in secrets)]
    return found + [text for text in texts if any(secret.decode() in text for secret in secrets)]


def test_a_market_goes_from_the_vendor_to_its_folds_and_its_report_without_a_trace_of_the_keys(server, market):
    # The server's refusal, and a proxy's page, say the keys back.
    server.fault = lambda number, query: Answer(401, f'{{"message": "no such key {KEY} {SECRET}"}}')
    refused = market.snakemake("--until", "split_folds")
    assert refused.returncode != 0
    assert "ConnectionError: Alpaca answered with status 401 (no such key … …) for AAA, BBB, VIXY" in refused.stdout
    folder = market.folder / "results/markets/toy"
    assert sorted(path.name for path in folder.iterdir()) == ["download_bars.log"]

    server.fault = lambda number, query: None
    done = market.snakemake("--until", "split_folds")
    assert done.returncode == 0, done.stdout[-3000:]
    lock, fold = read_json(folder / "data.lock.json"), read_json(folder / "folds/fold_0.json")
    assert (lock["tickers"], lock["query"]["feed"], lock["rows"]) == (["AAA", "BBB"], "sip", 520)
    assert fold["volatility"] == "close of VIXY"
    assert not (folder / "bars.parts").exists()

    told = market.snakemake("--report", "report.html", "results/markets/toy/folds/fold_0.npz")
    assert told.returncode == 0, told.stdout[-3000:]
    assert (market.folder / "report.html").stat().st_size > 10_000
    assert where_a_key_lies(market.folder, refused.stdout, done.stdout, told.stdout) == []
    assert len(pd.read_parquet(folder / "bars.parquet")) == 520
    assert os.environ["APCA_API_SECRET_KEY"] == SECRET  # so that the search looked for what was there


DOW = """
from workflow_scripts.data.sources.csv import Csv


class Dow(Csv):
    tickers: str | tuple[str, ...] | None = "dow28"
"""


@pytest.mark.parametrize("said", ["in config.yaml", "by the source's default"])
def test_the_report_of_dow28_begins_with_its_survivorship(toy, said):
    """The report reads the settings, not what config.yaml spells."""
    toy.config["markets"]["toy"] |= {"features_from": []}
    if said == "in config.yaml":
        toy.config["markets"]["toy"]["tickers"] = "dow28"
    else:
        (toy.folder / "my_sources.py").write_text(DOW, encoding="utf-8")
        toy.config["markets"]["toy"]["source"] = "my_sources:Dow"
    days = pd.bdate_range("2000-01-03", periods=3)
    rows = [(day, ticker, 10.0, 10.0, 10.0, 10.0, 1) for day in days for ticker in DOW28]
    columns = ["date", "ticker", "open", "high", "low", "close", "volume"]
    pd.DataFrame(rows, columns=columns).to_csv(toy.folder / "prices.csv", index=False)
    toy.write_config()
    done = toy.snakemake("results/markets/toy/data.lock.json")
    assert done.returncode == 0, done.stdout[-3000:]
    told = toy.snakemake("--report", "report.html", "results/markets/toy/data.lock.json")
    assert told.returncode == 0, told.stdout[-3000:]
    report = (toy.folder / "report.html").read_text()
    assert "the market toy holds the Dow Jones Industrial Average of 2020-08-31" in report
    assert "the tickers of dow28 were chosen in 2020" in report


def test_a_refresh_downloads_once_more_and_a_failed_one_leaves_the_bars(server, market):
    folder = market.folder / "results/markets/toy"
    until = ("--until", "split_folds")
    assert market.snakemake(*until).returncode == 0
    before = (folder / "bars.parquet").read_bytes()
    asked = len(server.asked)

    dry = market.snakemake("-n", *until, "--config", "refresh=true")
    assert jobs(dry.stdout)["download_bars"] == 1
    assert jobs(market.snakemake("-n", *until).stdout) == {}  # a dry run notes nothing

    server.fault = lambda number, query: Answer(403, '{"message": "forbidden."}')
    failed = market.snakemake(*until, "--config", "refresh=true")
    assert failed.returncode != 0
    assert "status 403 (forbidden.)" in failed.stdout
    assert (folder / "bars.parquet").read_bytes() == before
    assert jobs(market.snakemake("-n", *until).stdout)["download_bars"] == 1  # the next run tries again

    server.fault = lambda number, query: None
    done = market.snakemake(*until, "--config", "refresh=true")
    assert executed(done.stdout)["download_bars"] == 1
    assert len(server.asked) == asked + 2
    assert (folder / "bars.parquet").read_bytes() == before
    assert jobs(market.snakemake("-n", *until).stdout) == {}


def test_orders_ask_the_vendor_each_time_and_a_finished_market_does_not(server, market):
    assert market.snakemake("--until", "split_folds").returncode == 0
    asked = len(server.asked)
    for times in (1, 2):
        refused = market.snakemake("orders")
        assert executed(refused.stdout)["download_latest"] == 1
        assert "ValueError: ppo_smac has no verdict yet" in refused.stdout
        assert len(server.asked) == asked + times
    assert jobs(market.snakemake("-n", "--until", "split_folds").stdout) == {}


def test_diff_market_says_which_folds_a_revision_touches_before_anything_reruns(market, monkeypatch):
    monkeypatch.setenv("APCA_API_KEY_ID", KEY)
    monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
    folder = market.folder / "results/markets/toy"
    table = table_of(TICKERS, "2000-01-03", 260)
    with alpaca(table) as server:
        monkeypatch.setenv("APCA_API_DATA_URL", server.address)
        assert market.snakemake("--until", "split_folds").returncode == 0
    last = read_json(folder / "folds/fold_1.json")["validation"]["last_day"]
    table["AAA"].loc[last, ["open", "high", "low", "close"]] *= 1.01
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    with alpaca(table) as server:
        monkeypatch.setenv("APCA_API_DATA_URL", server.address)
        done = market.snakemake("--force", "results/markets/toy/data.diff.json")
        assert done.returncode == 0, done.stdout[-3000:]
        assert set(executed(done.stdout)) == {"diff_market"}
        said = (folder / "diff_market.log").read_text()
        assert f"AAA: 1 days revised, {last} to {last}, close, high, low, open by up to 1.00%" in said
        assert "would make anew: the runs of folds [1], and the backtest" in said
        assert read_json(folder / "data.diff.json")["folds"] == [1]
        assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
        kept = (folder / "folds/fold_0.npz").read_bytes()
        assert market.snakemake("--until", "split_folds", "--config", "refresh=true").returncode == 0
    assert (folder / "folds/fold_0.npz").read_bytes() == kept
    assert f"AAA: 1 days revised, {last} to {last}" in (folder / "download_bars.log").read_text()

"""What score.json says of runs, from their returns and the benchmark's."""

import json

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.sweeps.measures import MEASURES
from workflow_scripts.sweeps.score_trial import score_trial
from workflow_scripts.training.sharpe import (
    Episode,
    failed_run,
    judge_episode,
    read_returns,
    write_result,
    write_returns,
)
from workflow_scripts.training.trials import Trial

DAYS = np.arange(np.datetime64("2021-01-01"), np.datetime64("2021-01-31"))
BENCHMARK = np.where(np.arange(len(DAYS)) % 2, 0.02, -0.01)
ABOVE = 0.001 + 2 * BENCHMARK


def write_run(folder, daily_returns, traded=0.1, year=252):
    folder.mkdir(parents=True)
    if daily_returns is None:
        episode, result = None, failed_run("the loss is not finite")
    else:
        episode = Episode(DAYS.astype(str), daily_returns, np.full(len(DAYS), traded), year)
        result = judge_episode(episode, episode)
    write_returns(episode, folder / "returns.parquet", year)
    write_result(result, folder / "sharpe.json")
    return folder / "sharpe.json"


@pytest.fixture
def score(tmp_path):
    """Score a trial of one fold, with a run of these daily returns for each seed."""
    (tmp_path / "config.yaml").write_text(Trial("toy", "ppo", 0, 0, 1, {}).to_yaml(), encoding="utf-8")
    benchmark = tmp_path / "fold_0.parquet"
    pd.DataFrame({"date": pd.to_datetime(DAYS), "benchmark": BENCHMARK}).to_parquet(benchmark, index=False)

    def score(*runs, objective="sharpe", benchmarks=(benchmark,), **options):
        paths = [write_run(tmp_path / f"fold_0/seed_{seed}", run, **options) for seed, run in enumerate(runs)]
        score_trial(tmp_path / "config.yaml", tuple(paths), tmp_path / "score.json", benchmarks, objective)
        return json.loads((tmp_path / "score.json").read_text(encoding="utf-8"))

    return score


def test_a_run_has_its_value_and_every_measure(score):
    content = score(ABOVE, objective="calmar")
    row = content["runs"][0]
    assert (row["fold"], row["seed"], row["status"], row["reason"], row["days"]) == (0, 0, "ok", None, len(DAYS))
    assert set(row["measures"]) == set(MEASURES)
    assert row["measures"]["beta"] == pytest.approx(2)
    assert row["measures"]["alpha"] == pytest.approx(0.252)
    assert row["measures"]["sharpe"] == row["sharpe"]
    assert row["undefined"] == {"information_ratio": "30 residuals do not vary"}
    assert content["score"] == row["value"] == row["measures"]["calmar"]
    assert content["objective"] == "calmar"


def test_an_excess_sharpe_ratio_takes_the_folds_benchmark(score):
    assert score(ABOVE, objective="excess_sharpe")["score"] == pytest.approx(
        (0.001 + BENCHMARK).mean() / BENCHMARK.std(ddof=1) * 252**0.5
    )


def test_measures_are_annualised_by_the_markets_own_year(score, tmp_path):
    content = score(ABOVE, year=365)
    assert content["periods_per_year"] == 365
    assert content["score"] == pytest.approx(ABOVE.mean() / ABOVE.std(ddof=1) * 365**0.5)
    assert content["runs"][0]["measures"]["alpha"] == pytest.approx(0.365)
    assert content["runs"][0]["measures"]["annual_turnover"] == pytest.approx(36.5)
    sharpe = json.loads((tmp_path / "fold_0/seed_0/sharpe.json").read_text(encoding="utf-8"))
    assert (sharpe["sharpe"], sharpe["periods_per_year"]) == (content["runs"][0]["sharpe"], 365)


def test_a_failed_run_knows_its_markets_year(score):
    assert score(None, year=365)["periods_per_year"] == 365


def test_without_a_benchmark_the_objective_has_a_reason_and_no_score(score):
    content = score(ABOVE, objective="excess_sharpe", benchmarks=())
    reason = "excess_sharpe is undefined: there is no benchmark"
    assert (content["status"], content["score"], content["reason"]) == ("undefined", None, reason)
    assert (content["runs"][0]["status"], content["runs"][0]["value"]) == ("ok", None)


def test_a_failed_run_has_no_measure(score):
    row = score(ABOVE, None)["runs"][1]
    assert (row["status"], row["value"], row["reason"]) == ("failed", None, "the loss is not finite")
    assert row["undefined"] == dict.fromkeys(MEASURES, "there are no daily returns")


def test_a_run_that_never_traded_has_no_value_whatever_the_objective(score):
    content = score(np.zeros(len(DAYS)), traded=0.0, objective="mean_minus_se")
    assert (content["status"], content["runs"][0]["value"]) == ("flat", None)
    assert content["runs"][0]["measures"]["total_return"] == 0


def test_a_benchmark_of_other_days_is_refused(score, tmp_path):
    other = tmp_path / "other" / "fold_0.parquet"
    other.parent.mkdir()
    pd.DataFrame({"date": pd.to_datetime(DAYS[1:]), "benchmark": BENCHMARK[1:]}).to_parquet(other, index=False)
    with pytest.raises(ValueError, match=r"30 days and .*fold_0\.parquet 29: not the same days"):
        score(ABOVE, benchmarks=(other,))


def test_returns_read_without_pandas_are_those_that_pandas_reads(tmp_path):
    write_run(tmp_path / "run", ABOVE)
    daily = read_daily(tmp_path / "run" / "returns.parquet")
    table = read_returns(tmp_path / "run" / "returns.parquet")
    assert daily.columns["daily_return"].tobytes() == table.to_numpy().tobytes()
    assert daily.days.tolist() == [day.date() for day in table.index]


def test_a_table_that_states_no_year_has_that_of_stocks(tmp_path):
    pd.DataFrame({"date": pd.to_datetime(DAYS)}).to_parquet(tmp_path / "days.parquet", index=False)
    assert read_daily(tmp_path / "days.parquet").periods_per_year == 252


def test_bars_of_less_than_a_day_keep_their_time(tmp_path):
    moments = pd.to_datetime(["2021-01-01T15:30", "2021-01-01T15:45"])
    pd.DataFrame({"date": moments}).to_parquet(tmp_path / "bars.parquet", index=False)
    assert read_daily(tmp_path / "bars.parquet").days.tolist() == moments.to_pydatetime().tolist()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_days_are_days_in_whichever_unit_they_were_written(tmp_path, unit):
    pd.DataFrame({"date": DAYS.astype(f"datetime64[{unit}]")}).to_parquet(tmp_path / "days.parquet", index=False)
    assert read_daily(tmp_path / "days.parquet").days.tolist() == DAYS.tolist()


def test_truncated_returns_are_named(tmp_path):
    write_run(tmp_path / "run", ABOVE)
    path = tmp_path / "run" / "returns.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"returns\.parquet is damaged .* delete it and run Snakemake again"):
        read_daily(path)

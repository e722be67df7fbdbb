from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.analysis.design import Design, Likeness, measure_likeness
from workflow_scripts.sweeps.history import Score, write_score

DESIGN = Design("sharpe", 504, 1, 756, 12, 252, Likeness("assumed", 0.9, benchmark_sharpe=1.0))


def alike(**differs):
    return replace(DESIGN, likeness=replace(DESIGN.likeness, **differs))


def test_two_years_show_nine_tenths_between_siblings_and_an_eighth_between_twins():
    assert DESIGN.smallest == pytest.approx(0.885939, abs=5e-7)
    assert alike(correlation=0.998).smallest == pytest.approx(0.125291, abs=5e-7)


def test_what_seeds_do_not_share_shrinks_with_their_number():
    assert replace(alike(seeds_alike=0.0), seeds=4).smallest == pytest.approx(0.885939 / 2, abs=5e-7)
    assert replace(DESIGN, seeds=4).smallest == DESIGN.smallest
    # Beside days of no error, seeds that differ by 1: 2.80158 × 1 / √4.
    assert replace(alike(correlation=1.0, seed_deviation=1.0), seeds=4).smallest == pytest.approx(1.40079, abs=5e-6)


def test_alpha_is_counted_in_the_benchmarks_volatility():
    """Over two years residuals as volatile as the benchmark have an error of 1/√2 of its annual volatility."""
    design = replace(alike(residual=1.0), estimand="alpha")
    assert design.smallest == pytest.approx(2.80158 / 2**0.5, abs=5e-6)
    assert design.unit == "alpha per year over the benchmark's volatility"


def test_the_table_has_track_record_and_backtest_length_beside_skill():
    rows = dict(DESIGN.rows())
    assert rows["skill shows"].startswith(
        "from 0.89 in annual Sharpe ratio on: 504 test days, 1 seeds, returns that corr"
    )
    assert rows["level"] == "the standard error of a Sharpe ratio on 504 test days is 0.71"
    assert rows["MinTRL"] == ("2.73 years show by themselves a Sharpe ratio of 1 above 1.00; the test has 2.00")
    assert rows["MinBTL"] == (
        "2.77 years let the best of 12 trials without skill show a Sharpe ratio of 1; validation has 3.00"
    )


def test_a_design_that_cannot_answer_says_what_could():
    (warning,) = DESIGN.warnings()
    # (2.80158 / 0.5)² × 0.2 × 252 days
    assert warning == (
        "this design cannot tell whether the agent beats the benchmark: it finds a true difference of 0.5 in annual "
        "Sharpe ratio in 35% of cases. It takes 1,583 test days, 6.3 years (an earlier test_start "
        "with test.windows, so that training stays near)."
    )
    (warning,) = alike(correlation=0.998, seed_deviation=1.0).warnings()
    # The days' variance is 0.002, and all of it has to be (0.5 / 2.80158)² = 0.03185: 1 / 0.02985 seeds.
    assert warning.endswith("It takes 34 final seeds.")
    (warning,) = replace(alike(seed_deviation=40.0), seeds=2).warnings()
    assert warning.endswith("Neither 200 years of test days nor 200 final seeds alone would do.")


def test_a_design_that_can_answer_is_not_warned_of():
    assert alike(correlation=0.998).warnings() == []
    assert replace(alike(correlation=0.998), test_days=0).warnings()[0].startswith("without test days nothing shows")
    assert replace(DESIGN, test_days=0).rows()[0] == ("skill shows", "never: there are no test days")


def test_ten_years_in_windows_know_a_level_better_than_two():
    ten = dict(replace(DESIGN, test_days=2520, windows=5).rows())
    assert ten["level"] == "the standard error of a Sharpe ratio on 2520 test days in 5 windows is 0.32"  # √(1/10)
    assert ten["skill shows"].startswith("from 0.40 in annual Sharpe ratio")  # 0.89 √(2/10)


def test_too_many_trials_for_the_validation_days_are_warned_of():
    (warning,) = replace(alike(correlation=0.998), trials=45).warnings()  # MinBTL of 45 is 4.998 years
    assert "the best of 45 trials without skill is expected to show a Sharpe ratio of 1.29 on 756" in warning


def test_the_likeness_is_that_of_the_validation_days(tmp_path):
    rng = np.random.default_rng(0)
    benchmark, runs = [], []
    for fold in range(2):
        days = pd.date_range("2020-01-01", periods=400) + pd.Timedelta(days=400 * fold)
        market = rng.normal(0.001, 0.01, 400)
        shared = rng.normal(0, 0.01, 400)
        pd.DataFrame({"date": days, "benchmark": market}).to_parquet(tmp_path / f"fold_{fold}.parquet", index=False)
        benchmark.append(market)
        for seed in range(2):
            folder = tmp_path / f"fold_{fold}" / f"seed_{seed}"
            folder.mkdir(parents=True)
            own = market + 0.5 * shared + 0.25 * rng.normal(0, 0.01, 400) + seed * 0.001
            pd.DataFrame({"date": days, "daily_return": own}).to_parquet(folder / "returns.parquet", index=False)
            runs.append({"fold": fold, "seed": seed, "status": "ok", "value": 1.0})
    write_score(Score("s", 0, 0, 1, "ok", None, 1.0, None, {}, runs), tmp_path / "score.json")
    folds = [tmp_path / f"fold_{fold}.parquet" for fold in range(2)]
    likeness = measure_likeness(tmp_path / "score.json", folds, "sharpe", 252, "the best trial of s")
    assert likeness.source == "measured on 800 validation days of the best trial of s"
    assert likeness.correlation == pytest.approx(1 / 1.3125**0.5, abs=0.02)  # variances 1, 0.25 and 0.0625
    assert likeness.residual == pytest.approx(0.3125**0.5, abs=0.02)
    assert likeness.seeds_alike == pytest.approx(0.8, abs=0.03)
    # Sharpe ratios of the seeds differ by 0.001 / 0.01146 a day: a deviation of 0.0617 √252 a year.
    assert likeness.seed_deviation == pytest.approx(0.98, abs=0.35)
    days = np.concatenate(benchmark)
    assert likeness.benchmark_sharpe == pytest.approx(days.mean() / days.std(ddof=1) * 252**0.5)


def test_what_is_the_benchmark_has_no_likeness_to_it(tmp_path):
    table = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=30), "benchmark": np.linspace(-0.1, 0.1, 30)})
    table.to_parquet(tmp_path / "fold_0.parquet", index=False)
    (tmp_path / "fold_0" / "seed_0").mkdir(parents=True)
    own = table.rename(columns={"benchmark": "daily_return"})
    own.to_parquet(tmp_path / "fold_0" / "seed_0" / "returns.parquet", index=False)
    runs = [{"fold": 0, "seed": 0, "status": "ok", "value": 1.0}]
    write_score(Score("s", 0, 0, 1, "ok", None, 1.0, None, {}, runs), tmp_path / "score.json")
    assert measure_likeness(tmp_path / "score.json", [tmp_path / "fold_0.parquet"], "sharpe", 252, "s") is None

"""One series under two names; splits that nobody adjusted for, and moves that are none."""

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bars import arrange_bars
from workflow_scripts.data.doors.series import _correlate, check_series, check_twins, warn_of_moves


def bars(opening=None, **closes):
    days = pd.bdate_range("2024-01-01", periods=max(map(len, closes.values())))
    rows = [
        {"date": day, "ticker": ticker, "high": price, "low": price, "close": price, "volume": 1}
        | {"open": price if opening is None else opening[ticker][place]}
        for ticker, prices in closes.items()
        for place, (day, price) in enumerate(zip(days, prices, strict=False))
    ]
    return arrange_bars(pd.DataFrame(rows), "a test")


def walk(seed, days=60, sd=0.01):
    return 100 * np.cumprod(1 + sd * np.random.default_rng(seed).standard_normal(days))


def test_tickers_that_are_one_series_are_refused_by_name():
    same = walk(1)
    with pytest.raises(ValueError, match="3 tickers have identical returns on every day: A, B, D; they are one series"):
        check_twins(bars(A=same, B=same * 3, C=walk(2), D=same[:40]))


def test_closes_that_never_move_are_no_twins():
    assert check_twins(bars(A=[1.0] * 30, B=[1.0] * 30, C=walk(1, 30))) == []


def test_a_correlation_above_999_is_a_warning():
    one = walk(1)
    nearly = one * (1 + 1e-5 * np.random.default_rng(3).standard_normal(60))
    (warning,) = check_series(bars(GOOG=one, GOOGL=nearly, KO=walk(2)))
    assert warning.startswith("GOOG and GOOGL move as one: their returns correlate by ")
    assert check_twins(bars(A=one, B=one * (1 + 1e-3 * np.random.default_rng(3).standard_normal(60)))) == []


def test_a_correlation_is_taken_over_common_days():
    early, late = walk(1), walk(2)
    returns = pd.DataFrame({"A": early, "B": late}).pct_change()
    values = returns.to_numpy(copy=True)[1:]
    values[:20, 0] = np.nan
    days, correlation = _correlate(values)
    assert days[0, 1] == 39
    assert correlation[0, 1] == pytest.approx(pd.DataFrame(values).corr().iloc[0, 1], abs=1e-12)


@pytest.mark.parametrize(
    ("factor", "split"),
    [
        (1 / 2, "2:1"),
        (1 / 3, "3:1"),
        (1 / 10, "10:1"),
        (1 / 4.1, "4:1"),
        (10, "1:10"),
        (1 / 20, "20:1"),
        (2 / 5, "5:2"),
    ],
)
def test_a_split_is_near_a_small_fraction_and_the_level_stays(factor, split):
    closes = np.concatenate([[100, 101, 100, 99, 100, 100], factor * np.array([100, 101, 99, 100, 101, 100])])
    (warning,) = warn_of_moves(bars(KO=closes))
    assert warning == f"KO moves by {factor - 1:+.0%} on 2024-01-09, near {split}, and stays there: a split?"


@pytest.mark.parametrize(
    "closes",
    [
        [100, 101, 100, 99, 100, 170, 171, 170, 172],  # 1.7 is no small fraction
        [100, 100, 100, 100, 100, 200, 101, 100, 99, 100],  # the level does not stay
        [40, 50, 60, 75, 90, 100, 200, 260, 300, 280, 330],  # a coin on its way
    ],
)
def test_other_moves_are_no_splits(closes):
    said = warn_of_moves(bars(DOGE=np.array(closes, dtype=float)))
    assert said
    assert not any("a split?" in one for one in said)
    assert "no split by size and course" in said[0]


def test_a_price_that_doubles_during_the_day_is_no_split():
    closes = {"DOGE": np.array([100.0, 100, 100, 200, 200, 200])}
    opening = {"DOGE": [100.0, 100, 100, 101, 200, 200]}
    assert "a split?" not in warn_of_moves(bars(opening, **closes))[0]
    assert "a split?" in warn_of_moves(bars(**closes))[0]


def test_many_moves_that_are_no_splits_are_one_line():
    wild = 100 * np.cumprod([1, 1.7, 0.45, 1.8, 0.41, 1.7])
    said = warn_of_moves(bars(DOGE=wild))
    assert said == [
        "DOGE moves by +70% on 2024-01-02 and 4 more moves beyond 50%: no split by size and course, so see whether the "
        "price is right"
    ]

"""Markets of known truth: days in another order, means without alpha, a planted part of known strength."""

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bars import SIGNAL, bars_of_closes, write_bars
from workflow_scripts.data.markets import load_market
from workflow_scripts.data.resampling import own_deviation, resampled_days, without_alpha
from workflow_scripts.data.sources.base import source_of

BEFORE = "2003-01-06"
DAYS, KNOWN = 1000, 785  # business days from 2000-01-03 on, and those before BEFORE


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A market whose tickers share a factor, whose first ticker has alpha, and whose days alternate calm and wild."""
    rng = np.random.default_rng(7)
    calm = np.where(np.arange(DAYS) // 50 % 2, 0.004, 0.02)[:, None]
    moves = calm * (rng.standard_normal((DAYS, 1)) + rng.standard_normal((DAYS, 4)))
    moves += [0.003, 0.0005, 0.0005, 0.0005]
    wide = pd.DataFrame(50 * np.cumprod(1 + moves, axis=0), pd.bdate_range("2000-01-03", periods=DAYS), list("ABCD"))
    bars = bars_of_closes(wide)
    day = bars["date"].rank(method="dense")
    bars = bars.assign(high=1.01 * bars["close"], volume=day, mine=-day, **{"index:SPY": day})
    path = tmp_path_factory.mktemp("controls") / "bars.parquet"
    write_bars(bars, path)
    return path


def control(path, **keys):
    return source_of({"source": "control", "path": str(path), "before": BEFORE, **keys})


def read(path, **keys):
    return load_market(control(path, **keys)).bars


def returns_of(bars):
    return bars.pivot(index="date", columns="ticker", values="close").pct_change().to_numpy()[1:]


def days_of(bars):
    """The number of the day, from 0 on, that each day of a control is."""
    return bars.pivot(index="date", columns="ticker", values="volume").to_numpy()[:, 0].astype(int) - 1


def test_each_day_is_a_day_of_the_market_before_its_test_days_with_the_returns_of_all_its_tickers(path):
    market = returns_of(pd.read_parquet(path))
    nothing_to_gain = without_alpha(market[: KNOWN - 1])
    bars = read(path)
    drawn = days_of(bars)[1:]
    assert (drawn.min(), drawn.max()) >= (1, 1)
    assert drawn.max() < KNOWN
    assert returns_of(bars) == pytest.approx(nothing_to_gain[drawn - 1])
    assert (bars["mine"] == -bars["volume"]).all()
    assert set(bars) == {"date", "ticker", "open", "high", "low", "close", "volume", "mine", SIGNAL}  # and no index
    assert (bars["high"] / bars["close"]).to_numpy() == pytest.approx(1.01)
    assert list(bars["date"].unique()) == list(pd.bdate_range("2000-01-03", periods=DAYS))


def test_prices_of_test_days_change_nothing(path, tmp_path):
    bars = pd.read_parquet(path)
    late = bars["date"] >= pd.Timestamp(BEFORE)
    bars.loc[late, ["open", "high", "low", "close"]] *= 3
    write_bars(bars, tmp_path / "bars.parquet")
    for law in ("own", "gaussian"):
        pd.testing.assert_frame_equal(read(tmp_path / "bars.parquet", law=law), read(path, law=law))


def test_the_order_of_days_is_gone_and_longer_blocks_keep_that_wild_days_follow_wild_days(path):
    def clustering(bars):
        size = np.abs(returns_of(bars)).mean(axis=1)
        return np.corrcoef(size[1:], size[:-1])[0, 1]

    assert clustering(pd.read_parquet(path)) > 0.5
    assert abs(clustering(read(path))) < 0.1
    assert clustering(read(path, block_days=20)) > 0.4


def test_blocks_have_the_length_that_is_asked_for_and_each_day_is_drawn_as_often_as_any():
    rng = np.random.default_rng(0)
    drawn = resampled_days(10, 100_000, 5, rng)
    goes_on = (drawn[1:] == (drawn[:-1] + 1) % 10).mean()
    # In four of five cases the block goes on, and one new block in ten begins there by chance.
    assert goes_on == pytest.approx(0.8 + 0.2 / 10, abs=0.005)
    assert np.bincount(drawn) / len(drawn) == pytest.approx(np.full(10, 0.1), abs=0.01)
    apart = resampled_days(10, 100_000, 1, rng)
    assert (apart[1:] == (apart[:-1] + 1) % 10).mean() == pytest.approx(0.1, abs=0.005)


def test_no_portfolio_has_a_larger_sharpe_ratio_than_equal_weight_has_where_alpha_is_taken_out(path):
    market = returns_of(pd.read_parquet(path))
    best = np.linalg.solve(np.cov(market.T), market.mean(axis=0))
    assert (best[0] > 0, *(best[1:] < 0)) == (True,) * 4  # long the ticker that has alpha, short the others
    nothing = without_alpha(market)
    best = np.linalg.solve(np.cov(nothing.T), nothing.mean(axis=0))
    assert best / best.sum() == pytest.approx(np.full(4, 0.25))
    assert nothing.mean() == pytest.approx(market.mean())
    assert nothing - nothing.mean(axis=0) == pytest.approx(market - market.mean(axis=0))


@pytest.mark.parametrize("law", ["own", "gaussian"])
def test_a_planted_part_has_the_strength_that_is_asked_for(path, law):
    nothing, planted = read(path, law=law, seed=3), read(path, law=law, seed=3, signal_strength=0.15)
    signal = planted.pivot(index="date", columns="ticker", values=SIGNAL).to_numpy()[:-1]
    added = returns_of(planted) - returns_of(nothing)
    sd = own_deviation(returns_of(pd.read_parquet(path))[: KNOWN - 1])
    if law == "gaussian":
        sd = np.median(sd)
    assert added == pytest.approx(0.15 * sd * signal)
    assert not control(path).planted
    assert control(path, signal_strength=0.15).planted


def test_equal_seeds_are_equal_markets_and_others_differ(path):
    pd.testing.assert_frame_equal(read(path, seed=1), read(path, seed=1))
    assert not np.allclose(returns_of(read(path, seed=1)), returns_of(read(path, seed=2)))


def test_a_column_that_begins_late_gives_no_day_before_it_does(path, tmp_path):
    bars = pd.read_parquet(path)
    bars.loc[bars["volume"] <= 100, "mine"] = np.nan
    write_bars(bars, tmp_path / "bars.parquet")
    assert days_of(read(tmp_path / "bars.parquet")).min() >= 100


def test_a_ticker_that_lacks_days_is_left_out_and_one_ticker_is_no_market(path, tmp_path):
    bars = pd.read_parquet(path)
    lacking = (bars["ticker"] != "A") & (bars["date"] == bars["date"].max())
    write_bars(bars[~lacking | (bars["ticker"] == "B")], tmp_path / "bars.parquet")
    assert sorted(read(tmp_path / "bars.parquet")["ticker"].unique()) == ["A", "B"]
    write_bars(bars[~lacking], tmp_path / "bars.parquet")
    with pytest.raises(ValueError, match=r"has 785 days and 1 such tickers, 1000 bars on 1000 days"):
        read(tmp_path / "bars.parquet")

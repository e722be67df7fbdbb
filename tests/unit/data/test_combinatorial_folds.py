import math

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bars import MEMBER
from workflow_scripts.data.fold_files import read_fold, write_fold
from workflow_scripts.data.folds import combinatorial
from workflow_scripts.data.market_folds import folds_of_market
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.data.universes import MarketFeatures
from workflow_scripts.training.evaluate_baselines import signal_by_day
from workflow_scripts.workflow.model import SettingError

LOOK_BACK = 61  # of turbulence_days 60
SETTINGS = FoldSettings.of(
    {"scheme": "combinatorial", "n_folds": 4, "n_test_folds": 2, "purge_days": LOOK_BACK, "embargo_days": LOOK_BACK}
)


@pytest.fixture(scope="module")
def bars():
    return synthetic_bars(3, 800, 0.001, 10, 0.01, seed=1)


def cut(bars):
    """Return folds and descriptions of a market whose last 20 days are sealed."""
    days = np.sort(bars["date"].unique())
    market = MarketFeatures.of(bars, 60, by_run=True)
    return list(folds_of_market(market.before(f"{pd.Timestamp(days[-20]):%Y-%m-%d}"), SETTINGS))


@pytest.fixture(scope="module")
def folds(bars):
    return cut(bars)


def test_each_choice_of_parts_validates_once_and_the_others_train():
    folds = combinatorial(12, 3, 2, 1, 1)
    assert [fold.validation for fold in folds] == [
        (range(4), range(4, 8)),
        (range(4), range(8, 12)),
        (range(4, 8), range(8, 12)),
    ]
    assert [fold.train for fold in folds] == [(range(9, 12),), (range(5, 7),), (range(3),)]


def test_training_days_between_validation_parts_are_two_runs_and_both_sides_lose_days():
    fold = combinatorial(120, 6, 2, 3, 7)[7]
    assert fold.validation == (range(20, 40), range(80, 100))
    assert fold.train == (range(17), range(47, 77), range(107, 120))


@pytest.mark.parametrize(("n_folds", "n_test_folds"), [(4, 2), (6, 2), (5, 3)])
def test_a_path_has_every_part_once(n_folds, n_test_folds):
    folds = combinatorial(100 * n_folds, n_folds, n_test_folds, 5, 5)
    assert len(folds) == math.comb(n_folds, n_test_folds)
    paths = {}
    for fold in folds:
        for part, path in zip(fold.validation, fold.paths, strict=True):
            paths.setdefault(path, []).append(part.start // 100)
    assert len(paths) == math.comb(n_folds - 1, n_test_folds - 1)
    assert all(sorted(parts) == list(range(n_folds)) for parts in paths.values())


def perturbed(bars, segment):
    """Return bars with other prices on the days of a segment, and the same ones on every other day."""
    other = bars.copy()
    rows = other["date"].dt.strftime("%Y-%m-%d").isin(set(segment.dates))
    assert rows.any()
    columns = ["open", "high", "low", "close", "volume"]
    other.loc[rows, columns] *= np.random.default_rng(0).uniform(0.9, 1.1, rows.sum())[:, None]
    return other


def same_bytes(one, other):
    return {name: array.tobytes() == other.arrays()[name].tobytes() for name, array in one.arrays().items()}


@pytest.mark.parametrize("place", range(6))
def test_no_training_row_touches_a_validation_day(bars, folds, place):
    data, description = folds[place]
    again, described = cut(perturbed(bars, data.validation))[place]
    assert all(same_bytes(data.train, again.train).values())
    assert described["scalers"] == description["scalers"]
    seen = same_bytes(data.validation, again.validation)
    assert [name for name, same in seen.items() if same] == ["dates"]


@pytest.mark.parametrize("place", range(6))
def test_no_feature_of_a_validation_day_touches_a_training_day(bars, folds, place):
    data, _ = folds[place]
    before, after = (MarketFeatures.of(table, 60, by_run=True) for table in (bars, perturbed(bars, data.train)))
    days = dict(zip(before.dates.strftime("%Y-%m-%d"), range(len(before.dates)), strict=True))
    for run in data.validation.runs():
        positions = range(days[run.dates[0]], days[run.dates[-1]] + 1)
        for name in ("close", "indicators", "scale_free", "market"):
            one, other = (getattr(features.of_run(positions), name).tobytes() for features in (before, after))
            assert one == other


def test_a_day_less_than_features_reach_back_to_would_touch_one(bars):
    """The look-back is no day too long: it is the turbulence of 60 returns, whose first needs the close before."""
    features = MarketFeatures.of(bars, 60, by_run=True)
    day = 200
    days = np.sort(bars["date"].unique())
    for back, same in ((LOOK_BACK, False), (LOOK_BACK + 1, True)):
        other = bars.copy()
        other.loc[other["date"] == days[day + LOOK_BACK - back], "close"] *= 1.001
        rows = [
            table.of_run(range(day, day + 5)).market[0, 0]
            for table in (features, MarketFeatures.of(other, 60, by_run=True))
        ]
        assert (rows[0] == rows[1]) == same


def test_scalers_are_fitted_on_all_training_runs_and_on_no_other_day(bars, folds):
    data, description = folds[2]
    assert len(data.train.starts) == len(description["train"]["runs"]) == 1
    rows = data.train.ticker_features.reshape(-1, data.train.ticker_features.shape[2])
    inside = np.abs(rows).max(axis=0) < 5  # nothing was clipped
    assert inside.sum() > 3
    np.testing.assert_allclose(rows[:, inside].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(rows[:, inside].std(axis=0), 1, atol=1e-4)


def test_a_fold_of_several_runs_is_read_back_with_its_seams(folds, tmp_path):
    data, description = folds[1]
    assert description["validation"]["paths"] == [1, 0]
    write_fold(data, description, tmp_path / "fold_1.npz")
    again = read_fold(tmp_path / "fold_1.npz")
    assert (again.train.starts, again.validation.starts) == (data.train.starts, data.validation.starts)
    assert [len(run.dates) for run in again.validation.runs()] == [179, 179]
    assert all(same_bytes(again.train, data.train).values())


def test_the_file_of_features_keeps_bars_and_the_oracle_finds_the_signal_in_either(bars, folds, tmp_path):
    signals = []
    for by_run in (False, True):
        MarketFeatures.of(bars, 60, by_run).write(tmp_path / "features.npz")
        signals.append(signal_by_day(tmp_path / "features.npz"))
    known = MarketFeatures.read(tmp_path / "features.npz")
    assert (known.whole, len(known.bars)) == (None, len(bars))
    for day in folds[0][0].validation.dates:
        np.testing.assert_array_equal(*(signal[day] for signal in signals))


@pytest.fixture(scope="module")
def hours():
    """Three tickers on 500 days of five hours."""
    days = pd.bdate_range("2000-01-03", periods=500)
    stamps = [day + pd.Timedelta(hours=10 + hour) for day in days for hour in range(5)]
    bars = synthetic_bars(3, len(stamps), 0.001, 10, 0.01, seed=1)
    bars["date"] = np.repeat(pd.DatetimeIndex(stamps), 3)
    return bars


def test_folds_of_hours_begin_and_end_with_whole_days_and_lose_whole_days_between_them(hours):
    """The warm-up of 61 bars ends in the 13th day, 20 bars are sealed: 483 days, of which a part has 120."""
    for data, description in cut(hours):
        days = pd.bdate_range("2000-01-03", periods=500)[13:496]
        for name, segment in (("train", data.train), ("validation", data.validation)):
            bars = [run["bars"] for run in description[name]["runs"]]
            assert sum(bars) == 5 * description[name]["days"] == len(segment.dates)
            assert bars == [len(run.dates) for run in segment.runs()]
            for run in segment.runs():
                assert (run.dates[0][11:], run.dates[-1][11:]) == ("10:00", "14:00")
        trained, judged = (
            np.unique(pd.DatetimeIndex(each.dates).normalize()) for each in (data.train, data.validation)
        )
        positions, held_out = days.get_indexer(trained), days.get_indexer(judged)
        assert min(positions.min(), held_out.min()) >= 0
        assert np.abs(positions[:, None] - held_out).min() == LOOK_BACK + 1
        assert next(len(run.dates) for run in data.validation.runs()) == 5 * 120


def test_no_training_hour_touches_a_validation_hour(hours):
    data, _ = cut(hours)[1]
    other = hours.copy()
    rows = other["date"].dt.strftime("%Y-%m-%dT%H:%M").isin(set(data.validation.dates))
    assert rows.sum() == 3 * len(data.validation.dates)
    other.loc[rows, ["open", "high", "low", "close"]] *= np.random.default_rng(0).uniform(0.9, 1.1, rows.sum())[:, None]
    again, _ = cut(other)[1]
    assert all(same_bytes(data.train, again.train).values())
    assert not same_bytes(data.validation, again.validation)["ticker_features"]


@pytest.mark.parametrize("key", ["purge_days", "embargo_days"])
def test_fewer_dropped_days_than_features_reach_back_to_are_refused_in_numbers(key):
    settings = SETTINGS.model_copy(update={key: 60})
    with pytest.raises(SettingError, match=rf"{key}: 60 days are fewer than the 61 that features reach back to"):
        settings.require_look_back(60)
    FoldSettings().require_look_back(252)  # walk-forward folds train before they validate


def test_parts_that_the_dropped_days_use_up_are_refused_in_numbers():
    with pytest.raises(ValueError, match="240 days have 60 each, and 61 purged and 61 embargo days leave none"):
        combinatorial(240, 4, 2, 61, 61)
    with pytest.raises(ValueError, match="leave a fold no training days"):
        combinatorial(300, 3, 2, 61, 61)


def test_a_market_with_a_universe_is_refused(bars):
    members = bars.assign(**{MEMBER: 1})
    with pytest.raises(ValueError, match=r"set folds\.scheme to walk_forward"):
        cut(members)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scheme": "combinatorial"}, "n_folds: is required with scheme combinatorial"),
        ({"scheme": "combinatorial", "n_folds": 4, "count": 3}, "count: does not go with scheme combinatorial"),
        ({"scheme": "combinatorial", "n_folds": 3, "n_test_folds": 3}, "3 of 3 parts validate, which leaves none"),
        ({"n_test_folds": 2}, "n_test_folds: belongs to scheme combinatorial"),
    ],
)
def test_keys_of_another_form_are_refused(values, message):
    with pytest.raises(SettingError, match=message):
        FoldSettings.of(values)

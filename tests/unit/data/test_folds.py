import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.fold_files import fold_bytes, read_fold, write_fold
from workflow_scripts.data.folds import cut_fold, first_test_day, sealed_fold, walk_forward
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.market_folds import describe_fold, folds_of_market, warn_of_gap
from workflow_scripts.data.settings import IN_DAYS, FoldSettings
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.data.universes import MarketFeatures


def test_purge_days_separate_training_from_validation():
    folds = walk_forward(60, count=3, train_days=20, validation_days=10, purge_days=5)
    assert [fold.validation.start - fold.train.stop for fold in folds] == [5, 5, 5]


def test_rolling_windows_keep_their_length_and_step_by_the_validation_days():
    folds = walk_forward(60, count=3, train_days=20, validation_days=10, purge_days=5)
    assert [(fold.train.start, len(fold.train)) for fold in folds] == [(0, 20), (10, 20), (20, 20)]
    assert [fold.validation.start for fold in folds] == [25, 35, 45]


def test_expanding_windows_start_at_the_first_day():
    folds = walk_forward(60, count=3, train_days=20, validation_days=10, purge_days=5, window="expanding")
    assert [(fold.train.start, fold.train.stop) for fold in folds] == [(0, 20), (0, 30), (0, 40)]


def test_appended_days_and_added_folds_move_no_fold():
    before = walk_forward(55, count=3, train_days=20, validation_days=10, purge_days=5)
    assert walk_forward(300, count=9, train_days=20, validation_days=10, purge_days=5)[:3] == before


def test_folds_from_the_end_validate_up_to_the_day_before_the_test_days():
    folds = walk_forward(60, count=3, train_days=20, validation_days=10, purge_days=5, anchor="end")
    assert [(fold.train.start, fold.validation.stop) for fold in folds] == [(5, 40), (15, 50), (25, 60)]
    expanding = walk_forward(60, 3, 20, 10, 5, "expanding", anchor="end")
    assert [(fold.train.start, fold.train.stop) for fold in expanding] == [(0, 25), (0, 35), (0, 45)]


@pytest.mark.parametrize("anchor", ["start", "end"])
def test_appended_test_days_move_no_fold_wherever_folds_are_anchored(anchor):
    settings = FoldSettings(count=2, train_days=60, validation_days=20, purge_days=5, anchor=anchor)
    bars = synthetic_bars(3, 260, 0.001, 10, 0.01, seed=1)
    shorter = bars[bars["date"] < bars["date"].unique()[220]]
    test_start = str(pd.Timestamp(bars["date"].unique()[200]).date())
    cuts = [
        [fold_bytes(data) for data, _ in folds_of_market(MarketFeatures.of(each, 60).before(test_start), settings)]
        for each in (shorter, bars)
    ]
    assert cuts[0] == cuts[1]


def test_earlier_days_move_no_fold_that_is_anchored_at_the_end():
    settings = FoldSettings(count=2, train_days=60, validation_days=20, purge_days=5, anchor="end")
    days = pd.bdate_range("2000-01-03", periods=300)
    later = [
        [
            (dates[fold.train.start], dates[fold.validation.stop - 1])
            for fold in walk_forward(len(dates), **cut_by(settings))
        ]
        for dates in (days, days[100:])
    ]
    assert later[0] == later[1] == [(days[195], days[279]), (days[215], days[299])]


def cut_by(settings):
    return settings.model_dump(include=set(IN_DAYS))


def test_a_gap_before_the_test_days_in_which_a_fold_finds_room_is_a_warning_with_the_remedy_in_numbers():
    days = pd.bdate_range("1970-01-01", periods=12521)  # to 2017
    settings = FoldSettings()
    assert warn_of_gap(days, settings) == (
        "the folds end on 1976-10-12, 10,752 days before the test days, and none validates the days in between: take "
        "folds.anchor: end, which moves all 3 by 10,752 days, or folds.count: 45, or let the market start 10,752 days "
        "later"
    )
    assert warn_of_gap(days, FoldSettings(anchor="end")) is None
    assert "the fold ends on 1974-11-06, 11,256 days before" in warn_of_gap(days, FoldSettings(count=1))
    assert "which moves it by 11,256 days" in warn_of_gap(days, FoldSettings(count=1))
    assert warn_of_gap(days, FoldSettings(count=45)) is None
    assert warn_of_gap(days[: 1769 + 251], settings) is None
    assert "252 days before" in warn_of_gap(days[: 1769 + 252], settings)


def test_folds_that_need_one_day_more_than_there_is_are_refused_in_numbers():
    assert len(walk_forward(1139, count=5, train_days=504, validation_days=126, purge_days=5)) == 5
    with pytest.raises(ValueError, match=r"need 1139 days, but the market has 1138"):
        walk_forward(1138, count=5, train_days=504, validation_days=126, purge_days=5)


def test_fractions_are_resolved_to_days():
    settings = FoldSettings(n_folds=4, train_ratio=0.5, expanding=True, gap_days=10).resolve(1010)
    assert (settings.count, settings.train_days, settings.validation_days) == (4, 505, 123)
    assert (settings.purge_days, settings.window) == (10, "expanding")
    assert len(walk_forward(1010, 4, 505, 123, 10, "expanding")) == 4


def test_fractions_that_leave_no_validation_days_are_refused():
    with pytest.raises(ValueError, match="leave 90 training and 0 validation days of 100"):
        FoldSettings(n_folds=5, train_ratio=0.9, gap_days=10).resolve(100)


def test_the_sealed_fold_trains_on_all_days_before_the_test_days():
    dates = pd.bdate_range("2020-01-01", periods=100)
    fold = sealed_fold(dates, str(dates[80].date()), purge_days=5)
    assert (fold.train, fold.validation) == (range(75), range(80, 100))


def test_a_window_of_the_test_days_ends_before_the_next_and_trains_on_the_days_of_earlier_ones():
    dates = pd.bdate_range("2020-01-01", periods=100)
    starts = [str(dates[place].date()) for place in (80, 90)]
    assert sealed_fold(dates, starts[0], 5, starts[1]).validation == range(80, 90)
    second = sealed_fold(dates, starts[1], 5)
    assert (second.train, second.validation) == (range(85), range(90, 100))


def test_a_window_in_which_nothing_can_be_earned_is_refused():
    dates = pd.bdate_range("2020-01-01", periods=100)  # dates[80] is a Wednesday
    with pytest.raises(
        ValueError, match=r"to before 2020-04-23 has 1 bars, and an episode needs 2: lower test\.windows"
    ):
        sealed_fold(dates, "2020-04-22", 5, "2020-04-23")


def test_a_test_start_outside_the_calendar_is_refused():
    dates = pd.bdate_range("2020-01-01", periods=100)
    with pytest.raises(ValueError, match="leaves 100 days before and 0 test days"):
        first_test_day(dates, "2030-01-01")


@pytest.fixture(scope="module")
def features():
    return compute_features(synthetic_bars(3, 200, 0.001, 10, 0.01, seed=1), turbulence_days=60)


def cut(features):
    return cut_fold(features, walk_forward(139, 2, 60, 30, 5)[0])


def test_scaling_is_fitted_on_the_training_window_alone(features):
    data, scalers = cut(features)
    raw = features.scale_free[:60, :, 0]
    assert scalers["ticker_features"]["return_1"]["mean"] == pytest.approx(raw.mean())
    expected = (features.scale_free[65:95, :, 0] - raw.mean()) / raw.std()
    np.testing.assert_allclose(data.validation.ticker_features[:, :, 0], expected.clip(-5, 5), rtol=1e-5, atol=1e-5)


def test_fold_files_are_byte_deterministic_and_read_back(features, tmp_path):
    data, scalers = cut(features)
    description = describe_fold(features, walk_forward(139, 2, 60, 30, 5)[0], scalers)
    for name in ("a", "b"):
        write_fold(data, description, tmp_path / name / "fold_0.npz")
    assert (tmp_path / "a/fold_0.npz").read_bytes() == (tmp_path / "b/fold_0.npz").read_bytes()
    assert (tmp_path / "a/fold_0.json").read_bytes() == (tmp_path / "b/fold_0.json").read_bytes()
    again = read_fold(tmp_path / "a/fold_0.npz")
    np.testing.assert_array_equal(again.validation.close, data.validation.close)
    assert again.tickers == ("S1", "S2", "S3")


def test_a_truncated_fold_is_named_with_its_remedy(features, tmp_path):
    data, _ = cut(features)
    path = tmp_path / "fold_0.npz"
    write_fold(data, {}, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"fold_0\.npz is damaged .* delete it and run Snakemake again"):
        read_fold(path)

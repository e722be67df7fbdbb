import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.fold_files import read_fold, write_fold
from workflow_scripts.data.folds import cut_fold, first_test_day, sealed_fold, walk_forward
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.market_folds import describe_fold
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.synthetic import synthetic_bars


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

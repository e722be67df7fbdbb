"""Features are computed once: those before the test days lie in a file that no test day can change."""

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.data.bars import MEMBER, write_bars
from workflow_scripts.data.compute_features import compute_features
from workflow_scripts.data.fold_files import read_fold
from workflow_scripts.data.folds import cut_fold, sealed_fold
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.split_folds import split_folds
from workflow_scripts.data.synthetic import synthetic_bars
from workflow_scripts.data.universes import MarketFeatures
from workflow_scripts.workflow.files import read_json

# 61 days of warm-up, 149 before the test days, 30 test days.
DAYS = pd.bdate_range("2000-01-03", periods=240)
TEST_START = f"{DAYS[210]:%Y-%m-%d}"
FOLDS = FoldSettings(count=2, train_days=60, validation_days=40, purge_days=5)


def market(tickers=3, universe=False):
    bars = synthetic_bars(tickers, 240, 0.001, 10, 0.01, seed=1)
    return bars.assign(**{MEMBER: 1.0}) if universe else bars


def compute(bars, folder):
    """Write bars, and what the rule makes of them; return the two files."""
    write_bars(bars, folder / "bars.parquet")
    files = folder / "features.npz", folder / "sealed.npz"
    compute_features(folder / "bars.parquet", *files, TEST_START, turbulence_days=60, purge_days=5)
    return files


def other_prices(bars):
    changed, rows = bars.copy(), bars["date"] >= TEST_START
    columns = bars.columns.drop(["date", "ticker", MEMBER], errors="ignore")
    changed.loc[rows, columns] *= np.random.default_rng(0).uniform(0.7, 1.4, (rows.sum(), 1))
    return changed


def fewer_days(bars):
    return bars[bars["date"] <= DAYS[214]].reset_index(drop=True)


@pytest.mark.parametrize("change", [other_prices, fewer_days])
@pytest.mark.parametrize(("tickers", "universe"), [(3, False), (40, False), (3, True)])
def test_no_test_day_changes_a_byte_of_the_features_before_them(tmp_path, tickers, universe, change):
    bars = market(tickers, universe)
    first, second = (compute(table, tmp_path / name) for table, name in ((bars, "a"), (change(bars), "b")))
    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[0].with_suffix(".json").read_bytes() == second[0].with_suffix(".json").read_bytes()
    assert first[1].read_bytes() != second[1].read_bytes()


def test_a_day_before_the_test_days_changes_them(tmp_path):
    bars = market()
    changed = bars.copy()
    changed.loc[changed["date"] == DAYS[209], ["open", "high", "low", "close"]] *= 1.01
    assert compute(bars, tmp_path / "a")[0].read_bytes() != compute(changed, tmp_path / "b")[0].read_bytes()


@pytest.mark.parametrize("universe", [False, True])
def test_features_are_read_back_as_they_were_computed(tmp_path, universe):
    bars = market(universe=universe)
    bars.attrs["periods_per_year"] = 365
    features = MarketFeatures.of(bars, 60).before(TEST_START)
    features.write(tmp_path / "features.npz")
    again = MarketFeatures.read(tmp_path / "features.npz")
    assert list(again.dates) == list(features.dates) == list(DAYS[61:210])
    fold = sealed_fold(features.dates, f"{DAYS[180]:%Y-%m-%d}", 5)
    (own, cut), (expected, _) = again.of_fold(fold), features.of_fold(fold)
    for name in ("close", "indicators", "scale_free", "market"):
        assert getattr(own, name).tobytes() == getattr(expected, name).tobytes()
    for name in ("tickers", "scale_free_names", "volatility", "covariance", "periods_per_year"):
        assert getattr(own, name) == getattr(expected, name)
    assert own.periods_per_year == 365
    assert len(cut_fold(own, cut)[0].validation.dates) == 30


def test_the_sealed_fold_trains_on_the_days_before_and_trades_the_test_days(tmp_path):
    features, sealed = compute(market(40), tmp_path)
    data = read_fold(sealed)
    assert (data.train.dates[0], data.train.dates[-1]) == (f"{DAYS[61]:%Y-%m-%d}", f"{DAYS[204]:%Y-%m-%d}")
    assert list(data.validation.dates) == list(DAYS[210:].strftime("%Y-%m-%d"))
    described = read_json(sealed.with_suffix(".json"))
    assert described["settings"] == {"purge_days": 5, "test_start": TEST_START}
    said = "covariance of 60 days for 40 tickers, shrunk towards equal variances (Ledoit and Wolf, 2004)"
    assert described["covariance"] == read_json(features.with_suffix(".json"))["covariance"] == said


def test_folds_are_cut_from_the_file_and_end_before_the_test_days(tmp_path):
    features, _ = compute(market(), tmp_path)
    split_folds(features, tmp_path, FOLDS)
    assert read_fold(tmp_path / "fold_1.npz").validation.dates[-1] == f"{DAYS[61 + 144]:%Y-%m-%d}"
    with pytest.raises(ValueError, match="need 185 days, but the market has 149 between its warm-up and its test days"):
        split_folds(features, tmp_path, FOLDS.model_copy(update={"count": 3}))


def test_a_truncated_file_is_named_with_its_remedy(tmp_path):
    features, _ = compute(market(), tmp_path)
    features.write_bytes(features.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"features\.npz is damaged .* delete it and run Snakemake again"):
        split_folds(features, tmp_path, FOLDS)

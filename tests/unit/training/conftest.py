import pytest

from workflow_scripts.data.fold_files import write_fold
from workflow_scripts.data.folds import cut_fold, walk_forward
from workflow_scripts.data.indicators import compute_features
from workflow_scripts.data.synthetic import synthetic_bars


@pytest.fixture(scope="session")
def fold():
    """Three tickers, 80 training and 30 validation days."""
    features = compute_features(synthetic_bars(3, 180, 0.002, 10, 0.01, seed=2), turbulence_days=60)
    return cut_fold(features, walk_forward(119, 1, 80, 30, 5)[0])[0]


@pytest.fixture(scope="session")
def fold_file(fold, tmp_path_factory):
    path = tmp_path_factory.mktemp("folds") / "fold_0.npz"
    write_fold(fold, {}, path)
    return path

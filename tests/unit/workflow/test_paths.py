from pathlib import Path

import pytest

from workflow_scripts.workflow.paths import fold_and_seed, read_back


def test_a_run_is_read_back_from_any_file_in_it():
    run = Path("mein Übungs sweep/results/sweeps/a/round_0/trial_3/fold_2/seed_10")
    assert fold_and_seed(run) == fold_and_seed(run / "sharpe.json") == (2, 10)


def test_a_path_of_another_level_is_refused():
    with pytest.raises(ValueError, match=r"fold_02/seed_1 does not lie where fold_\{fold\}/seed_\{seed\} says"):
        fold_and_seed(Path("fold_02/seed_1/sharpe.json"))
    with pytest.raises(ValueError, match=r"fold_2\.x does not lie where fold_\{fold\} says"):
        read_back("fold_{fold}", Path("fold_2.x"))

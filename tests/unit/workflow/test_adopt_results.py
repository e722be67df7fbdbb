"""Results that were copied are checked against the digests that stand beside them."""

import hashlib
import shutil
import zipfile

import pytest

from workflow_scripts.workflow.adopt_results import adopt_results
from workflow_scripts.workflow.files import sha256, write_bytes, write_json, write_text

MARKET = "results/markets/toy"
ROUND = "results/sweeps/toy/round_0"
RUN = f"{ROUND}/trial_0/fold_0/seed_0"


@pytest.fixture
def results(tmp_path):
    """A market with a fold, and a round of one trial with one run."""
    for path, described in (
        (f"{MARKET}/bars.parquet", "data.lock.json"),
        (f"{MARKET}/folds/fold_0.npz", "fold_0.json"),
    ):
        write_bytes(tmp_path / path, path.encode())
        write_json((tmp_path / path).with_name(described), {"sha256": sha256(tmp_path / path)})
    write_text(tmp_path / ROUND / "trial_0/config.yaml", "agent: ppo\n")
    kept = {"config": "agent: ppo\n", "sha256": hashlib.sha256(b"agent: ppo\n").hexdigest()}
    write_json(tmp_path / ROUND / "proposals.json", {"trials": [kept]})
    write_bytes(tmp_path / RUN / "returns.parquet", b"PAR1 returns PAR1")
    with zipfile.ZipFile(tmp_path / RUN / "policy.pt", "w") as archive:
        archive.writestr("weights", "1")
    return tmp_path


def test_results_as_they_were_made_are_adopted(results, capsys):
    adopt_results(results)
    assert capsys.readouterr().out == "5 files are as their digests say\n"


def test_the_files_of_controls_are_looked_at_too(results):
    shutil.copytree(results / "results", results / "results/controls/results")
    (results / "results/controls" / RUN / "policy.pt").write_bytes(b"PK")
    with pytest.raises(SystemExit, match=rf"controls/{RUN}/policy\.pt: is truncated\n1 of 10 files are not"):
        adopt_results(results)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        (f"{MARKET}/bars.parquet", "its sha256 is not that of data.lock.json"),
        (f"{MARKET}/folds/fold_0.npz", "its sha256 is not that of fold_0.json"),
        (f"{ROUND}/trial_0/config.yaml", f"is not what {ROUND}/proposals.json proposed"),
        (f"{RUN}/policy.pt", "is truncated"),
        (f"{RUN}/returns.parquet", "is truncated"),
    ],
)
def test_a_file_that_the_copy_cut_short_is_named(results, path, fault):
    content = (results / path).read_bytes()
    (results / path).write_bytes(content[: len(content) // 2])
    with pytest.raises(SystemExit) as ended:
        adopt_results(results)
    said = str(ended.value).replace(f"{results}/", "")
    assert said == f"{path}: {fault}\n1 of 5 files are not as they were made: delete these first"


def test_a_folder_without_results_is_said_to_have_none(tmp_path):
    with pytest.raises(SystemExit, match="there are no results in"):
        adopt_results(tmp_path)

import os

import pytest
from filelock import FileLock

from tests.workflow.toy import Toy, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A toy sweep that ran to its end, made once for all of pytest's workers; tests must not change it.

    What its screen showed is in screen.txt.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    folder = tmp_path_factory.getbasetemp().parent / f"finished_{run}"
    with FileLock(f"{folder}.lock"):
        if folder.exists():
            return Toy(folder)
        folder.mkdir()
        toy = Toy(folder)
        done = snakemake(folder, VERBOSE="")
        assert done.returncode == 0, done.stdout[-3000:]
        (folder / "screen.txt").write_text(done.stdout, encoding="utf-8")
    return toy


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)

import pytest

from tests.workflow.toy import Toy


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A toy sweep that ran to its end; tests must not change it."""
    toy = Toy(tmp_path_factory.mktemp("finished"))
    done = toy.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    return toy


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)

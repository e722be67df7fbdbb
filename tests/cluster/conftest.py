import pytest

from tests.cluster.slurm import Cluster, UnavailableError, install
from tests.workflow.toy import Toy


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """SLURM on this machine, for as long as the tests last; skipped, with the reason, where it cannot be."""
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        install()
        cluster.configure()
    except UnavailableError as error:
        pytest.skip(f"no SLURM here: {error}")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """A toy sweep that ran to its end without a cluster; tests must not change it."""
    toy = small_toy(tmp_path_factory.mktemp("local"))
    done = toy.snakemake()
    assert done.returncode == 0, done.stdout[-3000:]
    return toy


def small_toy(folder):
    """2 rounds × 1 trial × 2 folds × 1 seed are 4 runs; (rank 1, default, untrained) × 2 seeds are 6 backtests."""
    toy = Toy(folder)
    toy.config["seeds"]["tuning"] = [0]
    toy.config["sweeps"]["ppo_smac"]["round_size"] = 1
    toy.write_config()
    return toy

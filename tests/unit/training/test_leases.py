"""Fake devices: a lease is a lock on a file, whatever its device is."""

import logging
import multiprocessing
import os
import random
import signal
import threading
import time
from pathlib import Path

import psutil
import pytest

from tests.waiting import PATIENCE, wait_for
from workflow_scripts.training.run.leases import POLL_SECONDS, lease_device, lease_folder, visible_devices

LOG = logging.getLogger("test")
DEVICES = ["0", "1", "GPU-8f"]
RUNS_PER_GPU = 2
FORK = multiprocessing.get_context("fork")


@pytest.mark.parametrize(
    ("named", "devices"),
    [
        (None, ["0", "1", "2", "3"]),
        ("2,0", ["2", "0"]),
        ("GPU-8faac1, MIG-f2a1", ["GPU-8faac1", "MIG-f2a1"]),
        ("", []),
        ("1,-1,2", ["1"]),
    ],
)
def test_the_devices_are_those_of_cuda_visible_devices_and_else_all(named, devices):
    environment = {} if named is None else {"CUDA_VISIBLE_DEVICES": named}
    assert visible_devices(environment, device_count=4) == devices


def test_a_slurm_job_numbers_its_own_devices():
    """Where SLURM hides the other devices, every job's only one is called 0."""
    folders = [lease_folder(environment) for environment in ({}, {"SLURM_JOB_ID": "7"}, {"SLURM_JOB_ID": "8"})]
    assert len(set(folders)) == 3


def test_every_device_gets_a_run_before_one_gets_two(tmp_path):
    leases = [lease_device(["3", "5"], 2, tmp_path, LOG) for _ in range(4)]
    assert [(lease.device, lease.slot) for lease in leases] == [("3", 0), ("5", 0), ("3", 1), ("5", 1)]


def test_no_device_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"names no device: unset it, or set training\.device to cpu"):
        lease_device([], 1, tmp_path, LOG)


def test_a_run_waits_until_a_slot_is_free_and_says_so_once(tmp_path, caplog):
    release = FORK.Event()
    holder = FORK.Process(target=_hold, args=(tmp_path, release))
    holder.start()
    wait_for((tmp_path / "held").exists)

    def free_once_it_has_looked_again():
        wait_for(lambda: caplog.records)
        time.sleep(3 * POLL_SECONDS)
        release.set()

    threading.Thread(target=free_once_it_has_looked_again).start()
    with caplog.at_level(logging.INFO):
        lease = lease_device(["0"], 1, tmp_path, LOG)
    assert release.is_set()
    assert (lease.device, lease.slot) == ("0", 0)
    assert [record.message for record in caplog.records] == ["waiting: all 1 slots of each of 1 devices are leased"]
    holder.join()


def _hold(folder, release):
    lease = lease_device(["0"], 1, folder, LOG)
    (folder / "held").touch()
    release.wait(PATIENCE)
    assert lease.lock.is_locked


def _run(folder: Path, holders, violations, seconds):
    """A run: write its process into its slot, where nobody alive may stand."""
    lease = lease_device(DEVICES, RUNS_PER_GPU, folder, LOG)
    place = DEVICES.index(lease.device) * RUNS_PER_GPU + lease.slot
    if _is_running(holders[place]):
        violations.value += 1
    holders[place] = os.getpid()
    time.sleep(seconds)
    if holders[place] != os.getpid():
        violations.value += 1
    holders[place] = 0


def _is_running(pid):
    """Whether a process lives; one that was killed drops its locks a moment before it is gone."""
    for _ in range(10):
        try:
            if pid == 0 or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return False
        except psutil.NoSuchProcess:
            return False
        time.sleep(0.01)
    return True


def test_fifty_runs_and_kills_never_exceed_the_slots_and_lose_none(tmp_path):
    """6 slots for 50 processes, of which 17 would hold for ever: the others end only if a kill frees what was held."""
    rng = random.Random(0)
    holders = FORK.Array("i", len(DEVICES) * RUNS_PER_GPU, lock=False)
    violations = FORK.Value("i", 0, lock=False)
    seconds = [600.0] * 17 + [rng.uniform(0, 0.2) for _ in range(33)]
    runs = [FORK.Process(target=_run, args=(tmp_path, holders, violations, held)) for held in seconds]
    for run in rng.sample(runs, 50):
        run.start()
    for run in runs[:17]:
        time.sleep(0.05)
        run.kill()
    for run in runs:
        run.join(PATIENCE)
    assert [run.exitcode for run in runs] == [-signal.SIGKILL] * 17 + [0] * 33
    assert violations.value == 0
    left = [lease_device(DEVICES, RUNS_PER_GPU, tmp_path, LOG) for _ in range(6)]
    assert len({(lease.device, lease.slot) for lease in left}) == 6

"""Leases of GPUs: a run holds one slot of one device, by a lock on a file that the kernel drops when its process dies.

Snakemake counts the resource gpu and assigns no device; this does, between all runs of a user on a machine.
"""

import logging
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Lease:
    """A slot of a device, held until the process ends or forgets this object.

    Attributes:
        device: the device, as CUDA_VISIBLE_DEVICES names it.
        slot: number of the slot, from 0.
        lock: the lock on the slot's file.

    """

    device: str
    slot: int
    lock: FileLock


def visible_devices(environment: Mapping[str, str], device_count: int) -> list[str]:
    """Return the devices that a run may lease, as CUDA_VISIBLE_DEVICES names them.

    Args:
        environment: the process's environment; where it names devices, as SLURM's does, those are all there are.
        device_count: devices of the machine.

    """
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [str(number) for number in range(device_count)]
    devices: list[str] = []
    for name in (word.strip() for word in named.split(",")):
        if name in ("", "-1"):  # CUDA reads the list up to the first name that is none
            break
        devices.append(name)
    return devices


def lease_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder of the lock files: one per user and machine; one per SLURM job, which has own numbers."""
    job = environment.get("SLURM_JOB_ID")
    owner = f"foldsweep_gpus_{os.getuid()}"
    return Path(tempfile.gettempdir()) / (owner if job is None else f"{owner}_slurm_{job}")


def lease_device(devices: Sequence[str], runs_per_gpu: int, folder: Path, log: logging.Logger) -> Lease:
    """Wait for a free slot, and return it leased; slots are taken where the fewest runs are.

    Raises:
        ValueError: there is no device.
        OSError: the folder cannot be written.

    """
    if not devices:
        raise ValueError("CUDA_VISIBLE_DEVICES names no device: unset it, or set training.device to cpu")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    waiting = False
    while True:
        for slot in range(runs_per_gpu):
            for device in devices:
                lock = FileLock(folder / f"{device.replace('/', '_')}.{slot}", fallback_to_soft=False)
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    continue
                return Lease(device, slot, lock)
        if not waiting:
            log.info(f"waiting: all {runs_per_gpu} slots of each of {len(devices)} devices are leased")
            waiting = True
        time.sleep(POLL_SECONDS)

"""The device of a run: which one it is, how exactly it computes, and what a training takes of its memory."""

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from workflow_scripts.training.run.leases import Lease, lease_device, lease_folder, visible_devices
from workflow_scripts.training.run.settings import DeviceChoice, Precision


@dataclass(frozen=True)
class Device:
    """Where a run computes.

    Attributes:
        name: torch's name of the device.
        memory: bytes that the run may take of it; none where the machine's memory is the limit.
        lease: the slot that the run holds as long as this object lives.

    """

    name: Literal["cpu", "cuda"]
    memory: int | None = None
    lease: Lease | None = None


CPU = Device("cpu")


def take_device(wanted: DeviceChoice, runs_per_gpu: int, log: logging.Logger) -> Device:
    """Return the device of this process; lease a GPU before CUDA is touched, and hide the others.

    Raises:
        ValueError: CUDA is asked for, or CUDA_VISIBLE_DEVICES hands over a device, and torch sees none.

    """
    if wanted == "cpu":
        return CPU
    asked = os.environ.get("CUDA_VISIBLE_DEVICES", "not set")
    devices = visible_devices(os.environ, torch.cuda.device_count())
    if not devices and wanted == "auto":
        return CPU
    if devices:
        lease = lease_device(devices, runs_per_gpu, lease_folder(os.environ), log)
        os.environ["CUDA_VISIBLE_DEVICES"] = lease.device
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # deterministic algorithms ask for it; CUDA reads it once
        if torch.cuda.is_available():
            log.info(
                f"device={torch.cuda.get_device_name()!r} named={lease.device} slot={lease.slot} of {runs_per_gpu}"
            )
            return Device("cuda", torch.cuda.mem_get_info()[1] // runs_per_gpu, lease)
    raise ValueError(
        f"training.device is {wanted} and CUDA_VISIBLE_DEVICES is {asked}, "
        f"but torch sees no CUDA device here: set training.device to cpu, or start the run where there is one"
    )


def uses_cuda(wanted: DeviceChoice) -> bool:
    """Return whether a run with this setting computes on CUDA here."""
    return wanted != "cpu" and torch.cuda.is_available()


def set_arithmetic(device: str, precision: Precision, deterministic: bool) -> None:
    """Say how exactly CUDA multiplies, and whether it must repeat itself; a CPU always does both as well as it can."""
    # The same as use_deterministic_algorithms, which imports torch's compiler only to tell it: a second of every run.
    torch.set_deterministic_debug_mode("error" if device == "cpu" or deterministic else "default")
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision("highest" if device == "cpu" or precision == "float32" else "high")


def compute_in_bfloat16(networks: Iterable[nn.Module]) -> None:
    """Let the linear layers of networks multiply in bfloat16; weights, sums and all that they hand on stay float32."""
    for network in networks:
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                layer.forward = partial(_linear_in_bfloat16, layer)  # type: ignore[method-assign]


def _linear_in_bfloat16(layer: nn.Linear, rows: Tensor) -> Tensor:
    bias = None if layer.bias is None else layer.bias.bfloat16()
    return linear(rows.bfloat16(), layer.weight.bfloat16(), bias).float()

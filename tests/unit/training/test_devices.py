"""What does not need a GPU of the choice of a device; torch's view of the machine is replaced."""

import logging
import os

import pytest
import torch
from torch import nn

from workflow_scripts.training.run import devices
from workflow_scripts.training.run.devices import compute_in_bfloat16, set_arithmetic, take_device

LOG = logging.getLogger("test")
GIB = 1 << 30


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine whose GPUs torch counts as told; each has 8 GiB."""

    def shows(count, named=None):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "card")
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (7 * GIB, 8 * GIB))
        monkeypatch.setattr(devices, "lease_folder", lambda _environment: tmp_path)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named or "")
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
        if named is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES")

    return shows


def test_runs_spread_over_the_gpus_and_each_sees_its_own_alone(machine):
    seen = []
    held = []
    for _ in range(3):
        machine(2)
        held.append(take_device("auto", 2, LOG))
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    assert seen == ["0", "1", "0"]
    assert {(device.name, device.memory) for device in held} == {("cuda", 4 * GIB)}


def test_what_slurm_handed_over_is_leased(machine):
    machine(1, named="3")
    assert take_device("cuda", 1, LOG).lease.device == "3"


@pytest.mark.parametrize(("count", "named", "wanted"), [(0, None, "auto"), (2, "", "auto"), (2, None, "cpu")])
def test_a_run_without_a_gpu_leases_none(machine, tmp_path, count, named, wanted):
    machine(count, named)
    device = take_device(wanted, 1, LOG)
    assert (device.name, device.memory, device.lease) == ("cpu", None, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("named", "wanted"), [(None, "cuda"), ("0", "cuda"), ("0", "auto")])
def test_a_gpu_that_torch_does_not_see_is_refused(machine, named, wanted):
    machine(0, named)
    with pytest.raises(ValueError, match=rf"training.device is {wanted} .* torch sees no CUDA device here"):
        take_device(wanted, 1, LOG)


def test_tf32_and_repetition_are_for_cuda_alone():
    try:
        set_arithmetic("cuda", "tf32", deterministic=False)
        assert torch.get_float32_matmul_precision() == "high"
        assert not torch.are_deterministic_algorithms_enabled()
        set_arithmetic("cuda", "float32", deterministic=True)
        assert torch.get_float32_matmul_precision() == "highest"
        assert torch.are_deterministic_algorithms_enabled()
        set_arithmetic("cpu", "tf32", deterministic=False)
        assert torch.get_float32_matmul_precision() == "highest"
    finally:
        set_arithmetic("cpu", "float32", deterministic=True)


def test_bfloat16_rounds_the_products_to_a_hundredth_and_keeps_weights_and_gradients_in_float32():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
    rows = torch.randn(50, 20)
    exact = network(rows)
    compute_in_bfloat16([network])
    rounded = network(rows)
    assert 0 < (rounded - exact).abs().max() < 0.01
    rounded.sum().backward()
    assert {tensor.dtype for weight in network.parameters() for tensor in (weight, weight.grad)} == {torch.float32}

"""When a step is recorded and replayed; torch's view of CUDA is replaced, since the rest needs a GPU (tests/gpu)."""

import logging
from contextlib import contextmanager, nullcontext
from functools import cache
from types import SimpleNamespace

import pytest
import torch

from workflow_scripts.training.together import graphs
from workflow_scripts.training.together.graphs import Replayed

CUDA = torch.device("cuda")


class Device:
    """What a step did, call by call, and what was recorded of it."""

    def __init__(self, monkeypatch, records=True):
        self.log, self.recording, self.records = [], False, records
        stream = SimpleNamespace(wait_stream=lambda other: None)
        monkeypatch.setattr(graphs, "stream_of", lambda device: stream)
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
        monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
        monkeypatch.setattr(
            torch.cuda, "CUDAGraph", lambda: SimpleNamespace(replay=lambda: self.log.append("replayed"))
        )
        monkeypatch.setattr(torch.cuda, "graph", self.record)
        monkeypatch.setattr(graphs, "_refusals", set())

    @contextmanager
    def record(self, graph, stream):
        self.recording = True
        yield
        self.recording = False
        if not self.records:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")

    def step(self):
        self.log.append("recorded" if self.recording else "made")


def test_a_step_is_made_three_times_recorded_once_and_replayed_from_then_on(monkeypatch):
    """Recording makes nothing: the fourth call replays what it has recorded."""
    device = Device(monkeypatch)
    step = Replayed(device.step, CUDA)
    for _ in range(5):
        step()
    assert device.log == ["made"] * 3 + ["recorded", "replayed", "replayed"]


def test_all_steps_of_a_device_share_a_stream(monkeypatch):
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: object())
    monkeypatch.setattr(graphs, "stream_of", cache(graphs.stream_of.__wrapped__))
    steps = [Replayed(lambda: None, CUDA) for _ in range(2)]
    assert steps[0].stream is steps[1].stream


def test_a_step_that_cannot_be_recorded_is_made_call_by_call_and_that_is_said_once(monkeypatch, caplog):
    device = Device(monkeypatch, records=False)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            step = Replayed(device.step, CUDA)
            for _ in range(5):
                step()
    assert device.log == (["made"] * 3 + ["recorded", "made", "made"]) * 2
    assert caplog.messages == [
        "a step cannot be recorded as a CUDA graph, and is made call by call: "
        "operation not permitted when stream is capturing"
    ]


@pytest.mark.parametrize("calls", [1, 6])
def test_on_a_cpu_a_step_is_made_call_by_call(calls):
    made = []
    step = Replayed(lambda: made.append("made"), torch.device("cpu"))
    for _ in range(calls):
        step()
    assert made == ["made"] * calls

"""CUDA graphs: a step is recorded once and replayed, so that the device does not wait for Python between kernels."""

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

log = logging.getLogger(__name__)
WARM_UPS = 3  # calls before the recording, as torch asks for: libraries make their workspaces in them
_refusals: set[str] = set()


@cache
def stream_of(device: torch.device) -> Any:
    """Return the stream of all recordings on a device: cuBLAS keeps a workspace for each that it ever worked on."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class Replayed:
    """A step on fixed tensors: on CUDA it is recorded after some calls and replayed from then on.

    What the step reads and writes must stay where it is, and nothing in it may depend on what Python knows. Where it
    cannot be recorded it goes on call by call, which the log says once.
    """

    def __init__(self, step: Callable[[], None], device: torch.device):
        self.step, self.calls = step, 0
        self.stream = stream_of(device) if device.type == "cuda" else None
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Make the step."""
        if self.stream is None:
            self.step()
        elif self.graph is not None:
            self.graph.replay()
        elif self.calls < WARM_UPS:
            self.calls += 1
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self.step()
            torch.cuda.current_stream().wait_stream(self.stream)
        else:
            self._record(self.stream)

    def _record(self, stream: Any) -> None:
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=stream):
                self.step()
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            if reason not in _refusals:
                log.warning(f"a step cannot be recorded as a CUDA graph, and is made call by call: {reason}")
            _refusals.add(reason)
            self.stream = None
            self.step()
            return
        self.graph = graph
        graph.replay()

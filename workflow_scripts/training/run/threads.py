"""Threads of a run: one, since independent runs side by side make better use of the cores than threads in one."""

import torch
from threadpoolctl import threadpool_limits


def pin_threads() -> None:
    """Hold torch, and the BLAS of numpy and scipy, to one thread; numba's kernels here are compiled without any."""
    torch.set_num_threads(1)
    threadpool_limits(1)

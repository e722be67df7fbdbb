"""The matrix product that kernels call: the BLAS of torch itself, which is loaded and held to one thread already."""

import ctypes
from pathlib import Path

import torch
from llvmlite import binding

SYMBOL = "foldsweep_sgemm"


def name_product() -> None:
    """Give the compiler the address of BLAS's ``sgemm`` by a name, so that a kernel in its cache finds it anew.

    torch's is half as fast again as scipy's on narrow matrices. Where a build of torch hides it, scipy's is taken.
    """
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        address = ctypes.cast(library.sgemm_, ctypes.c_void_p).value
    except (AttributeError, OSError):
        from numba.extending import get_cython_function_address

        address = get_cython_function_address("scipy.linalg.cython_blas", "sgemm")
    binding.add_symbol(SYMBOL, address)

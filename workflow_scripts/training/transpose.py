"""Transposing float32 arrays inside compiled kernels, four rows and columns at a time in vector registers.

numba's compiler moves such numbers one by one, which took a third of an environment's step.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

SIDE = 4


@intrinsic  # type: ignore[untyped-decorator]
def _transpose_block(_context: Any, source: Any, target: Any) -> Any:
    """Write the transpose of a SIDE × SIDE float32 array, its rows contiguous, over another such array."""

    def generate(context: Any, builder: Any, signature: Any, arrays: Any) -> Any:
        vector = ir.VectorType(ir.FloatType(), SIDE)
        (reads, writes) = (
            _rows(context, builder, kind, array, vector) for kind, array in zip(signature.args, arrays, strict=True)
        )
        rows = [builder.load(pointer, align=4) for pointer in reads]
        width = 1
        while width < SIDE:  # swap the squares off the diagonal, of one number, then of two by two
            lower = [lane if not lane & width else SIDE + lane - width for lane in range(SIDE)]
            upper = [lane + width if not lane & width else SIDE + lane for lane in range(SIDE)]
            for first in (row for row in range(SIDE) if not row & width):
                pair = rows[first], rows[first + width]
                rows[first], rows[first + width] = (_shuffle(builder, *pair, lanes) for lanes in (lower, upper))
            width *= 2
        for row, pointer in zip(rows, writes, strict=True):
            builder.store(row, pointer, align=4)
        return context.get_dummy_value()

    return types.void(source, target), generate


def _rows(context: Any, builder: Any, kind: Any, array: Any, vector: Any) -> list[Any]:
    """Return pointers to the first SIDE rows of an array."""
    block = context.make_array(kind)(context, builder, array)
    stride = cgutils.unpack_tuple(builder, block.strides)[0]
    first = builder.ptrtoint(block.data, stride.type)
    offsets = (builder.mul(stride, ir.Constant(stride.type, row)) for row in range(SIDE))
    return [builder.inttoptr(builder.add(first, offset), vector.as_pointer()) for offset in offsets]


def _shuffle(builder: Any, first: Any, second: Any, lanes: list[int]) -> Any:
    return builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(ir.IntType(32), SIDE), lanes))


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def transpose(source: NDArray[np.float32], target: NDArray[np.float32]) -> None:
    """Write the transpose of ``source``, (rows, columns), over ``target``, (columns, rows); rows are contiguous."""
    rows, columns = source.shape
    for first in range(0, rows - SIDE + 1, SIDE):
        block = slice(first, first + SIDE)
        for column in range(0, columns - SIDE + 1, SIDE):
            across = slice(column, column + SIDE)
            _transpose_block(source[block, across], target[across, block])
    whole = columns - columns % SIDE
    for row in range(rows):
        for column in range(whole if row < rows - rows % SIDE else 0, columns):
            target[column, row] = source[row, column]

import numpy as np
import pytest

from workflow_scripts.training.environment.kernels import transpose


@pytest.mark.parametrize("shape", [(1, 1), (3, 9), (4, 4), (8, 4), (13, 7), (29, 128)])
def test_every_number_is_where_the_transpose_has_it_and_nothing_else_is_written(shape):
    source = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    around = np.full((shape[1] + 2, shape[0] + 2), -1, dtype=np.float32)
    transpose(source, around[1:-1, 1:-1])
    np.testing.assert_array_equal(around[1:-1, 1:-1], source.T)
    assert (around == -1).sum() == around.size - source.size

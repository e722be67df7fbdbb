"""Learning curves: how a training went, a row per noted round of updates. No torch here."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.workflow.files import damaged, first_line, whole_file


def write_curves(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Write learning curves: vector_steps and a column per noted number, null where a round has none."""
    import pyarrow as pa
    from pyarrow import parquet

    names = dict.fromkeys(name for row in rows for name in row if name != "vector_steps")
    columns = {"vector_steps": pa.array([int(row["vector_steps"]) for row in rows], pa.int64())}
    columns |= {name: pa.array([row.get(name) for row in rows], pa.float32()) for name in names}
    with whole_file(path) as beside:
        parquet.write_table(pa.table(columns), beside, compression="zstd", use_dictionary=False)


def read_curves(path: Path) -> dict[str, NDArray[np.float64]]:
    """Read learning curves: (rows,) numbers by name, NaN where a round has none.

    Raises:
        ValueError: the file is damaged.

    """
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(path).read(use_threads=False)
        return {name: np.asarray(table[name].to_pylist(), dtype=np.float64) for name in table.column_names}
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(damaged(path, first_line(error))) from error

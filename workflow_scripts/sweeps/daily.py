"""Tables of daily numbers, read without pandas, whose import takes longer than all else that scores a trial."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.sweeps.measures import Array
from workflow_scripts.workflow.files import damaged, first_line


def read_daily(path: Path) -> tuple[NDArray[np.datetime64], dict[str, Array]]:
    """Return the days of a table with a column ``date``, and its other columns.

    Raises:
        ValueError: the file is damaged.

    """
    from pyarrow.parquet import ParquetFile

    try:
        table = ParquetFile(path).read(use_threads=False)
        # Not pyarrow's to_numpy, which imports pandas.
        columns = {name: table[name].combine_chunks() for name in table.column_names}
        unit = columns["date"].type.unit
        days = np.from_dlpack(columns.pop("date").view("int64")).astype(f"datetime64[{unit}]").astype("datetime64[D]")
        return days, {name: _numbers(column) for name, column in columns.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(damaged(path, first_line(error))) from error


def _numbers(column: Any) -> Array:
    numbers: Array = np.from_dlpack(column).astype(np.float64, copy=False)
    return numbers

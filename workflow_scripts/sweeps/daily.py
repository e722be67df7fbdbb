"""Tables of daily numbers, read without pandas, whose import takes longer than all else that scores a trial."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.data.periods import periods_of, risk_free_of
from workflow_scripts.sweeps.measures import Array
from workflow_scripts.workflow.files import damaged, first_line


@dataclass(frozen=True)
class Daily:
    """A table of numbers, a row per period.

    Attributes:
        days: (periods,) the days; time stamps, to the second, where a period is shorter than a day.
        columns: (periods,) numbers by name.
        periods_per_year: periods per year, of the table's market.
        risk_free: what cash earned a year.

    """

    days: NDArray[np.datetime64]
    columns: dict[str, Array]
    periods_per_year: int
    risk_free: float = 0.0

    def excess(self, column: str = "daily_return") -> Array:
        """Return a column of daily returns beyond the risk-free rate."""
        return self.columns[column] - self.risk_free / self.periods_per_year


def read_daily(path: Path) -> Daily:
    """Return a table with a column ``date``.

    Raises:
        ValueError: the file is damaged.

    """
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(path)
        table = file.read(use_threads=False)
        # Not pyarrow's to_numpy, which imports pandas.
        columns = {name: table[name].combine_chunks() for name in table.column_names}
        unit = columns["date"].type.unit
        moments = np.from_dlpack(columns.pop("date").view("int64")).astype(f"datetime64[{unit}]")
        numbers = {name: _numbers(column) for name, column in columns.items()}
        attributes = json.loads((file.schema_arrow.metadata or {}).get(b"PANDAS_ATTRS", b"{}"))
        return Daily(_in_days(moments), numbers, periods_of(attributes), risk_free_of(attributes))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(damaged(path, first_line(error))) from error


def _in_days(moments: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    days = moments.astype("datetime64[D]")
    return days if (days == moments).all() else moments.astype("datetime64[s]")


def _numbers(column: Any) -> Array:
    numbers: Array = np.from_dlpack(column).astype(np.float64, copy=False)
    return numbers

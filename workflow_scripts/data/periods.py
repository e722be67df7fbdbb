"""How many periods per year has, by which everything a year is counted.

A table states it in its attributes, which parquet keeps in its schema's metadata.
"""

from collections.abc import Mapping
from typing import Any, Literal

# Length of a bar.
Interval = Literal["1d", "1h", "15m", "5m", "1m"]
DAILY: Interval = "1d"

# Of stocks, and of a table that states nothing.
TRADING_DAYS_A_YEAR = 252
PERIODS_PER_YEAR = "periods_per_year"


def periods_of(attributes: Mapping[Any, Any]) -> int:
    """Return the periods per year that a table's attributes state; those of stocks where they state none."""
    return int(attributes.get(PERIODS_PER_YEAR, TRADING_DAYS_A_YEAR))

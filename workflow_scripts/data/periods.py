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
# What cash earns a year, beyond which returns count; a table of returns that states none has none.
RISK_FREE = "risk_free"
# The longest of the features' look-backs whose length no setting decides: that of close_60_sma.
LONGEST_AVERAGE_DAYS = 60


def risk_free_of(attributes: Mapping[Any, Any]) -> float:
    """Return the yearly risk-free rate that a table's attributes state, 0 where they state none."""
    return float(attributes.get(RISK_FREE, 0.0))


def look_back(turbulence_days: int) -> int:
    """Return how many days before a day its features reach back to: the longest look-back and one day."""
    return max(turbulence_days, LONGEST_AVERAGE_DAYS) + 1


def periods_of(attributes: Mapping[Any, Any]) -> int:
    """Return the periods per year that a table's attributes state; those of stocks where they state none."""
    return int(attributes.get(PERIODS_PER_YEAR, TRADING_DAYS_A_YEAR))

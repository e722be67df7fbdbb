"""What a market's settings say of its files."""

from dataclasses import dataclass
from typing import Literal

from workflow_scripts.data.periods import DAILY, Interval

Decimal = Literal[".", ","]
Repair = Literal["none", "clip", "drop"]


@dataclass(frozen=True)
class Wishes:
    """What the market's settings say of its files; see ``read_door``."""

    date_format: str | None = None
    timezone: str | None = None
    adjusted: bool = False
    features_from: tuple[str, ...] = ()
    decimal: Decimal | None = None
    interval: Interval = DAILY

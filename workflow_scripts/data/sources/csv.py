"""The user's own files of prices."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field, model_validator

from workflow_scripts.data.doors.files import files_behind
from workflow_scripts.data.doors.wishes import Decimal, Repair
from workflow_scripts.data.sources.base import AnyInterval, Findings
from workflow_scripts.workflow.model import SettingError


class Csv(AnyInterval):
    """Your own bars, in any of the formats of docs/markets.md."""

    path: Path = Field(
        description="a table of prices (.csv, .txt, .tsv or .parquet; packed as .gz, .bz2 or .xz, or not), a .zip of "
        "tables, or a folder of them; a file without a column of tickers has its ticker in its name"
    )
    date_format: str | None = Field(
        default=None,
        description='format of all dates, such as "%d/%m/%Y"; null understands ISO 8601, YYYYMMDD and Unix time',
    )
    timezone: str | None = Field(
        default=None,
        description="the exchange's zone, such as Asia/Tokyo: a time stamp with a zone belongs to the day there; null "
        "refuses stamps whose day depends on the zone",
    )
    adjusted: bool = Field(
        default=False,
        description="whether all four prices are adjusted for splits and dividends already; false applies an adjusted "
        "close, where a file has one, to all four",
    )
    features_from: tuple[str, ...] = Field(
        default=(), description="further columns to take as features, by name; the others are left"
    )
    repair: Repair = Field(
        default="none",
        description="what to do with rows whose prices are not above zero or not in the order low ≤ open, close ≤ high "
        "(to a relative 1e-6): refuse them (`none`), move the price that is out of order (`clip`), or leave the row "
        "out (`drop`)",
    )
    decimal: Decimal | None = Field(
        default=None, description="decimal sign of all numbers; null finds the one that all numbers of a file fit"
    )

    @model_validator(mode="before")
    @classmethod
    def _require_path(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and set(values) <= set(cls.model_fields) and not values.get("path"):
            raise SettingError(("path",), f"source {values.get('source')} needs the path of a file or folder")
        return values

    @property
    def origin(self) -> str:
        """Where the bars come from, for messages."""
        return str(self.path)

    def files(self) -> list[Path]:
        """Return the user's files behind the bars; the path itself where no table is there, which ``read`` explains."""
        try:
            return super().files() + files_behind(self.path)
        except (FileNotFoundError, ValueError):
            return [*super().files(), self.path]

    def read(self, parts: Path | None) -> tuple[pd.DataFrame, str, Findings]:
        """Return the bars of all files, what these were understood to be, and what of them was taken, left or mended.

        Raises:
            FileNotFoundError: the path leads nowhere.
            ValueError: what a file means is not sure, or a row is wrong.

        """
        from workflow_scripts.data.doors.door import read_door  # pyarrow's readers, which Snakemake need not import

        door = read_door(
            self.path,
            date_format=self.date_format,
            timezone=self.timezone,
            adjusted=self.adjusted,
            features_from=self.features_from,
            repair=self.repair,
            decimal=self.decimal,
            wanted=self.keeps,
            interval=self.interval,
        )
        details = {
            "features": door.features,
            "columns_left": door.left,
            "files_unread": door.unread,
            "rows_repaired": door.repaired,
        }
        return door.bars, door.understood, Findings(details, door.warnings)

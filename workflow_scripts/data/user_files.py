"""Bars in files of the user's."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from pydantic import Field, model_validator

from workflow_scripts.data.bars import arrange_bars
from workflow_scripts.data.sources.base import Source
from workflow_scripts.workflow.files import first_line
from workflow_scripts.workflow.model import SettingError


class UserFiles(Source):
    """Bars in a file, or in a folder of files.

    Attributes:
        endings: how the names of a folder's files end.

    """

    endings: ClassVar[tuple[str, ...]] = (".csv",)

    path: Path = Field(description="a file of bars, or a folder of such files")

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

    def tables(self) -> list[Path]:
        """Return the files of bars."""
        if not self.path.is_dir():
            return [self.path]
        return sorted(path for path in self.path.iterdir() if path.suffix in self.endings)

    def files(self) -> list[Path]:
        """Return the user's files behind the bars."""
        return super().files() + self.tables()

    @abstractmethod
    def table(self, path: Path) -> pd.DataFrame:
        """Return what a file holds."""

    def read(self, parts: Path | None) -> tuple[pd.DataFrame, str]:
        """Return the bars of all files, and which these are.

        Raises:
            FileNotFoundError: the path leads nowhere.
            ValueError: a file is no table of bars, or the folder has none.

        """
        if not self.path.exists():
            raise FileNotFoundError(
                f"the {self.source} market's path {self.path} does not exist: name a file or a folder of "
                f"TICKER{self.endings[0]}"
            )
        if not (paths := self.tables()):
            raise ValueError(
                f"the {self.source} market's folder {self.path} has no file that ends in {' or '.join(self.endings)}"
            )
        tables = [arrange_bars(self._table(path), str(path)) for path in paths]
        if not self.path.is_dir():
            return tables[0], f"the user's file {self.path.name}"
        return pd.concat(tables), f"the user's folder {self.path.name} of {len(paths)} files"

    def _table(self, path: Path) -> pd.DataFrame:
        try:
            return self.table(path)
        except (ValueError, OSError) as error:
            raise ValueError(f"{path} cannot be read as a table: {first_line(error)}") from error

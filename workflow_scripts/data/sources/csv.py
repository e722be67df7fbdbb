"""The user's own tables."""

from pathlib import Path

import pandas as pd
from pydantic import Field

from workflow_scripts.data.user_files import UserFiles


class Csv(UserFiles):
    """Your own daily bars."""

    path: Path = Field(
        description="a .csv or .parquet file of date, ticker, open, high, low, close, volume, or a folder of one such "
        "file per ticker named TICKER.csv; further numeric columns become features"
    )

    def table(self, path: Path) -> pd.DataFrame:
        """Return what a file holds; in a folder the file's name is the ticker where no column is."""
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            names = [str(name) for name in pd.read_csv(path, nrows=0) if str(name).strip().lower() == "ticker"]
            table = pd.read_csv(path, converters=dict.fromkeys(names, str))  # 000001 is a ticker, and so is NA
        if self.path.is_dir() and "ticker" not in table.rename(columns=str.lower):
            table["ticker"] = path.stem
        return table

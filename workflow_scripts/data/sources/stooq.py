"""Files of daily bars as Stooq hands them out."""

from pathlib import Path
from typing import ClassVar

import pandas as pd
from pydantic import Field

from workflow_scripts.data.user_files import UserFiles


class Stooq(UserFiles):
    """Daily bars in files of Stooq's, adjusted for splits and dividends; a ticker is written AAPL.US."""

    endings: ClassVar[tuple[str, ...]] = (".txt", ".csv")

    path: Path = Field(
        description="a file of its database (aapl.us.txt) or its website (aapl_us_d.csv), or a folder of such files"
    )

    def table(self, path: Path) -> pd.DataFrame:
        """Return the bars of a file; the website's files have their ticker in their name alone."""
        table = pd.read_csv(path, dtype={"<TICKER>": str, "<DATE>": str}, keep_default_na=False, encoding="utf-8")
        table = table.rename(columns=lambda name: name.strip("<>").lower()).rename(columns={"vol": "volume"})
        if "per" in table and (table["per"] != "D").any():
            raise ValueError(f"its <PER> is {table['per'].iloc[0]}, and daily bars have D: take Stooq's daily files")
        if "ticker" not in table:
            table["ticker"] = path.stem.upper().removesuffix("_D").replace("_", ".")
        if "volume" not in table:  # the website's files of indices and currencies
            table["volume"] = 0.0
        return table.drop(columns=["per", "time", "openint"], errors="ignore")

"""Files of daily bars as Stooq hands them out."""

from pathlib import Path

import pandas as pd
from pydantic import Field

from workflow_scripts.data.sources.base import Findings
from workflow_scripts.data.sources.csv import Csv


class Stooq(Csv):
    """Daily bars in files of Stooq's, of its database or its website; a ticker is written AAPL.US."""

    adjusted: bool = Field(default=True, description="Stooq adjusts for splits and dividends")

    def read(self, parts: Path | None) -> tuple[pd.DataFrame, str, Findings]:
        """Return what ``Csv`` returns; the website's files have their ticker in their name alone: aapl_us_d.csv."""
        bars, note, findings = super().read(parts)
        return bars.assign(ticker=bars["ticker"].map(spelled)).sort_values(["date", "ticker"]), note, findings

    def keeps(self, bars: pd.DataFrame) -> "pd.Series[bool]":
        """Return which rows the market asks for, by Stooq's spelling of the tickers."""
        return super().keeps(bars.assign(ticker=bars["ticker"].map(spelled)))


def spelled(ticker: str) -> str:
    """Return a ticker as Stooq's database has it."""
    return ticker.upper().removesuffix("_D").replace("_", ".")

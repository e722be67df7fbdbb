"""Yahoo's bars."""

from typing import ClassVar

import pandas as pd

from workflow_scripts.data.periods import DAILY
from workflow_scripts.data.vendors.downloads import Parts, Query, Vendor


class Yahoo(Vendor):
    """Bars of Yahoo, adjusted for splits and dividends; those shorter than a day for splits alone."""

    automatic_volatility: ClassVar[str | None] = "^VIX"
    packages: ClassVar[tuple[str, ...]] = ("yfinance", "curl_cffi")

    def said_of_bars(self) -> str:
        """Return what the bars are, and for what they are adjusted."""
        return super().said_of_bars() if self.interval == DAILY else f"bars of {self.interval} adjusted for the splits"

    def fetch(self, query: Query, parts: Parts) -> pd.DataFrame:
        """Return the bars that a query asks for."""
        from workflow_scripts.data.vendors.yahoo import fetch_yahoo

        return fetch_yahoo(query, parts)

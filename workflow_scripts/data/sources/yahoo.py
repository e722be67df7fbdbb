"""Yahoo's daily bars."""

from typing import ClassVar

import pandas as pd

from workflow_scripts.data.vendors.downloads import Parts, Query, Vendor


class Yahoo(Vendor):
    """Daily bars of Yahoo, adjusted for splits and dividends."""

    automatic_volatility: ClassVar[str | None] = "^VIX"
    packages: ClassVar[tuple[str, ...]] = ("yfinance", "curl_cffi")

    def fetch(self, query: Query, parts: Parts) -> pd.DataFrame:
        """Return the bars that a query asks for."""
        from workflow_scripts.data.vendors.yahoo import fetch_yahoo

        return fetch_yahoo(query, parts)

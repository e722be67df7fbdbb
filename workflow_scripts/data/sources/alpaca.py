"""Alpaca's bars."""

from dataclasses import replace
from typing import ClassVar, Literal

import pandas as pd
from pydantic import Field

from workflow_scripts.data.vendors.downloads import Parts, Query, Vendor


class Alpaca(Vendor):
    """Bars of Alpaca, adjusted for splits and dividends; its keys come from the environment."""

    # Alpaca has no indices: VIXY is a fund that holds futures on the VIX.
    automatic_volatility: ClassVar[str | None] = "VIXY"
    packages: ClassVar[tuple[str, ...]] = ("alpaca-py",)

    feed: Literal["sip", "iex"] = Field(
        default="sip", description="Alpaca's feed: `sip` is all US exchanges, `iex` one of them"
    )

    def query(self, today: str) -> Query:
        """Return what to ask for."""
        return replace(super().query(today), feed=self.feed)

    def fetch(self, query: Query, parts: Parts) -> pd.DataFrame:
        """Return the bars that a query asks for."""
        from workflow_scripts.data.vendors.alpaca import fetch_alpaca  # its client takes a second to import

        return fetch_alpaca(query, parts)

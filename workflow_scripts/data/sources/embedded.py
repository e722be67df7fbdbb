"""A sample of real closes that needs no network."""

from pathlib import Path

import pandas as pd

from workflow_scripts.data.bars import bars_of_closes
from workflow_scripts.data.sources.base import Source


class Embedded(Source):
    """20 US large caps 1990–2022 from skfolio's wheel."""

    def read(self, parts: Path | None) -> tuple[pd.DataFrame, str]:
        """Return the sample, and what it is."""
        from skfolio.datasets import load_sp500_dataset  # takes 1.7 s

        return (
            bars_of_closes(load_sp500_dataset()),
            "skfolio's sample of 20 US large caps, adjusted closes: open = high = low = close, volume 0. They were "
            "chosen because they survived to 2022, so that every long portfolio of them looks better than it was",
        )

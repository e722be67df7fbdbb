"""What a vendor has changed since a market was locked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import PRICES, when

SAME_FACTOR = 1e-4  # prices are rounded to cents, factors are not


@dataclass(frozen=True)
class Revisions:
    """Differences between the bars of a lock and the bars of now.

    Attributes:
        calendar: the days of both.
        added: ticker to its days that are new.
        removed: ticker to its days that are gone.
        revised: ticker to its days that have other numbers.
        columns: columns that one of the two lacks.
        detail: ticker to the columns that differ, the largest relative change, and the one factor that explains all of
            them if there is one: the work of a dividend or a split.

    """

    calendar: pd.DatetimeIndex
    added: dict[str, pd.DatetimeIndex]
    removed: dict[str, pd.DatetimeIndex]
    revised: dict[str, pd.DatetimeIndex]
    columns: list[str]
    detail: dict[str, dict[str, Any]]

    def describe(self) -> dict[str, Any]:
        """Return the differences as JSON: days as the first and last of each run without a gap in the calendar."""
        return {
            "added": {ticker: self._runs(days) for ticker, days in self.added.items()},
            "columns": self.columns,
            "removed": {ticker: self._runs(days) for ticker, days in self.removed.items()},
            "revised": {
                ticker: {**self.detail[ticker], "days": len(days), "runs": self._runs(days)}
                for ticker, days in self.revised.items()
            },
        }

    def _runs(self, days: pd.DatetimeIndex) -> list[list[str]]:
        breaks = np.flatnonzero(np.diff(self.calendar.get_indexer(days)) > 1) + 1
        bounds = zip([0, *breaks], [*(breaks - 1), len(days) - 1], strict=True)
        return [[when(days[first]), when(days[last])] for first, last in bounds]

    def lines(self) -> list[str]:
        """Return a line a ticker and kind of difference; none for equal bars."""
        said = [f"columns that one of the two lacks: {', '.join(self.columns)}"] if self.columns else []
        for name, part in (("added", self.added), ("removed", self.removed), ("revised", self.revised)):
            for ticker, days in part.items():
                line = f"{ticker}: {len(days)} days {name}, {when(days[0])} to {when(days[-1])}"
                if name == "revised":
                    detail = self.detail[ticker]
                    line += f", {', '.join(detail['columns'])} by up to {detail['largest_change']:.2%}"
                    if detail["factor"] is not None:
                        line += f", all prices × {detail['factor']:.6f}: a dividend or a split"
                said.append(line)
        return said


def compare_bars(before: pd.DataFrame, after: pd.DataFrame) -> Revisions:
    """Return how the bars of now differ from those of the lock, by ticker and day."""
    old, new = (bars.set_index(["ticker", "date"]).sort_index() for bars in (before, after))
    common = old.index.intersection(new.index)
    columns = sorted(set(old.columns) & set(new.columns))
    left, right = old.loc[common, columns], new.loc[common, columns]
    differs = (left != right) & ~(left.isna() & right.isna())
    changed = differs.any(axis=1)
    detail = {}
    for ticker, rows in differs[changed].groupby(level="ticker"):
        was, now = left.loc[rows.index], right.loc[rows.index]
        relative = ((now - was) / was.where(was != 0)).abs().to_numpy()
        prices = [column for column in PRICES if column in columns]
        factors = (now[prices] / was[prices]).to_numpy()  # of closes alone the others are no numbers
        least, largest = float(np.nanmin(factors)), float(np.nanmax(factors))
        # Such work is done on all prices of all days from a ticker's first one on; one day is a correction.
        whole = len(rows) > 1 and bool(changed.xs(ticker, level="ticker").iloc[: len(rows)].all())
        constant = whole and largest - least < SAME_FACTOR * largest and not np.isclose(least, 1)
        detail[str(ticker)] = {
            "columns": [column for column in columns if rows[column].any()],
            "largest_change": float(np.nanmax(relative)) if np.isfinite(relative).any() else 0.0,
            "factor": float(np.nanmedian(factors)) if constant else None,
        }
    return Revisions(
        calendar=pd.DatetimeIndex(sorted({*before["date"], *after["date"]})),
        added=_by_ticker(new.index.difference(old.index)),
        removed=_by_ticker(old.index.difference(new.index)),
        revised=_by_ticker(common[changed.to_numpy()]),
        columns=sorted(set(old.columns) ^ set(new.columns)),
        detail=detail,
    )


def _by_ticker(index: pd.Index) -> dict[str, pd.DatetimeIndex]:
    table = index.to_frame(index=False)
    return {str(ticker): pd.DatetimeIndex(group["date"]) for ticker, group in table.groupby("ticker")}

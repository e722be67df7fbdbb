"""Files of folds: the arrays that a run reads, and the description beside them."""

import io
import zipfile
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow_scripts.data.periods import PERIODS_PER_YEAR, TRADING_DAYS_A_YEAR
from workflow_scripts.workflow.files import damaged, read_json, sha256, write_bytes, write_json

STARTS = "starts"


@dataclass(frozen=True)
class Segment:
    """What an agent trades and sees on days that are contiguous, or several runs of such days one after the other.

    Attributes:
        dates: (days,) the days, ISO 8601.
        close: (days, tickers) float64 closing prices.
        ticker_features: (days, tickers, features) float32, standardised over the training window's days and tickers.
        market_features: (days, 2) float32, logarithms standardised over the training window.
        flat_features: (days, tickers × (1 + indicators) + 2) float32: closes, indicators, turbulence and volatility,
            each column standardised over the training window.
        periods_per_year: periods per year of the market.
        starts: positions of the first day of each run of contiguous days; an episode ends where its run does.

    """

    dates: NDArray[np.str_]
    close: NDArray[np.float64]
    ticker_features: NDArray[np.float32]
    market_features: NDArray[np.float32]
    flat_features: NDArray[np.float32]
    periods_per_year: int = TRADING_DAYS_A_YEAR
    starts: tuple[int, ...] = (0,)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}

    def runs(self) -> list["Segment"]:
        """Return a segment for each run of contiguous days."""
        bounds = pairwise((*self.starts, len(self.dates)))
        return [replace(self, starts=(0,), **self._rows(slice(*each))) for each in bounds]

    def between(self, first: int, stop: int) -> "Segment":
        """Return the segment of the rows from ``first`` to before ``stop``."""
        starts = sorted({0, *(start - first for start in self.starts if first < start < stop)})
        return replace(self, starts=tuple(starts), **self._rows(slice(first, stop)))

    def _rows(self, rows: slice) -> dict[str, Any]:
        return {name: array[rows] for name, array in self.arrays().items()}


@dataclass(frozen=True)
class FoldData:
    """A fold's tickers and what its two windows hold."""

    tickers: tuple[str, ...]
    train: Segment
    validation: Segment


def fold_bytes(data: FoldData) -> bytes:
    """Return a fold's arrays as the bytes of its .npz file; equal arrays are equal bytes."""
    arrays: dict[str, Any] = {
        "tickers": np.asarray(data.tickers),
        PERIODS_PER_YEAR: np.asarray(data.validation.periods_per_year),
    }
    for name, segment in (("train", data.train), ("validation", data.validation)):
        arrays |= {f"{name}_{field}": array for field, array in segment.arrays().items()}
        if len(segment.starts) > 1:
            arrays[f"{name}_{STARTS}"] = np.asarray(segment.starts)
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def write_fold(data: FoldData, description: dict[str, Any], path: Path) -> None:
    """Write a fold's arrays to ``path`` (.npz) and its description with their sha256 beside it (.json)."""
    write_bytes(path, fold_bytes(data))
    write_json(path.with_suffix(".json"), {**description, "sha256": sha256(path)})


def read_fold(path: Path) -> FoldData:
    """Read a fold.

    Raises:
        ValueError: the file is truncated, or not the one that its description names.

    """
    expected = read_json(path.with_suffix(".json"))["sha256"]
    if (found := sha256(path)) != expected:
        raise ValueError(
            damaged(path, f"sha256 {found[:12]}… where {path.with_suffix('.json').name} has {expected[:12]}…")
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            periods_per_year = int(arrays[PERIODS_PER_YEAR])
            fields = Segment.__dataclass_fields__.keys() - {PERIODS_PER_YEAR, STARTS}
            segments = {
                name: Segment(
                    **{field: arrays[f"{name}_{field}"] for field in fields},
                    periods_per_year=periods_per_year,
                    starts=tuple(map(int, arrays.get(f"{name}_{STARTS}", (0,)))),
                )
                for name in ("train", "validation")
            }
            return FoldData(tuple(str(ticker) for ticker in arrays["tickers"]), **segments)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(damaged(path, str(error))) from error

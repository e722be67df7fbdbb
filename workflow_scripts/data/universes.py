"""A market's features, of which every fold has its own where a universe says which tickers there are."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import HELD, MEMBER, when
from workflow_scripts.data.calendars import stand_still
from workflow_scripts.data.features import (
    BARS_DATE,
    Features,
    arrays_of,
    arrays_of_bars,
    bars_of_arrays,
    features_of,
    read_arrays,
    write_arrays,
)
from workflow_scripts.data.folds import Fold, first_test_day
from workflow_scripts.data.indicators import compute_features, warm_up

SHOWN = 5


@dataclass(frozen=True)
class MarketFeatures:
    """A market's features, of all its tickers at once or of each fold's own.

    Attributes:
        turbulence_days: look-back of turbulence in days.
        dates: the days after the warm-up, on which folds are cut.
        whole: the features of a market whose tickers do not change; none where each run of days has its own.
        bars: the bars of any other market.

    """

    turbulence_days: int
    dates: pd.DatetimeIndex
    whole: Features | None = None
    bars: pd.DataFrame = field(default_factory=pd.DataFrame)

    @classmethod
    def of(cls, bars: pd.DataFrame, turbulence_days: int, by_run: bool = False) -> "MarketFeatures":
        """Return the features of bars; with a universe they wait until a fold says which tickers it has.

        Args:
            bars: the bars.
            turbulence_days: look-back of turbulence in days.
            by_run: whether the features of each run of days are to come from its own bars (``of_run``).

        Raises:
            ValueError: see ``compute_features``.

        """
        if MEMBER not in bars and not by_run:
            whole = compute_features(bars, turbulence_days)
            return cls(turbulence_days, whole.dates, whole)
        days = pd.DatetimeIndex(np.sort(bars["date"].unique()))
        return cls(turbulence_days, days[warm_up(turbulence_days, len(days)) :], bars=bars)

    def before(self, test_start: str) -> "MarketFeatures":
        """Return what is known before the test days.

        Raises:
            ValueError: there are no test days, or none before them.

        """
        count = first_test_day(self.dates, test_start)
        if self.whole is not None:
            return replace(self, dates=self.dates[:count], whole=self.whole.first_days(count))
        known = self.bars[self.bars["date"] < self.dates[count]].reset_index(drop=True)
        return replace(self, dates=self.dates[:count], bars=known)

    def write(self, path: Path) -> None:
        """Write the features as .npz; with a universe, or by run, the bars that each fold computes its own from."""
        arrays = arrays_of(self.whole) if self.whole is not None else arrays_of_bars(self.bars)
        write_arrays(path, {"turbulence_days": np.asarray(self.turbulence_days), **arrays})

    @classmethod
    def read(cls, path: Path) -> "MarketFeatures":
        """Read what ``write`` has written.

        Raises:
            ValueError: the file is damaged; the message names it.

        """
        arrays = read_arrays(path)
        turbulence_days = int(arrays.pop("turbulence_days"))
        if BARS_DATE in arrays:
            return cls.of(bars_of_arrays(arrays), turbulence_days, by_run=True)
        whole = features_of(arrays)
        return cls(turbulence_days, whole.dates, whole)

    def describe(self) -> dict[str, Any]:
        """Return what the features' json says; with a universe the tickers, and what depends on them, are a fold's."""
        described: dict[str, Any] = {
            "turbulence_days": self.turbulence_days,
            "first_day": f"{self.dates[0]:%Y-%m-%d}",
            "last_day": f"{self.dates[-1]:%Y-%m-%d}",
            "days": len(self.dates),
        }
        if self.whole is not None:
            described |= {name: getattr(self.whole, name) for name in ("tickers", "volatility", "covariance")}
        return described

    def of_fold(self, fold: Fold) -> tuple[Features, Fold]:
        """Return the features that a fold is cut from, and the fold's days as positions in them.

        With a universe the fold has the tickers that are members on its last training day, which is when somebody
        would have begun to trade, that trade on it, and that have bars on all days up to it. One that leaves later, or
        whose bars end, leaves at its last close: from there to the fold's end its price stands still, as its proceeds
        would in cash.

        Raises:
            ValueError: fewer than two tickers are left.

        """
        if self.whole is not None:
            return self.whole, fold
        calendar = pd.DatetimeIndex(np.sort(self.bars["date"].unique()))
        offset = len(calendar) - len(self.dates)
        days = calendar[fold.train.start : fold.validation.stop + offset]
        last_training = fold.train.stop - 1 - fold.train.start + offset
        window = self.bars[self.bars["date"].isin(days)]
        present = window.pivot(index="date", columns="ticker", values=MEMBER).reindex(days)
        known = present.iloc[: last_training + 1]
        on_sale = (known.iloc[-1] == 1) & known.notna().all()
        if HELD in window:  # one that is suspended may come back or not, which nobody knows on that day
            held = window.pivot(index="date", columns="ticker", values=HELD)
            on_sale &= held.reindex(days).iloc[last_training] == 0
        chosen = list(present.columns[on_sale])
        if len(chosen) < 2:
            members = known.columns[known.iloc[-1] == 1]
            late = [
                f"{name} lacks {known[name].isna().sum()}" if known[name].isna().any() else f"{name} did not trade"
                for name in members
                if name not in chosen
            ]
            more = f", … ({len(late)} tickers)" if len(late) > SHOWN else ""
            raise ValueError(
                f"the universe has {len(members)} members on {when(days[last_training])}, the last training day of a "
                f"fold, and {len(chosen)} of them have bars on all {len(known)} days from {when(days[0])} on, warm-up "
                f"included{': ' if late else ''}{', '.join(late[:SHOWN])}{more}: a fold needs two: let the market "
                f"start later, lower folds.train_days or features.turbulence_days, or take missing: hold for "
                f"days in between"
            )
        stays = (present[chosen] == 1).to_numpy(copy=True)
        stays[: last_training + 1] = True
        stays = np.logical_and.accumulate(stays)
        bars = stand_still(window, days, pd.DataFrame(stays, days, chosen))
        features = compute_features(bars.drop(columns=MEMBER), self.turbulence_days)
        shift = fold.train.start
        return features, replace(
            fold,
            train=range(fold.train.start - shift, fold.train.stop - shift),
            validation=range(fold.validation.start - shift, fold.validation.stop - shift),
        )

    def of_run(self, days: range) -> Features:
        """Return the features of a run of contiguous days, from their bars and those of the warm-up before them alone.

        Averages without end, as those of macd and rsi_30, so begin with the warm-up: no day before it is in them.

        Raises:
            ValueError: a universe says which tickers there are, which may be others for each run of days.

        """
        if MEMBER in self.bars:
            raise ValueError(
                "the tickers of a market with a universe are chosen on the last training day before validation, which "
                "no combinatorial fold has: name the market's tickers, or set folds.scheme to walk_forward"
            )
        calendar = pd.DatetimeIndex(np.sort(self.bars["date"].unique()))
        window = calendar[days.start : days.stop + len(calendar) - len(self.dates)]
        return compute_features(self.bars[self.bars["date"].isin(window)], self.turbulence_days)

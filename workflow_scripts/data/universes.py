"""A market's features, of which every fold has its own where a universe says which tickers there are."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import MEMBER
from workflow_scripts.data.calendars import stand_still
from workflow_scripts.data.fold_files import FoldData
from workflow_scripts.data.folds import Fold, cut_fold, sealed_fold
from workflow_scripts.data.indicators import Features, compute_features, warm_up


@dataclass(frozen=True)
class MarketFeatures:
    """A market's features, of all its tickers at once or of each fold's own.

    Attributes:
        bars: the market's bars.
        turbulence_days: look-back of turbulence in days.
        dates: the days after the warm-up, on which folds are cut.
        whole: the features of a market whose tickers do not change.

    """

    bars: pd.DataFrame
    turbulence_days: int
    dates: pd.DatetimeIndex
    whole: Features | None

    @classmethod
    def of(cls, bars: pd.DataFrame, turbulence_days: int) -> "MarketFeatures":
        """Return the features of bars; with a universe they wait until a fold says which tickers it has.

        Raises:
            ValueError: see ``compute_features``.

        """
        if MEMBER not in bars:
            whole = compute_features(bars, turbulence_days)
            return cls(bars, turbulence_days, whole.dates, whole)
        days = pd.DatetimeIndex(np.sort(bars["date"].unique()))
        return cls(bars, turbulence_days, days[warm_up(turbulence_days, len(days)) :], None)

    def of_fold(self, fold: Fold) -> tuple[Features, Fold]:
        """Return the features that a fold is cut from, and the fold's days as positions in them.

        With a universe the fold has the tickers that are members on its last training day, which is when somebody
        would have begun to trade, and that have bars on all days up to it. One that leaves later, or whose bars end,
        leaves at its last close: from there to the fold's end its price stands still, as its proceeds would in cash.

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
        chosen = [ticker for ticker in present if known[ticker].iloc[-1] == 1 and known[ticker].notna().all()]
        if len(chosen) < 2:
            members = int((known.iloc[-1] == 1).sum())
            raise ValueError(
                f"the universe has {members} members on {days[last_training]:%Y-%m-%d}, the last training day of a "
                f"fold, and {len(chosen)} of them have bars on all days from {days[0]:%Y-%m-%d} on: a fold needs two"
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
        if self.whole is None:
            raise ValueError(
                "the tickers of a market with a universe are chosen on the last training day before validation, which "
                "no combinatorial fold has: name the market's tickers, or set folds.scheme to walk_forward"
            )
        calendar = pd.DatetimeIndex(np.sort(self.bars["date"].unique()))
        window = calendar[days.start : days.stop + len(calendar) - len(self.dates)]
        return compute_features(self.bars[self.bars["date"].isin(window)], self.turbulence_days)


def sealed_data(features: MarketFeatures, test_start: str, purge_days: int) -> FoldData:
    """Return the arrays of the backtest: all days before the test days, and in place of validation the test days."""
    return cut_fold(*features.of_fold(sealed_fold(features.dates, test_start, purge_days)))[0]

"""Which tickers a market has, and when: point-in-time universes that every fold honours."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import MEMBER
from workflow_scripts.data.calendars import stand_still
from workflow_scripts.data.fold_files import FoldData
from workflow_scripts.data.folds import Fold, cut_fold, sealed_fold
from workflow_scripts.data.indicators import Features, compute_features, warm_up
from workflow_scripts.workflow.files import first_line


def read_universe(path: Path) -> pd.DataFrame:
    """Read a universe: a row a ticker and membership, with ``from`` and ``to``, its first and last day (none: open).

    Raises:
        ValueError: it is not such a table, or two memberships of a ticker overlap; names file, ticker and days.

    """
    try:
        table: pd.DataFrame = pd.read_csv(path, dtype=str, keep_default_na=False)
        table = table.rename(columns=lambda name: name.strip().lower())
        if missing := [name for name in ("ticker", "from", "to") if name not in table]:
            raise ValueError(f"it has no column {', '.join(missing)}, and its columns are {', '.join(table.columns)}")
        table = table[["ticker", "from", "to"]].apply(lambda column: column.str.strip())
        table["from"] = pd.to_datetime(table["from"], format="%Y-%m-%d")
        table["to"] = pd.to_datetime(table["to"].replace("", "2262-01-01"), format="%Y-%m-%d")
    except (ValueError, OSError) as error:
        raise ValueError(f"the universe {path} cannot be read: {first_line(error)}") from error
    table = table.sort_values(["ticker", "from"], ignore_index=True)
    ended_before = table.groupby("ticker")["to"].shift()
    if (broken := table["from"] > table["to"]).any():
        row = table[broken].iloc[0]
        raise ValueError(f"the universe {path}: {row['ticker']}, from {row['from']:%Y-%m-%d}, ends before it begins")
    if (broken := table["from"] <= ended_before).any():
        row = table[broken].iloc[0]
        raise ValueError(
            f"the universe {path}: {row['ticker']}, from {row['from']:%Y-%m-%d}, begins before the membership before "
            f"it ends"
        )
    return table


def mark_members(bars: pd.DataFrame, universe: pd.DataFrame) -> pd.DataFrame:
    """Return bars with the column ``MEMBER``: 1 on a ticker's days in the universe, 0 on its other days.

    Raises:
        ValueError: a ticker has no bars, or lacks one on a day of its membership.

    """
    days = pd.DatetimeIndex(np.sort(bars["date"].unique()))
    rows = {ticker: pd.DatetimeIndex(group["date"]) for ticker, group in bars.groupby("ticker")}
    member = pd.Series(0.0, index=pd.MultiIndex.from_frame(bars[["date", "ticker"]]))
    for ticker, first, last in universe.itertuples(index=False):
        span = days[(days >= first) & (days <= last)]
        if not len(span):
            continue
        if len(lacking := span.difference(rows.get(ticker, span[:0]))):
            raise ValueError(
                f"{ticker} has no row on {lacking[0]:%Y-%m-%d}, a day of its membership ({len(lacking)} of {len(span)} "
                f"such days): end its membership before, or give the days with missing: hold"
            )
        member.loc[pd.MultiIndex.from_product([span, [ticker]])] = 1.0
    return bars.assign(**{MEMBER: member.to_numpy()})


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


def sealed_data(features: MarketFeatures, test_start: str, purge_days: int) -> FoldData:
    """Return the arrays of the backtest: all days before the test days, and in place of validation the test days."""
    return cut_fold(*features.of_fold(sealed_fold(features.dates, test_start, purge_days)))[0]

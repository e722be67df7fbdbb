"""Which tickers a universe has, and when."""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import MEMBER, when
from workflow_scripts.workflow.files import first_line

# In place of a file: a ticker is a member as long as it has bars.
AVAILABLE = "available"
SHOWN = 5


def read_universe(path: Path) -> pd.DataFrame:
    """Read a universe: a row a ticker and membership, with ``from`` and ``to``, its first and last day (empty: open).

    Raises:
        ValueError: it is not such a table, or two memberships of a ticker overlap; names file, ticker and days.

    """
    try:
        table: pd.DataFrame = pd.read_csv(path, dtype=str, keep_default_na=False)
        table = table.rename(columns=lambda name: name.strip().lower())
        if missing := [name for name in ("ticker", "from", "to") if name not in table]:
            raise ValueError(f"it has no column {', '.join(missing)}, and its columns are {', '.join(table.columns)}")
        table = table[["ticker", "from", "to"]].apply(lambda column: column.str.strip())
        for end, open_end in (("from", "1700-01-01"), ("to", "2262-01-01")):
            days = pd.to_datetime(table[end].replace("", open_end), format="%Y-%m-%d", errors="coerce")
            if (bad := days.isna()).any():
                row = table[bad].iloc[0]
                raise ValueError(f"{row['ticker']}: {end} is {row[end]!r}, and a day is 2024-01-31, or empty for open")
            table[end] = days
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


def available(bars: pd.DataFrame) -> pd.DataFrame:
    """Return the universe whose members are the tickers that have bars: from the first to the last one.

    A fold takes a member only where its bars cover the fold's warm-up, so that none is traded before its own has ended.
    """
    own = bars.groupby("ticker")["date"].agg(["min", "max"]).reset_index()
    own.columns = pd.Index(["ticker", "from", "to"])
    return own


def within_bars(universe: pd.DataFrame, bars: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return memberships that begin and end with their tickers' bars at the latest, and which were longer."""
    own = available(bars).set_index("ticker").reindex(universe["ticker"]).set_axis(universe.index)
    first, last = (own[end].dt.normalize() for end in ("from", "to"))
    days = bars["date"].dt.normalize()
    longer = (universe["from"].clip(lower=days.min()) < first) | (universe["to"].clip(upper=days.max()) > last)
    said = [
        f"{row['ticker']} has bars from {when(first[at])} to {when(last[at])}, and is a member on these days alone"
        for at, row in universe[longer].iterrows()
    ]
    more = [f"{len(said) - SHOWN} more memberships end with their tickers' bars"] if len(said) > SHOWN else []
    clipped = universe.assign(**{"from": universe["from"].clip(lower=first), "to": universe["to"].clip(upper=last)})
    return clipped, said[:SHOWN] + more


def mark_members(
    bars: pd.DataFrame, universe: pd.DataFrame, cure: str = "end its membership before, or take missing: hold"
) -> pd.DataFrame:
    """Return bars with the column ``MEMBER``: 1 on a ticker's days in the universe, 0 on its other days.

    Args:
        bars: the bars.
        universe: ticker, from, to of each membership.
        cure: what to do where a ticker lacks a day of its membership.

    Raises:
        ValueError: a ticker has no bars, or lacks one on a day of its membership.

    """
    days = pd.DatetimeIndex(np.sort(bars["date"].unique()))
    rows = {ticker: pd.DatetimeIndex(group["date"]) for ticker, group in bars.groupby("ticker")}
    member = pd.Series(0.0, index=pd.MultiIndex.from_frame(bars[["date", "ticker"]]))
    for ticker, first, last in universe.itertuples(index=False):
        own = rows.get(ticker, days[:0])
        span = _within_own(days[(days >= first.normalize()) & (days.normalize() <= last)], own)
        if not len(span):
            continue
        if len(lacking := span.difference(own)):
            raise ValueError(
                f"{ticker} has no row on {when(lacking[0])}, a day of its membership ({len(lacking)} of {len(span)} "
                f"such days): {cure}"
            )
        member.loc[pd.MultiIndex.from_product([span, [ticker]])] = 1.0
    return bars.assign(**{MEMBER: member.to_numpy()})


def _within_own(span: pd.DatetimeIndex, own: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the time stamps of a membership: on its first and last day no others than from and to the ticker's own.

    A membership is stated in days, and bars may be shorter. A first or last day without any is a day that lacks.
    """
    if not len(span):
        return span
    began = own[own.normalize() == span[0].normalize()].min()
    ended = own[own.normalize() == span[-1].normalize()].max()
    return span[~(span < began) & ~(span > ended)]

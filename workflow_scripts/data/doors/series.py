"""What a market's closes give away: one series under two names, splits that nobody adjusted for."""

from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.data.bars import when

Floats = np.ndarray[Any, np.dtype[np.float64]]
ALIKE = 0.999
LARGEST_PLAUSIBLE_MOVE = 0.5
# Below so many common days a high correlation says nothing, and below so many moves equality neither.
DAYS_TO_CORRELATE = 20
MOVES_TO_COMPARE = 3
EQUAL_RETURNS = 1e-9
# Ratios of a close to the one before, after splits that happen; and their inverses.
SPLITS = sorted({*map(float, range(2, 11)), 1.5, 2.5, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 100.0})
NEAR_SPLIT = 0.04
# A split of 2:1 on a day on which the price rises: still a move to be looked at.
HALVED = 0.48
LEVEL_DAYS = 5
LEVEL_STAYS = 0.1
SHOWN = 5


def check_series(bars: pd.DataFrame) -> list[str]:
    """Return warnings of tickers that move almost as one, and of moves that are splits or too large.

    Raises:
        ValueError: tickers have one and the same series of returns; names them.

    """
    return [*check_twins(bars), *warn_of_moves(bars)]


def check_twins(bars: pd.DataFrame) -> list[str]:
    """Return a warning for each pair of tickers whose returns correlate above ``ALIKE``.

    Raises:
        ValueError: tickers have one and the same series of returns; names them.

    """
    close = bars.pivot(index="date", columns="ticker", values="close").sort_index(axis=1)
    returns = close.pct_change(fill_method=None).to_numpy()[1:]
    days, correlation = _correlate(returns)
    pairs = np.argwhere(np.triu((correlation > ALIKE) & (days >= MOVES_TO_COMPARE), 1))
    twins: list[set[str]] = []
    alike = []
    for first, second in pairs:
        one, other = returns[:, first], returns[:, second]
        common = np.isfinite(one) & np.isfinite(other)
        moves = int(np.count_nonzero(one[common]))
        names = {str(close.columns[first]), str(close.columns[second])}
        if moves >= MOVES_TO_COMPARE and bool((np.abs(one[common] - other[common]) <= EQUAL_RETURNS).all()):
            joined = [group for group in twins if group & names]
            twins = [group for group in twins if not group & names] + [set.union(names, *joined)]
        elif days[first, second] >= DAYS_TO_CORRELATE:
            alike.append((float(correlation[first, second]), *sorted(names)))
    if twins:
        named = sorted(sorted(twins, key=len)[-1])
        raise ValueError(
            f"{len(named)} tickers have identical returns on every day: {', '.join(named)}; they are one series under "
            f"several names, as in a bad upload: leave all but one out (tickers), or get the files again"
        )
    return [
        f"{one} and {other} move as one: their returns correlate by {value:.5f}"
        for value, one, other in sorted(alike, reverse=True)[:SHOWN]
    ] + ([f"{len(alike)} pairs of tickers correlate above {ALIKE}"] if len(alike) > SHOWN else [])


def _correlate(returns: Floats) -> tuple[Floats, Floats]:
    """Return the number of common days of each two columns, and their correlation there; 0 where one stands still."""
    known = np.isfinite(returns)
    scale = np.nanstd(np.where(known, returns, np.nan), axis=0) if len(returns) else np.ones(returns.shape[1])
    scaled = np.where(known, returns, 0.0) / np.where(np.isfinite(scale) & (scale > 0), scale, 1.0)
    mask = known.astype(np.float64)
    days = mask.T @ mask
    safe = np.maximum(days, 1)
    sums, squares = scaled.T @ mask, (scaled**2).T @ mask
    covariance = scaled.T @ scaled - sums * sums.T / safe
    variance = squares - sums**2 / safe
    spread = np.sqrt(np.maximum(variance, 0) * np.maximum(variance.T, 0))
    return days, np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 1e-9)


def warn_of_moves(bars: pd.DataFrame) -> list[str]:
    """Return warnings of day moves beyond 50 %: a split where one fits, and a count of those that are none."""
    close = bars.pivot(index="date", columns="ticker", values="close")
    opening = bars.pivot(index="date", columns="ticker", values="open").to_numpy()
    values = close.to_numpy()
    returns = close.pct_change(fill_method=None).to_numpy()
    moves = (returns > LARGEST_PLAUSIBLE_MOVE) | (returns < -HALVED)
    splits, others = [], []
    for day, column in np.argwhere(moves):
        size = values[day, column] / values[day - 1, column] - 1
        move = f"{close.columns[column]} moves by {size:+.0%} on {when(close.index[day])}"
        split = split_ratio(values[:, column], opening[:, column], int(day))
        if split is None:
            others += [move] * bool(abs(size) > LARGEST_PLAUSIBLE_MOVE)
        else:
            splits.append(f"{move}, near {split}, and stays there: a split?")
    if others:
        more = f" and {len(others) - 1} more moves beyond {LARGEST_PLAUSIBLE_MOVE:.0%}" if len(others) > 1 else ""
        splits.append(f"{others[0]}{more}: no split by size and course, so see whether the price is right")
    return splits


def split_ratio(close: Floats, opening: Floats, day: int) -> str | None:
    """Return the split that a move of the close on a day looks like, such as 2:1, or none.

    The ratio is near a small fraction, the price jumped over night, and the days around keep their levels.
    """
    ratio = close[day] / close[day - 1]
    factor = max(ratio, 1 / ratio)
    nearest = min(SPLITS, key=lambda split: abs(np.log(factor / split)))
    if abs(np.log(factor / nearest)) > NEAR_SPLIT:
        return None
    over_night = opening[day] / close[day - 1]
    if abs(np.log(max(over_night, 1 / over_night) / nearest)) > 2 * NEAR_SPLIT:
        return None
    for days, level in (
        (close[day : day + LEVEL_DAYS + 1], close[day]),
        (close[max(day - LEVEL_DAYS, 1) - 1 : day], close[day - 1]),
    ):
        around = days[np.isfinite(days)] / level
        if abs(float(np.median(around)) - 1) > LEVEL_STAYS or np.abs(np.log(around)).max() > np.log(1.25):
            return None
    whole = {1.5: (3, 2), 2.5: (5, 2)}.get(nearest, (int(nearest), 1))
    return f"{whole[0]}:{whole[1]}" if ratio < 1 else f"{whole[1]}:{whole[0]}"

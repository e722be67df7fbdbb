"""How many periods per year has, by the calendar of a market's rows."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_scripts.data.periods import DAILY, TRADING_DAYS_A_YEAR, Interval

MINUTES: dict[Interval, int] = {"1h": 60, "15m": 15, "5m": 5, "1m": 1}
WEEKDAYS_A_YEAR = 260
DAYS_A_YEAR = 365.25
# Exchanges close on six weekdays per year at least, and currencies pause on two at most.
FEWEST_HOLIDAYS = 4
LEAST_WEEKS = 3
# Half a year of weekdays: in fewer, holidays cannot be counted.
WEEKDAYS_TO_COUNT = 130


def check_interval(moments: pd.DatetimeIndex, interval: Interval) -> None:
    """Check that most bars of a day are as far apart as the interval says.

    Raises:
        ValueError: they are not; names both, and the key.

    """
    own = moments.unique().sort_values()
    gaps = np.diff(own.to_numpy())[own.normalize()[1:] == own.normalize()[:-1]]
    if interval == DAILY:
        return
    if not len(gaps):
        raise ValueError(f"interval is {interval}, and the market has one bar per day: leave interval out")
    lengths, counts = np.unique(gaps, return_counts=True)
    minutes = int(lengths[counts.argmax()] / np.timedelta64(1, "m"))
    if minutes != MINUTES[interval]:
        known = {length: name for name, length in MINUTES.items()}
        cure = f"interval: {known[minutes]}" if minutes in known else f"bars of {', '.join(MINUTES)}"
        raise ValueError(f"interval is {interval}, and most bars of a day are {minutes} minutes apart: take {cure}")


def periods_by_calendar(moments: pd.DatetimeIndex) -> tuple[int, str]:
    """Return how many periods a year has, and the calendar in words.

    The days that a usual week has, as in 5 of stocks, decide: 7 make 365 days per year, and 5 make 252, or 260 where
    fewer than ``FEWEST_HOLIDAYS`` weekdays per year are missing. A number that follows from a count of days alone would
    change with each day that the market appends, and with it all that is annualised. A period shorter than a day
    multiplies them by the periods of a usual day, so that half days change nothing.

    Args:
        moments: of the rows, in any order; several rows may have the same.

    """
    own = moments.unique().sort_values()
    days, counts = np.unique(own.normalize().to_numpy().astype("datetime64[D]"), return_counts=True)
    per_day = int(np.median(counts))
    week = (days - days[0]).astype(np.int64) // 7
    of_weeks = np.bincount(week, weights=counts)
    usual = round(float(np.median(of_weeks[:-1])) / per_day) if len(of_weeks) > 1 else 0
    if len(of_weeks) < LEAST_WEEKS:
        of_year, said = TRADING_DAYS_A_YEAR, "too few weeks to know the calendar"
    elif usual == 0:
        gap = float(np.median(np.diff(days).astype(np.int64)))
        of_year, said = max(1, round(DAYS_A_YEAR / gap)), f"one day in {gap:.0f}"
    elif usual == 5:
        of_year, said = _of_weekdays(days, counts)
    else:
        of_year, said = int(usual * DAYS_A_YEAR / 7), f"{usual} day{'s' * (usual > 1)} per week"
    if per_day > 1:
        return of_year * per_day, f"{said}, {of_year} per year, of {per_day} bars"
    return of_year, f"{said}, {of_year} per year"


def _of_weekdays(days: NDArray[np.datetime64], counts: NDArray[np.int64]) -> tuple[int, str]:
    """Return the days per year of a market that has five a week, by its holidays."""
    weekday = (days.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    usual = np.argsort(-np.bincount(weekday, weights=counts, minlength=7), kind="stable")[:5]
    mask = [place in usual for place in range(7)]
    possible = int(np.busday_count(days[0], days[-1] + 1, weekmask=mask))
    if possible < WEEKDAYS_TO_COUNT:
        return TRADING_DAYS_A_YEAR, "5 days per week, too few to count holidays"
    holidays = (1 - np.isin(weekday, usual).sum() / possible) * 5 / 7 * DAYS_A_YEAR
    of_year = TRADING_DAYS_A_YEAR if holidays >= FEWEST_HOLIDAYS else WEEKDAYS_A_YEAR
    return of_year, f"5 days per week less {holidays:.1f} holidays per year"

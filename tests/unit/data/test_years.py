import pandas as pd
import pytest
from skfolio.datasets import load_sp500_dataset

from workflow_scripts.data.years import periods_by_calendar


def weekdays(periods, without=()):
    days = pd.bdate_range("2020-01-01", periods=periods)
    return days[~days.strftime("%m-%d").isin(without)]


def stamps(days, first_minute, minutes, bars, half_days=()):
    """Bars of a day, fewer of them on half days."""
    return pd.DatetimeIndex(
        [
            day + pd.Timedelta(minutes=first_minute + minutes * bar)
            for day in days
            for bar in range(bars // 2 if day in half_days else bars)
        ]
    )


NEW_YEAR_AND_CHRISTMAS = ("01-01", "12-25")
NYSE = load_sp500_dataset().index


@pytest.mark.parametrize(
    ("days", "periods"),
    [
        (NYSE, 252),
        (weekdays(1000, NEW_YEAR_AND_CHRISTMAS), 260),
        (pd.date_range("2020-01-01", periods=400), 365),
        (pd.date_range("2020-01-03", periods=150, freq="W-FRI"), 52),
        (pd.date_range("2020-01-31", periods=50, freq="ME"), 12),
        (weekdays(100), 252),
        (pd.date_range("2020-01-03", periods=3), 252),
    ],
    ids=["stocks", "currencies", "crypto", "weeks", "months", "weekdays too few to count holidays", "too few weeks"],
)
def test_a_year_has_the_periods_of_the_calendar_of_the_rows(days, periods):
    assert periods_by_calendar(days)[0] == periods


def test_any_stretch_of_a_stock_exchanges_days_has_its_year_so_that_appended_days_change_nothing():
    stretches = [(first, days) for days in (131, 260, 1000) for first in range(0, len(NYSE) - days, 97)]
    assert {periods_by_calendar(NYSE[first : first + days])[0] for first, days in stretches} == {252}


def test_a_week_from_sunday_to_thursday_is_a_week_of_five_days():
    days = pd.date_range("2020-01-05", periods=800)
    days = days[~days.day_name().isin(["Friday", "Saturday"])]
    assert periods_by_calendar(days)[0] == 260
    assert (
        periods_by_calendar(days[~days.strftime("%m-%d").isin(["04-20", "05-10", "05-11", "09-28", "10-05"])])[0] == 252
    )


def test_half_days_change_no_year_of_hours():
    days = NYSE[-500:]
    assert periods_by_calendar(stamps(days, 570, 60, 7))[0] == 7 * 252
    assert periods_by_calendar(stamps(days, 570, 60, 7, half_days=set(days[::80])))[0] == 7 * 252
    assert periods_by_calendar(stamps(days, 570, 15, 26))[0] == 26 * 252


def test_currencies_that_open_on_sunday_evening_have_24_hours_on_260_days():
    hours = pd.date_range("2020-01-05 22:00", periods=24 * 500, freq="h")
    day, hour = hours.day_of_week, hours.hour
    opened = (day < 4) | ((day == 4) & (hour < 22)) | ((day == 6) & (hour >= 22))
    assert periods_by_calendar(hours[opened])[0] == 24 * 260
    assert periods_by_calendar(hours)[0] == 24 * 365


def test_rows_of_several_tickers_are_one_calendar():
    assert periods_by_calendar(NYSE[-300:].repeat(20))[1] == periods_by_calendar(NYSE[-300:])[1]

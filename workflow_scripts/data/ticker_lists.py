"""Lists of tickers by name, chosen with hindsight, and what that means."""

import pandas as pd

SHOWN = 5
# The Dow Jones Industrial Average from 2020-08-31 on without DOW and WBA, each with the day since when it is in the
# index (CVX, HON, IBM and KO were in it before, too).
DOW28 = {
    "AAPL": "2015-03-19",
    "AMGN": "2020-08-31",
    "AXP": "1982-08-30",
    "BA": "1987-03-12",
    "CAT": "1991-05-06",
    "CRM": "2020-08-31",
    "CSCO": "2009-06-08",
    "CVX": "2008-02-19",
    "DIS": "1991-05-06",
    "GS": "2013-09-23",
    "HD": "1999-11-01",
    "HON": "2020-08-31",
    "IBM": "1979-06-29",
    "INTC": "1999-11-01",
    "JNJ": "1997-03-17",
    "JPM": "1991-05-06",
    "KO": "1987-03-12",
    "MCD": "1985-10-30",
    "MMM": "1976-08-09",
    "MRK": "1979-06-29",
    "MSFT": "1999-11-01",
    "NKE": "2013-09-23",
    "PG": "1932-05-26",
    "TRV": "2009-06-08",
    "UNH": "2012-09-24",
    "V": "2013-09-23",
    "VZ": "2004-04-08",
    "WMT": "1997-03-17",
}
LISTS = {"dow28": DOW28}
WHAT = {"dow28": "the Dow Jones Industrial Average of 2020-08-31 without DOW and WBA"}


def survivorship(name: str, first_day: pd.Timestamp) -> str:
    """Return the warning that a named list was chosen with hindsight, with the numbers behind it."""
    later = {ticker: since for ticker, since in LISTS[name].items() if pd.Timestamp(since) > first_day}
    shown = ", ".join(f"{ticker} {since}" for ticker, since in sorted(later.items(), key=lambda pair: pair[1])[-SHOWN:])
    last = f" (the last: {shown})" if later else ""
    return (
        f"survivorship: {name} is {WHAT[name]}. {len(later)} of its {len(LISTS[name])} tickers joined after the "
        f"market's first day {first_day:%Y-%m-%d}{last}, because they had done well, and those that left are missing: "
        f"every long portfolio of it looks better than it could have been"
    )

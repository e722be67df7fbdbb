"""How many bars a year has, by which everything a year is counted."""

TRADING_DAYS_A_YEAR = 252

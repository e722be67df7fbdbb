"""Where the covariance behind turbulence is shrunk: with many tickers a sample's says little."""

SHRUNK = "covariance of {days} days for {tickers} tickers, shrunk towards equal variances (Ledoit and Wolf, 2004)"
SAMPLE = "sample covariance of {days} days for {tickers} tickers"
RULE = "covariance shrunk (Ledoit and Wolf, 2004) where features.turbulence_days is at most {days}"


def shrunk_up_to(tickers: int) -> int:
    """Return up to how many days the covariance of so many tickers is shrunk."""
    return 2 * tickers


def is_shrunk(tickers: int, days: int) -> bool:
    """Return whether the covariance of so many tickers over so many days is shrunk."""
    return days <= shrunk_up_to(tickers)


def describe_covariance(tickers: int, days: int) -> str:
    """Return what the covariance behind a market's turbulence is."""
    return (SHRUNK if is_shrunk(tickers, days) else SAMPLE).format(tickers=tickers, days=days)


def describe_rule(tickers: int, chosen_by_fold: bool) -> str:
    """Return what is known of the covariance before its days are; a universe leaves the tickers to each fold."""
    return RULE.format(
        days="twice a fold's tickers" if chosen_by_fold else f"{shrunk_up_to(tickers)}, twice its tickers"
    )

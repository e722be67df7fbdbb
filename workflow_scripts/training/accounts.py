"""What an account holds, read from a file, what its orders cost, and the settings of both. No torch here."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from workflow_scripts.data.settings import Day
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.workflow.files import first_line
from workflow_scripts.workflow.model import Settings

CASH = "cash"
HEAD = ("ticker", "shares")
# Of orders.csv.
ORDER_COLUMNS = ("ticker", "weight_now", "target_weight", "shares", "price", "notional", "fee")


class OrderSettings(Settings):
    """What `snakemake orders` writes: the trades of an incumbent on the latest day of its market."""

    sweep: str | None = Field(default=None, description="whose incumbent trades; null takes the only sweep")
    holdings: str | None = Field(
        default=None,
        description="a .csv file of what the account holds: `ticker,shares`, and a row `cash,AMOUNT`; null starts in "
        "cash with the market's initial_cash",
    )
    day: Day | None = Field(
        default=None, description="day on whose close is decided (YYYY-MM-DD); null takes the latest one"
    )
    lot_size: int | None = Field(
        default=None, ge=0, le=10**9, description="shares per lot of these orders; null takes the market's"
    )
    stale_days: int = Field(
        default=4, ge=0, le=10_000, description="calendar days that the last bar may be old without a warning"
    )


@dataclass(frozen=True)
class Account:
    """What an account holds.

    Attributes:
        cash: in the market's currency.
        shares: (tickers,) of each ticker of the market, in its order.

    """

    cash: float
    shares: NDArray[np.float64]

    def value(self, prices: NDArray[np.float64]) -> float:
        """Return what the account is worth at prices (tickers,)."""
        return self.cash + float(self.shares @ prices)


def read_account(path: Path, tickers: Sequence[str], short: bool = False) -> Account:
    """Read a file of holdings: a row per ticker with ticker and shares, and a row ``cash`` with an amount of money.

    A ticker of the market without a row is not held. Lines that begin with # are comments.

    Args:
        path: the .csv file.
        tickers: those of the market, in its order.
        short: whether the account may owe shares or money: numbers below zero.

    Raises:
        ValueError: the file is no such table, or holds what the market does not trade.

    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({first_line(error)}): save it as such") from None
    rows = csv.DictReader(line for line in StringIO(text) if not line.startswith("#"))
    if missing := [name for name in HEAD if name not in (rows.fieldnames or ())]:
        raise ValueError(
            f"{path} has no column {', '.join(missing)}: holdings are a table ticker,shares with a row per ticker "
            f"and a row cash,AMOUNT"
        )
    held: dict[str, float] = {}
    for row in rows:
        ticker = (row["ticker"] or "").strip()
        if ticker in held:
            raise ValueError(f"{path}: {ticker} stands twice: add up its shares in one row")
        held[ticker] = _number(path, ticker, row["shares"], short)
    if CASH not in held:
        raise ValueError(f"{path} has no row cash: add cash,AMOUNT, or cash,0 where there is none")
    cash = held.pop(CASH)
    if unknown := sorted(set(held) - set(tickers)):
        raise ValueError(
            f"{path} holds {', '.join(unknown)}, which the market does not trade (it has {', '.join(tickers)}): take "
            f"out the row, which leaves that position as it is, or correct its ticker"
        )
    if not cash and not any(held.values()):
        raise ValueError(f"{path} holds neither shares nor cash: there is nothing to trade with")
    return Account(cash, np.array([held.get(ticker, 0.0) for ticker in tickers]))


def _number(path: Path, ticker: str, spelled: str | None, short: bool) -> float:
    try:
        number = float(spelled or "")
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and (number >= 0 or short)):
        raise ValueError(
            f"{path}: {ticker} has {spelled!r}, which is no number{'' if short else ' from 0 on'}: write 1234.5"
            + ("" if short else "; an agent holds no short position")
        )
    return number


def fees(notional: NDArray[np.float64], environment: EnvironmentSettings) -> NDArray[np.float64]:
    """Return what orders cost, (tickers,).

    Args:
        notional: (tickers,) money of each order, sold below zero.
        environment: fee, minimum fee and tax.

    """
    least = np.where(notional != 0, environment.min_fee, 0.0)
    paid: NDArray[np.float64] = np.maximum(environment.cost_pct * np.abs(notional), least)
    return paid + environment.sell_tax_pct * -np.minimum(notional, 0)

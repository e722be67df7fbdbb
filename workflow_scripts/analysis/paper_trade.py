"""An example of what to do with orders.csv: paper trading at Alpaca. No rule runs it, and it sends nothing unasked."""

import csv
import os
from collections.abc import Callable
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workflow_scripts.training.accounts import CASH, HEAD, ORDER_COLUMNS
from workflow_scripts.workflow.extras import extra
from workflow_scripts.workflow.files import first_line, sha256, write_text
from workflow_scripts.workflow.jobs import command_line, start_job

PAPER, LIVE = "https://paper-api.alpaca.markets", "api.alpaca.markets"
KEYS = ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY")
LEAST_NOTIONAL = 1  # dollars of an order of a fraction of a share
SMALLEST_QUANTITY = Decimal("1e-9")


def paper_trade(
    orders: Path | None = None, holdings: Path | None = None, send: bool = False, address: str = PAPER
) -> None:
    """Write what a paper account holds, or print the orders of orders.csv and, with --send, send them.

    Whole shares are sent as market orders on the close, where the backtest fills; fractions as market orders of the
    day, since Alpaca takes them in no other way. Sales go first. A file is sent once: Alpaca refuses an order whose id
    it knows, and the id follows from the file.

    Args:
        orders: an orders.csv.
        holdings: the file of holdings to write, as ``orders.holdings`` reads it.
        send: whether to send the orders.
        address: Alpaca's paper trading, or a stand-in of it.

    Raises:
        ValueError: the address is that of real money, or a key or the package is missing.
        ConnectionError: Alpaca refused, or gave no answer; the message names the orders that it did not take.

    """
    log = start_job("paper_trade")
    if urlsplit(address if "//" in address else f"//{address}").hostname == LIVE:
        raise ValueError(f"{address} trades real money, which this example does not: leave --address out")
    if holdings is not None:
        client = _client(address)
        rows = [(row["symbol"], row["qty"]) for row in _answer(client.get_all_positions)]
        rows.append((CASH, _answer(client.get_account)["cash"]))
        write_text(holdings, "".join(f"{name},{number}\n" for name, number in (HEAD, *rows)))
        log.info(f"{holdings}: what the paper account holds")
    asked = [] if orders is None else read_orders(orders)
    if asked and send:
        _send(asked, address)
    elif asked:
        print("\n".join(f"would send: {_spelled(order)}" for order in asked) + "\nnothing was sent: add --send")


def read_orders(path: Path) -> list[dict[str, str]]:
    """Return the orders of a file as Alpaca takes them, sales first; what is less than it takes is left out.

    Raises:
        ValueError: the file is no orders.csv, or a number of it is none; names the row.

    """
    file, orders = sha256(path)[:16], []
    with path.open(encoding="utf-8", newline="") as lines:
        table = csv.DictReader(line for line in lines if not line.startswith("#"))
        if lacking := [name for name in ORDER_COLUMNS if name not in (table.fieldnames or ())]:
            raise ValueError(f"{path} is no orders.csv: it has no column {', '.join(lacking)}")
        for row in table:
            try:
                shares, notional = Decimal(row["shares"]), Decimal(row["notional"])
                if not (shares.is_finite() and notional.is_finite()):
                    raise InvalidOperation
            except (InvalidOperation, TypeError, ValueError):
                said = f"shares {row['shares']!r} and notional {row['notional']!r}"
                raise ValueError(f"{path}: {row['ticker']} has {said}, which are not two numbers") from None
            whole = shares == shares.to_integral_value()
            if not shares or (not whole and abs(notional) < LEAST_NOTIONAL):
                continue
            orders.append(
                {
                    "symbol": row["ticker"],
                    "qty": f"{abs(shares).quantize(SMALLEST_QUANTITY, ROUND_DOWN).normalize():f}",
                    "side": "buy" if shares > 0 else "sell",
                    "time_in_force": "cls" if whole else "day",
                    "client_order_id": f"{file}-{row['ticker']}",
                }
            )
    return sorted(orders, key=lambda order: order["side"] == "buy")


def _send(orders: list[dict[str, str]], address: str) -> None:
    client, requests = _client(address), extra("alpaca.trading.requests", "alpaca-py", "paper trading")
    refused = []
    for order in orders:
        try:
            _answer(partial(client.submit_order, requests.MarketOrderRequest(**order)))
            print(f"sent: {_spelled(order)}")
        except ConnectionError as error:
            refused.append(f"{_spelled(order)}: {error}")
    if refused:
        raise ConnectionError(f"{len(refused)} of {len(orders)} orders were not taken: {'; '.join(refused)}")


def _client(address: str) -> Any:
    """Return alpaca-py's client of paper trading; its keys come from the environment alone."""
    client = extra("alpaca.trading.client", "alpaca-py", "paper trading")
    if missing := [name for name in KEYS if not os.environ.get(name)]:
        raise ValueError(f"paper trading reads its keys from the environment, and {' and '.join(missing)} is not there")
    return client.TradingClient(*(os.environ[name] for name in KEYS), raw_data=True, url_override=address)


def _answer(ask: Callable[[], Any]) -> Any:
    """Return Alpaca's answer.

    Raises:
        ConnectionError: there is none, or it is a refusal; one line without the keys.

    """
    errors = extra("alpaca.common.exceptions", "alpaca-py", "paper trading")
    try:
        return ask()
    except (errors.APIError, OSError) as error:
        said = first_line(error)
        for name in KEYS:
            said = said.replace(os.environ[name], "…")
        raise ConnectionError(f"Alpaca's answer: {said}") from None


def _spelled(order: dict[str, str]) -> str:
    return f"{order['side']} {order['qty']} {order['symbol']} ({order['time_in_force']})"


if __name__ == "__main__":
    command_line(paper_trade)

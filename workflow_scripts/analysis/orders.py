"""Orders: whether there may be any, what is odd about the prices behind them, and the table that states them."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workflow_scripts.data.bars import HELD, MEMBER
from workflow_scripts.training.accounts import ORDER_COLUMNS, Account, fees
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.wording import several

# A scaler that has moved by less than this part of its standard deviation has met no other prices.
SAME_SCALER = 1e-6


def read_verdict(sweep: Path, anyway: bool) -> dict[str, Any]:
    """Return a sweep's verdict.

    Args:
        sweep: the folder of the sweep.
        anyway: whether there are to be orders without skill.

    Raises:
        ValueError: there is no verdict yet, or it shows no skill and nobody wants orders all the same.

    """
    if not (sweep / "verdict.json").exists():
        raise ValueError(f"{sweep.name} has no verdict yet, and orders follow from one: run Snakemake first (make run)")
    verdict: dict[str, Any] = read_json(sweep / "verdict.json")
    if verdict["skill"]["answer"] != "yes" and not anyway:
        raise ValueError(
            f"no orders of {sweep.name}, whose skill was not shown: {verdict['sentence']} To have them all the same: "
            f"--config anyway=true (make orders ANYWAY=1)"
        )
    return verdict


def position_of(dates: NDArray[np.str_], day: str | None) -> int:
    """Return the position of a day's last bar among test days; without a day that of the latest one.

    Raises:
        ValueError: there is no bar on that day.

    """
    found = np.flatnonzero([spelled.startswith(day or "") for spelled in dates.tolist()])
    if not len(found):
        raise ValueError(f"orders.day: {day} is no day of the market from its test_start on: {dates[0]} to {dates[-1]}")
    return int(found[-1])


def scaled_alike(trained: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a warning where the training window has other prices than when the policies were trained.

    Args:
        trained: the description of the fold that the policies were trained on.
        now: that of the same fold of the latest prices.

    Raises:
        ValueError: its tickers or its days are others.

    """
    for key, what in (("tickers", "tickers"), ("train", "days")):
        if trained[key] != now[key]:
            raise ValueError(
                f"the policies were trained on the {what} {_spelled(trained[key])}, and the market has now "
                f"{_spelled(now[key])}: run Snakemake first, which trains and judges anew"
            )
    moved = {
        name: max(abs(scaler["mean"] - new["mean"]), abs(scaler["sd"] - new["sd"])) / scaler["sd"]
        for group, scalers in trained["scalers"].items()
        for name, scaler in scalers.items()
        for new in [now["scalers"][group][name]]
    }
    worst = max(moved, key=lambda name: moved[name])
    if moved[worst] <= SAME_SCALER:
        return []
    return [
        f"prices before the test days were revised since the policies were trained: {worst} is scaled otherwise by "
        f"{moved[worst]:.2g} standard deviations"
    ]


def odd_prices(bars: pd.DataFrame, tickers: Sequence[str], day: str, today: date | None, stale_days: int) -> list[str]:
    """Return warnings of prices that are old, or at which nobody traded.

    Args:
        bars: of the market.
        tickers: those that orders are for.
        day: the day on whose close is decided.
        today: the day on which the orders are to be given; none asks no price to be new.
        stale_days: calendar days that the last bar may be old.

    """
    warnings = []
    if today is not None and (age := (today - date.fromisoformat(day[:10])).days) > stale_days:
        warnings.append(f"the last bar is of {day}, {several(age, 'day')} ago: fetch newer prices before you trade")
    last = bars[bars["date"] == pd.Timestamp(day)].set_index("ticker")
    idle = set(tickers) - set(last.index)
    for column, value in ((HELD, 1), (MEMBER, 0)):
        idle |= set(last.index[last[column] == value]) & set(tickers) if column in last else set()
    if idle:
        warnings.append(
            f"{', '.join(sorted(idle))} did not trade on {day}, or left the universe: priced at the last close, and an "
            f"order may not fill"
        )
    return warnings


def order_rows(
    tickers: Sequence[str],
    before: Account,
    after: Account,
    seen: NDArray[np.float64],
    filled: NDArray[np.float64],
    environment: EnvironmentSettings,
) -> list[dict[str, Any]]:
    """Return a row per ticker: weights before and after, shares (sold below zero), price, notional and fee.

    Args:
        tickers: the market's.
        before: the account on whose sight was decided.
        after: the account once the orders are filled.
        seen: (tickers,) closing prices on which was decided.
        filled: (tickers,) prices at which the orders are sized.
        environment: fees.

    """
    shares = after.shares - before.shares
    notional = shares * filled
    columns = (
        tickers,
        before.shares * seen / before.value(seen),
        after.shares * filled / after.value(filled),
        shares,
        filled,
        notional,
        fees(notional, environment),
    )
    return [dict(zip(ORDER_COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]


def orders_text(said: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return orders.csv: lines of comment, then the table."""
    table = io.StringIO()
    writer = csv.DictWriter(table, ORDER_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        told = {name: value if isinstance(value, str) else f"{value:.12g}" for name, value in row.items()}
        # To the last digit: a sale of all is of what is held.
        writer.writerow(told | {"shares": np.format_float_positional(row["shares"], trim="-")})
    return "".join(f"# {line}\n" for line in said) + table.getvalue()


def _spelled(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value['first_day']} to {value['last_day']} ({several(value['days'], 'day')})"
    return ", ".join(value)

"""The rule orders: what the incumbent of a sweep trades on the latest day of its market."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from workflow_scripts.analysis.orders import (
    odd_prices,
    order_rows,
    orders_text,
    position_of,
    read_verdict,
    scaled_alike,
)
from workflow_scripts.data.bars import read_bars, when
from workflow_scripts.data.market_folds import sealed_of_market
from workflow_scripts.data.universes import MarketFeatures
from workflow_scripts.training.accounts import Account, OrderSettings, read_account
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.run.settings import TrainingSettings
from workflow_scripts.training.sharpe import read_result
from workflow_scripts.training.trials import Trial
from workflow_scripts.workflow.files import read_json, write_text
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import BACKTEST_RUN, PREREGISTRATION, SWEEP
from workflow_scripts.workflow.wording import several


def write_orders(
    results: Path,
    sweeps: tuple[str, ...],
    deciding: str,
    sealed: Path,
    bars: Path | None = None,
    settings: OrderSettings = OrderSettings(),
    anyway: bool = False,
    today: str | None = None,
) -> None:
    """Write orders.csv of a sweep and print it: the verdict's sentence, what it rests on, and a row per ticker.

    The policies of the sealed backtest decide, all final seeds together, under the settings that were judged. Nothing
    is trained, and no verdict is made anew.

    Args:
        results: the folder of the results.
        sweeps: the sweep; where several are named, nobody said which one.
        deciding: the sweep whose policies decide: itself, or that before the last window of its test days.
        sealed: what describes the fold that they were trained on.
        bars: the market's latest bars.
        settings: whose account trades, when, and how.
        anyway: whether to write orders though skill was not shown.
        today: the day on which the orders are given (YYYY-MM-DD); none takes the machine's.

    Raises:
        ValueError: there may be no orders, or the market, the account or a policy is not what they need.

    """
    log = start_job("orders")
    if len(sweeps) != 1 or bars is None:
        raise ValueError(
            f"orders are those of one sweep, and there are {', '.join(sweeps)}: name it with "
            f"--config orders='{{sweep: {sweeps[0]}}}' (make orders SWEEP={sweeps[0]})"
        )
    root = results.parent
    folder = root / SWEEP.format(sweep=sweeps[0])
    orders = folder / "orders.csv"
    orders.unlink(missing_ok=True)  # yesterday's must not be taken for today's
    verdict = read_verdict(folder, anyway)
    stated = read_json(root / PREREGISTRATION.format(sweep=deciding))
    market, judged, tuned = stated["market"], stated["settings"], stated["skill"]["candidate"]
    environment = EnvironmentSettings.of(judged["environment"])
    if settings.lot_size is not None:
        environment = environment.model_copy(update={"lot_size": settings.lot_size})

    table = read_bars(bars)
    if not (priced := np.isfinite(table["close"])).all():
        row = table[~priced].iloc[0]
        raise ValueError(f"{row['ticker']} of market {market} has no price on {when(row['date'])}: delete {bars}")
    features = MarketFeatures.of(table, judged["turbulence_days"])
    data, described = sealed_of_market(features, stated["test_days"]["first_day"], judged["purge_days"])
    warnings = scaled_alike(read_json(sealed), described)
    place = position_of(data.validation.dates, settings.day)
    decided = str(data.validation.dates[place])
    asked = date.fromisoformat(today) if today else date.today()
    warnings += odd_prices(table, data.tickers, decided, None if settings.day else asked, settings.stale_days)
    close = data.validation.close
    account = (
        read_account(Path(settings.holdings), data.tickers, environment.action_mode == "long_short")
        if settings.holdings
        else Account(environment.initial_cash, np.zeros(len(data.tickers)))
    )
    if (worth := account.value(close[place])) <= 0:
        raise ValueError(f"{settings.holdings} is worth {worth:,.2f} on {decided}: such an account cannot trade")

    runs = {seed: root / BACKTEST_RUN.format(sweep=deciding, candidate=tuned, seed=seed) for seed in stated["seeds"]}
    failed = [seed for seed, run in runs.items() if read_result(run / "sharpe.json").status == "failed"]
    if len(failed) == len(runs):
        raise ValueError(
            f"all {len(runs)} trainings of the incumbent of {folder.name} failed: there is no policy to ask"
        )
    if failed:
        warnings.append(f"the trainings of seeds {', '.join(map(str, failed))} failed, and have no say")
    policies = {seed: run / "policy.pt" for seed, run in runs.items() if seed not in failed}

    # torch takes seconds to load, which no refusal has to wait for.
    from workflow_scripts.training.ensemble import trade, with_a_day_to_fill
    from workflow_scripts.training.run.runs import Run
    from workflow_scripts.training.run.threads import pin_threads

    pin_threads()
    latest = place == len(close) - 1
    if latest:
        data = replace(data, validation=with_a_day_to_fill(data.validation))
    training = TrainingSettings.of({**judged["training"], "device": "cpu"})
    run = Run.of(Trial(**stated["candidates"][tuned]), data, 0, environment, training)
    after = trade(run, policies, place, account)

    filled = data.validation.close[place + 1]
    rows = order_rows(data.tickers, account, after, close[place], filled, environment)
    cost = sum(row["fee"] for row in rows)
    said = [
        verdict["sentence"],
        f"{folder.name} on {market}: decided on the close of {decided} by the mean action of "
        f"{several(len(policies), 'seed')}; to fill at the next close, sized at "
        + ("this one" if latest else f"that of {data.validation.dates[place + 1]}"),
        (
            f"the account of {settings.holdings}"
            if settings.holdings
            else "an account that starts with initial_cash alone"
        )
        + f": worth {account.value(close[place]):,.2f}, cash {account.cash:,.2f} before the orders and "
        f"{after.cash:,.2f} after them, fees {cost:,.2f}",
        *(f"warning: {warning}" for warning in warnings),
    ]
    for warning in warnings:
        log.warning(warning)
    write_text(orders, orders_text(said, rows))
    print(orders.read_text(encoding="utf-8"), end="")
    log.info(f"{orders}: {said[1]}")


if __name__ == "__main__":
    command_line(write_orders)

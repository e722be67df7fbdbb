"""The compiled kernels that step the portfolios of trading_env.py on a CPU.

They are in one module since numba's cache knows a kernel's own file only. They work on a row per ticker and a column
per portfolio, a block of portfolios at a time. Their inner loops run over slices from 0 on: an index that could be
negative would keep the compiler from vector instructions.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from workflow_scripts.training.environment.settings import DEAD_ZONE

LARGEST_TILT = 3.0
LEAST_GROWTH = 0.01  # of a day, as a reward counts it: a lost account has no logarithm
NEWTON_STEPS = 4
LOG_RETURN_SCALE = 100.0
BLOCK = 64  # portfolios whose working arrays stay in a core's first cache
WIDE_BLOCK = 128  # the same where the working arrays are few
# Times this a quotient is never below the true one: its floor is what cash can buy, or one more, which a product tells.
ABOVE_ONE = 1 + 2.0**-51
SHARES_REWARD_SCALE = 2.0**-12
CASH_SCALE = 2.0**-18
SHARES_SCALE = 2.0**-10
TABULATED = 10_000  # whole shares whose tanh is in a table; that of the last one, and of all beyond, is 1

Floats = NDArray[np.float64]

# Without fastmath said, a kernel would take it from whichever other kernel had it compiled first, and keep it.
_compiled = numba.njit(cache=True, error_model="numpy", fastmath=False)


@_compiled  # type: ignore[untyped-decorator]
def _fold_sum(rows: Floats, columns: int) -> None:
    """Leave the sums of the columns in the first row, in the order of ``_sum_over_tickers``; spoils the others."""
    width = rows.shape[0]
    while width > 1:
        half = width // 2
        for row in range(half):
            upper, lower = rows[row], rows[row + half]
            for column in range(columns):
                upper[column] += lower[column]
        if width % 2:
            upper, lower = rows[0], rows[width - 1]
            for column in range(columns):
                upper[column] += lower[column]
        width = half


@_compiled  # type: ignore[untyped-decorator]
def _settle(short: bool, rates: tuple[float, float, float], price: Floats, cash: Floats, holdings: Floats) -> None:
    """Pay a day's interest on cash and a day's fee for what is borrowed, and close the accounts that are worth nothing.

    Args:
        short: whether there may be debts: shares sold short, or cash below zero.
        rates: a day's, of cash, of cash below zero, and of the shares sold short by their worth at the day's close.
        price: (tickers,) at the day's close.
        cash: (envs,).
        holdings: (tickers, envs).

    """
    tickers, envs = holdings.shape
    credit, debit, loan = rates
    if not short:
        for env in range(envs):
            cash[env] += cash[env] * credit
        return
    width = min(BLOCK, envs)
    worth, lent = np.empty((tickers, width)), np.empty((tickers, width))
    for first in range(0, envs, BLOCK):
        block = slice(first, min(first + BLOCK, envs))
        free = cash[block]
        count = len(free)
        for ticker in range(tickers):
            row, close, own, borrowed = holdings[ticker, block], price[ticker], worth[ticker], lent[ticker]
            for env in range(count):
                own[env] = row[env] * close
                borrowed[env] = max(-own[env], 0.0)
        _fold_sum(worth, count)
        _fold_sum(lent, count)
        for env in range(count):
            free[env] += free[env] * (credit if free[env] >= 0 else debit) - loan * lent[0, env]
            if free[env] + worth[0, env] <= 0:
                free[env] = 0.0
                for ticker in range(tickers):
                    holdings[ticker, first + env] = 0.0


@_compiled  # type: ignore[untyped-decorator]
def _whole_shares(part: np.float32, max_stock: int, scale: float) -> float:
    """Return what ElegantRL's action orders of a ticker, bought above zero; ElegantRL's scale is 1."""
    order = np.float64(part) * scale
    return np.trunc(order * max_stock) if abs(order) >= DEAD_ZONE else 0.0


@_compiled  # type: ignore[untyped-decorator]
def _trade_shares(
    max_stock: int,
    scale: float,
    action: NDArray[np.float32],
    price: Floats,
    buy_cost: float,
    sell_cost: float,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
    reward: NDArray[np.float32],
    sums: Floats,
) -> None:
    """Fill integer orders in column order; a buy stops where cash no longer covers price and fee.

    An order is one change of a holding, bought above zero and sold below, so that what it costs is the larger of what
    buying and what selling it would. Actions are turned first: where a ticker's lie apart the compiler finds no vector
    instructions for all the rest, which then takes three times as long.
    """
    envs, tickers = action.shape
    turned = np.empty((tickers, min(WIDE_BLOCK, envs)), np.float32)
    money, worth, volume = sums[0], sums[1], sums[2]
    for first in range(0, envs, WIDE_BLOCK):
        block = slice(first, min(first + WIDE_BLOCK, envs))
        acted, before = action[block], asset[block]
        count = len(before)
        money[:count], worth[:], volume[:] = cash[block], 0.0, 0.0
        for ticker in range(tickers):
            for env in range(count):
                turned[ticker, env] = acted[env, ticker]
        for ticker in range(tickers):
            close, row, asked = price[ticker], holdings[ticker, block], turned[ticker]
            unit, net = close * (1 + buy_cost), close * (1 - sell_cost)
            per_unit = 1 / unit * ABOVE_ONE
            for env in range(count):
                held, free, wanted = row[env], money[env], _whole_shares(asked[env], max_stock, scale)
                affordable = np.floor(free * per_unit)
                affordable -= 1.0 if affordable * unit > free else 0.0
                change = min(max(wanted, -held), affordable)
                money[env] = free - max(unit * change, net * change)
                row[env] = held + change
                worth[env] += close * (held + change)
                volume[env] += close * abs(change)
        paid, moved, gain = cash[block], traded[block], reward[block]
        for env in range(count):
            after = money[env] + worth[env]
            gain[env] = (after - before[env]) * SHARES_REWARD_SCALE
            before[env], paid[env], moved[env] = after, money[env], volume[env]


@_compiled  # type: ignore[untyped-decorator]
def _log_return(after: float, before: float) -> float:
    """Return the reward of a day: the log return × 100, of a loss of 99 % at most; a lost account earns nothing."""
    growth = after / before if before > 0 else 1.0
    return float(np.log(max(growth, LEAST_GROWTH)) * LOG_RETURN_SCALE)


@_compiled  # type: ignore[untyped-decorator]
def _trade_weights(
    softmax: bool,
    short: bool,
    rate: float,
    leverage: float,
    action: NDArray[np.float32],
    price: Floats,
    buy_cost: float,
    sell_cost: float,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
    reward: NDArray[np.float32],
) -> None:
    """Move towards target weights; the value after fees V' solves V' = V − fees of moving to w V' (Newton, convex).

    With ``short`` weights have both signs, and the sum of their sizes is ``leverage`` at most, of the target and after
    each day's trades. An account that the fees of closing its positions exceed is worth nothing.
    """
    tickers, envs = holdings.shape
    even, width = 1 / tickers, min(BLOCK, envs)
    lowest, per_leverage = -LARGEST_TILT if short else 0.0, 1 / leverage if short else 1.0
    held, weight = np.empty((tickers, width)), np.empty((tickers, width))
    moved, signed = np.empty((tickers, width)), np.empty((tickers, width))
    value, after, total, per_value = np.empty(width), np.empty(width), np.empty(width), np.empty(width)
    for first in range(0, envs, BLOCK):
        block = slice(first, min(first + BLOCK, envs))
        acted, free, before, gain = action[block], cash[block], asset[block], reward[block]
        count = len(free)
        for env in range(count):
            largest = np.float64(acted[env].max()) if softmax else 0.0
            total[env] = np.exp(np.float64(acted[env, 0]) - largest) if softmax else 0.0
            for ticker in range(tickers):
                part = np.float64(acted[env, ticker + softmax])
                weight[ticker, env] = np.exp(part - largest) if softmax else part
        for ticker in range(tickers):
            target, worth, row, close = weight[ticker], held[ticker], holdings[ticker, block], price[ticker]
            for env in range(count):
                worth[env] = row[env] * close
            if not softmax:
                for env in range(count):
                    target[env] = min(max(1 + target[env], lowest), LARGEST_TILT) * even
        np.abs(weight, moved)
        signed[:] = held
        _fold_sum(moved, count)
        _fold_sum(signed, count)
        for env in range(count):
            value[env] = free[env] + signed[0, env]
            after[env], per_value[env] = value[env], 1 / value[env] if value[env] > 0 else 0.0
            total[env] = 1 / (total[env] + moved[0, env] if softmax else max(moved[0, env] * per_leverage, 1.0))
        for ticker in range(tickers):
            target, worth = weight[ticker], held[ticker]
            for env in range(count):
                now = worth[env] * per_value[env]
                target[env] = now + rate * (target[env] * total[env] - now)
        if short:
            np.abs(weight, moved)
            _fold_sum(moved, count)
            for env in range(count):
                total[env] = 1 / max(moved[0, env] * per_leverage, 1.0)
            for ticker in range(tickers):
                target = weight[ticker]
                for env in range(count):
                    target[env] *= total[env]
        for _ in range(NEWTON_STEPS):
            for ticker in range(tickers):
                target, worth, fee, slope = weight[ticker], held[ticker], moved[ticker], signed[ticker]
                for env in range(count):
                    gap = target[env] * after[env] - worth[env]
                    rate_of_fee = buy_cost if gap > 0 else -sell_cost
                    fee[env] = rate_of_fee * gap
                    slope[env] = rate_of_fee * target[env]
            _fold_sum(moved, count)
            _fold_sum(signed, count)
            for env in range(count):
                excess = after[env] - value[env] + moved[0, env]
                after[env] -= excess / (1 + signed[0, env])
        for env in range(count):
            after[env] = max(after[env], 0.0)
        for ticker in range(tickers):
            target, worth, absolute, wanted = weight[ticker], held[ticker], moved[ticker], signed[ticker]
            row, per_share = holdings[ticker, block], 1 / price[ticker]
            for env in range(count):
                wanted[env] = target[env] * after[env]
                gap = wanted[env] - worth[env]
                absolute[env] = abs(gap)
                target[env] = (buy_cost if gap > 0 else -sell_cost) * gap
                row[env] = wanted[env] * per_share
        _fold_sum(moved, count)
        _fold_sum(signed, count)
        _fold_sum(weight, count)
        traded[block] = moved[0, :count]
        for env in range(count):
            left = value[env] - weight[0, env] - signed[0, env]
            free[env] = left if short and after[env] > 0 else max(left, 0.0)
            worth_after = free[env] + signed[0, env]
            gain[env] = _log_return(worth_after, before[env])
            before[env] = worth_after


@_compiled  # type: ignore[untyped-decorator]
def _order_lots(
    shares: bool,
    softmax: bool,
    short: bool,
    max_stock: int,
    scale: float,
    rate: float,
    leverage: float,
    lot: int,
    action: NDArray[np.float32],
    price: Floats,
    buy_cost: float,
    sell_cost: float,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
) -> Floats:
    """Return orders of shares in whole lots (tickers, envs): what ``_trade_weights`` would move, or the action's."""
    tickers, envs = holdings.shape
    orders = holdings.copy()
    if shares:
        for ticker in range(tickers):
            for env in range(envs):
                orders[ticker, env] = _whole_shares(action[env, ticker], max_stock, scale)
    else:
        spoilt = np.empty(envs), np.empty(envs, dtype=np.float32)
        money = cash.copy(), orders, asset.copy()
        _trade_weights(softmax, short, rate, leverage, action, price, buy_cost, sell_cost, *money, *spoilt)
        orders -= holdings
    return np.trunc(orders / lot) * lot


@_compiled  # type: ignore[untyped-decorator]
def _spent(lots: float, of_a_lot: float, cost: float, min_fee: float) -> float:
    """Return what lots cost that are bought in one order, their fee included."""
    return lots * of_a_lot + max(cost * (lots * of_a_lot), min_fee)


@_compiled  # type: ignore[untyped-decorator]
def _fill_lots(
    orders: Floats,
    sales_first: bool,
    price: Floats,
    lot: int,
    cost: float,
    tax: float,
    min_fee: float,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
) -> None:
    """Fill orders of whole lots in column order, all sales before the buys where that is asked.

    An order costs ``cost`` times its value, ``min_fee`` at least, and a sale the tax beside it. A buy stops at the lots
    that cash covers with their fee; a sale whose fee neither its proceeds nor cash cover is not made.
    """
    tickers, envs = holdings.shape
    for env in range(envs):
        money, volume, worth = cash[env], 0.0, 0.0
        for turn in range(2):
            for ticker in range(tickers):
                order, close, held = orders[ticker, env], price[ticker], holdings[ticker, env]
                if turn != (1 if sales_first and order > 0 else 0):
                    continue
                if order < 0:
                    sold = min(-order, held)
                    value = sold * close
                    left = money + (value - max(cost * value, min_fee) - tax * value)
                    if sold > 0 and left >= 0:
                        money, volume, holdings[ticker, env] = left, volume + value, held - sold
                elif order > 0:
                    of_a_lot = lot * close
                    lots = np.floor(min(money / (1 + cost), money - min_fee) / of_a_lot) + 1
                    lots = max(min(order / lot, lots), 0.0)
                    while lots > 0 and _spent(lots, of_a_lot, cost, min_fee) > money:
                        lots -= 1
                    if lots > 0:
                        money -= _spent(lots, of_a_lot, cost, min_fee)
                        volume += lots * of_a_lot
                        holdings[ticker, env] = held + lots * lot
        for ticker in range(tickers):
            worth += holdings[ticker, env] * price[ticker]
        cash[env], asset[env], traded[env] = money, money + worth, volume


@_compiled  # type: ignore[untyped-decorator]
def _fill_signed_lots(
    orders: Floats,
    price: Floats,
    lot: int,
    cost: float,
    tax: float,
    min_fee: float,
    leverage: float,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
) -> None:
    """Fill orders of whole lots of accounts that may sell short: first those that make a position no larger, in full.

    An order that makes one larger stops at the lots after which all positions are worth ``leverage`` times the account
    at most, its fee paid.
    """
    tickers, envs = holdings.shape
    for env in range(envs):
        money, volume, value, gross = cash[env], 0.0, cash[env], 0.0
        for ticker in range(tickers):
            worth = holdings[ticker, env] * price[ticker]
            value += worth
            gross += abs(worth)
        for turn in range(2):
            for ticker in range(tickers):
                order, close, held = orders[ticker, env], price[ticker], holdings[ticker, env]
                if order == 0 or (abs(held + order) > abs(held)) != (turn == 1):
                    continue
                sign, lots, of_a_lot = (1.0 if order > 0 else -1.0), abs(order) / lot, lot * close
                levy = tax if order < 0 else 0.0
                if turn == 1:
                    against = abs(held) * close if held * sign < 0 else 0.0
                    room = leverage * value - (gross - 2 * against)
                    by_rate = room / (of_a_lot * (1 + leverage * (cost + levy)))
                    by_least = (room - leverage * min_fee) / (of_a_lot * (1 + leverage * levy))
                    lots = max(min(lots, np.floor(min(by_rate, by_least)) + 1), 0.0)
                for attempt in range(3):
                    worth = lots * of_a_lot
                    paid = max(cost * worth, min_fee) + levy * worth
                    wider = gross + (abs(held + sign * (lots * lot)) - abs(held)) * close
                    if turn == 0 or wider <= leverage * (value - paid):
                        break
                    lots = max(lots - 1, 0.0) if attempt < 2 else 0.0
                if lots > 0:
                    money -= sign * worth + paid
                    value, gross, volume = value - paid, wider, volume + worth
                    holdings[ticker, env] = held + sign * (lots * lot)
                orders[ticker, env] = 0.0  # once
        total = 0.0
        for ticker in range(tickers):
            total += holdings[ticker, env] * price[ticker]
        if money + total <= 0:
            money, total = 0.0, 0.0
            holdings[:, env] = 0.0
        cash[env], asset[env], traded[env] = money, money + total, volume


@_compiled  # type: ignore[untyped-decorator]
def trade_lots(
    shares: bool,
    softmax: bool,
    short: bool,
    max_stock: int,
    scale: float,
    rate: float,
    leverage: float,
    interest: tuple[float, float, float],
    lot: int,
    cost: float,
    tax: float,
    min_fee: float,
    action: NDArray[np.float32],
    price: Floats,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
    reward: NDArray[np.float32],
) -> None:
    """Trade whole lots under a minimum fee; apart from ``step``, so that only those who want it compile it."""
    before = asset.copy()
    money = cash, holdings, asset
    if short or interest[0] != 0:
        _settle(short, interest, price, cash, holdings)
    modes = shares, softmax, short, max_stock, scale, rate, leverage
    orders = _order_lots(*modes, lot, action, price, cost, cost + tax, *money)
    if short:
        _fill_signed_lots(orders, price, lot, cost, tax, min_fee, leverage, *money, traded)
    else:
        _fill_lots(orders, not shares, price, lot, cost, tax, min_fee, *money, traded)
    for env in range(len(reward)):
        if shares:
            reward[env] = (asset[env] - before[env]) * SHARES_REWARD_SCALE
        else:
            reward[env] = _log_return(asset[env], before[env])


@_compiled  # type: ignore[untyped-decorator]
def _show_shares(
    shares: Floats, squashed: NDArray[np.float32], places: NDArray[np.int32], shown: NDArray[np.float32]
) -> None:
    """Write the tanh of scaled shares, from a table where they are whole: it takes longer than all trades do."""
    envs, others = len(shares), 0
    for env in range(envs):
        within = min(shares[env], TABULATED - 1.0)
        places[env] = np.int32(max(within, 0.0))
        others += places[env] != within
    for env in range(envs):
        shown[env] = squashed[np.uint32(places[env])]
    if others:
        for env in range(envs):
            if places[env] != min(shares[env], TABULATED - 1.0):
                shown[env] = np.tanh(shares[env] * SHARES_SCALE)


@_compiled  # type: ignore[untyped-decorator]
def observe(
    weights: bool,
    squashed: NDArray[np.float32],
    day: int,
    price: Floats,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    state: NDArray[np.float32],
    sums: Floats,
) -> None:
    """Write the day, and cash and holdings as weights of the portfolio's value or as ElegantRL shows them.

    ``squashed`` is what ElegantRL shows of whole shares from 0 on. Of its cash the tanh is left to the caller. Holdings
    are shown by ticker and turned last, for the reason that ``_trade_shares`` has.
    """
    tickers, envs = holdings.shape
    per_value, places = sums[0], np.empty(WIDE_BLOCK, np.int32)
    turned = np.empty((tickers, min(WIDE_BLOCK, envs)), np.float32)
    for first in range(0, envs, WIDE_BLOCK):
        block = slice(first, min(first + WIDE_BLOCK, envs))
        worth, free, out = asset[block], cash[block], state[block]
        count = len(free)
        out[:, 0] = day
        for env in range(count):
            per_value[env] = 1 / worth[env] if worth[env] > 0 else 0.0
            out[env, 1] = free[env] * (per_value[env] if weights else CASH_SCALE)
        for ticker in range(tickers):
            row, close, shown = holdings[ticker, block], price[ticker], turned[ticker]
            if weights:
                for env in range(count):
                    shown[env] = row[env] * close * per_value[env]
            else:
                _show_shares(row, squashed, places, shown[:count])
        for env in range(count):
            for ticker in range(tickers):
                out[env, ticker + 2] = turned[ticker, env]


@_compiled  # type: ignore[untyped-decorator]
def step(
    shares: bool,
    softmax: bool,
    short: bool,
    weights: bool,
    squashed: NDArray[np.float32],
    max_stock: int,
    scale: float,
    rate: float,
    leverage: float,
    interest: tuple[float, float, float],
    buy_cost: float,
    sell_cost: float,
    day: int,
    price: Floats,
    action: NDArray[np.float32],
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
    reward: NDArray[np.float32],
    state: NDArray[np.float32],
    sums: Floats,
) -> None:
    """Trade and observe in one call from Python: to hand its arguments over takes a microsecond."""
    money = cash, holdings, asset, traded
    if short or interest[0] != 0:
        _settle(short, interest, price, cash, holdings)
    if shares:
        _trade_shares(max_stock, scale, action, price, buy_cost, sell_cost, *money, reward, sums)
    else:
        _trade_weights(softmax, short, rate, leverage, action, price, buy_cost, sell_cost, *money, reward)
    observe(weights, squashed, day, price, cash, holdings, asset, state, sums)

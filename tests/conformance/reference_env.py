"""The environment's rules in plain Python, one portfolio at a time, for the tests to compare with bit by bit."""

import math


def trade_shares(orders, price, cash, shares, cost, tax):
    for ticker, wanted in enumerate(orders):
        while wanted > 0 and price[ticker] * (1 + cost) * wanted > cash:
            wanted -= 1
        bought, sold = max(wanted, 0.0), min(max(-wanted, 0.0), shares[ticker])
        cash = cash - price[ticker] * (1 + cost) * bought + price[ticker] * (1 - (cost + tax)) * sold
        shares[ticker] += bought - sold
    return cash, shares


def settle(price, cash, shares, rates, short):
    credit, debit, loan = rates
    if not short:
        return cash + cash * credit, shares
    worth = [amount * unit for amount, unit in zip(shares, price, strict=True)]
    lent = fold_sum([max(-each, 0.0) for each in worth])
    cash = cash + (cash * (credit if cash >= 0 else debit) - loan * lent)
    return (cash, shares) if cash + fold_sum(worth) > 0 else (0.0, [0.0] * len(shares))


def trade_weights(target, price, cash, shares, rate, cost, tax, leverage=None):
    """Move towards weights; with a leverage they have both signs, and cash may be below zero."""
    rates = (-(cost + tax), cost)
    held = [amount * unit for amount, unit in zip(shares, price, strict=True)]
    value = after = cash + fold_sum(held)
    if value == 0:
        return 0.0, [0.0] * len(price)
    weights = [worth * (1 / value) for worth in held]
    weights = [weight + rate * (goal - weight) for weight, goal in zip(weights, target, strict=True)]
    if leverage:
        weights = within(weights, leverage)
    for _ in range(4):  # Newton's method on: value after fees = value − fees
        gaps = [weight * after - worth for weight, worth in zip(weights, held, strict=True)]
        slope = fold_sum([rates[gap > 0] * weight for weight, gap in zip(weights, gaps, strict=True)])
        after = after - (after - value + fold_sum([rates[gap > 0] * gap for gap in gaps])) / (1 + slope)
    if leverage and after <= 0:
        return 0.0, [0.0] * len(price)
    wanted = [weight * after for weight in weights]
    gaps = [want - worth for want, worth in zip(wanted, held, strict=True)]
    return value - fold_sum([rates[gap > 0] * gap for gap in gaps]) - fold_sum(wanted), [
        want * (1 / unit) for want, unit in zip(wanted, price, strict=True)
    ]


def ordered_shares(action, max_stock, scale):
    scaled = [order * scale for order in action]
    return [0.0 if abs(order) < 0.1 else float(math.trunc(order * max_stock)) for order in scaled]


def fill_lots(orders, sales_first, price, cash, shares, lot, cost, tax, min_fee):
    def fee(value):
        return max(cost * value, min_fee)

    columns = range(len(orders))
    for ticker in sorted(columns, key=lambda ticker: orders[ticker] > 0) if sales_first else columns:
        lots = float(math.trunc(orders[ticker] / lot))
        if lots < 0:
            sold = min(-lots * lot, shares[ticker])
            proceeds = sold * price[ticker] - fee(sold * price[ticker]) - tax * (sold * price[ticker])
            if sold > 0 and cash + proceeds >= 0:
                cash, shares[ticker] = cash + proceeds, shares[ticker] - sold
        while lots > 0:
            value = lots * (lot * price[ticker])
            if value + fee(value) <= cash:
                cash, shares[ticker] = cash - (value + fee(value)), shares[ticker] + lots * lot
                break
            lots -= 1
    return cash, shares


def fill_signed_lots(orders, leverage, price, cash, shares, lot, cost, tax, min_fee):
    def account(holdings):
        worth = [amount * unit for amount, unit in zip(holdings, price, strict=True)]
        return sum(worth, cash), sum(abs(each) for each in worth)

    whole = [float(math.trunc(order / lot) * lot) for order in orders]
    (value, gross), before, shares = account(shares), shares, list(shares)
    for turn in (False, True):
        for ticker, order in enumerate(whole):
            held = before[ticker]
            if order == 0 or (abs(held + order) > abs(held)) != turn:
                continue
            sign = math.copysign(1.0, order)
            for lots in range(round(abs(order) / lot), 0, -1):  # the most lots that the leverage allows
                worth = lots * (lot * price[ticker])
                fee = max(cost * worth, min_fee) + (tax if order < 0 else 0.0) * worth
                wider = gross + (abs(held + sign * (lots * lot)) - abs(held)) * price[ticker]
                if not turn or wider <= leverage * (value - fee):
                    shares[ticker], cash = held + sign * (lots * lot), cash - (sign * worth + fee)
                    value, gross = value - fee, wider
                    break
    invested = sum(amount * unit for amount, unit in zip(shares, price, strict=True))
    return (cash, shares) if cash + invested > 0 else (0.0, [0.0] * len(shares))


def within(weights, leverage):
    per_leverage = 1 / leverage
    factor = 1 / max(fold_sum([abs(weight) for weight in weights]) * per_leverage, 1.0)
    return [weight * factor for weight in weights]


def long_short_target(action, leverage):
    return within([min(max(1 + a, -3), 3) * (1 / len(action)) for a in action], leverage)


def start_with_equal_weights(price, value, lot):
    shares = [value / len(price) / unit for unit in price]
    if not lot:
        return 0.0, shares
    whole = [float(math.floor(amount / lot) * lot) for amount in shares]
    return sum((amount - kept) * unit for amount, kept, unit in zip(shares, whole, price, strict=True)), whole


def tilt_target(action):
    raw = [min(max(1 + a, 0), 3) * (1 / len(action)) for a in action]
    return [weight * (1 / max(fold_sum(raw), 1)) for weight in raw]


def softmax_target(action):
    powers = [math.exp(a - max(action)) for a in action]
    return [power * (1 / (powers[0] + fold_sum(powers[1:]))) for power in powers[1:]]


def fold_sum(values):
    """Sum by adding the second half to the first, until one is left: an order that every machine can keep."""
    while len(values) > 1:
        half = len(values) // 2
        folded = [first + second for first, second in zip(values[:half], values[half : 2 * half], strict=True)]
        folded[0] += values[-1] if len(values) % 2 else 0.0
        values = folded
    return values[0]

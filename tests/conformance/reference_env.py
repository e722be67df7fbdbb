"""The environment's rules in plain Python, one portfolio at a time, for the tests to compare with."""

import math


def trade_shares(action, price, cash, shares, max_stock, cost):
    for ticker, order in enumerate(action):
        wanted = 0 if abs(order) < 0.1 else math.trunc(order * max_stock)
        while wanted > 0 and price[ticker] * (1 + cost) * wanted > cash:
            wanted -= 1
        wanted = max(wanted, -shares[ticker])
        cash -= price[ticker] * wanted + cost * price[ticker] * abs(wanted)
        shares[ticker] += wanted
    return cash, shares


def trade_weights(target, price, cash, shares, rate, cost):
    held = [amount * unit for amount, unit in zip(shares, price, strict=True)]
    value = cash + sum(held)
    weights = [worth / value + rate * (goal - worth / value) for worth, goal in zip(held, target, strict=True)]
    after = value
    for _ in range(200):  # the fixed point, found the slow way
        after = value - cost * sum(abs(w * after - worth) for w, worth in zip(weights, held, strict=True))
    return after * (1 - sum(weights)), [w * after / unit for w, unit in zip(weights, price, strict=True)]


def tilt_target(action):
    raw = [min(max(1 + a, 0), 3) / len(action) for a in action]
    return [weight / max(1, sum(raw)) for weight in raw]


def softmax_target(action):
    powers = [math.exp(a) for a in action]
    return [power / sum(powers) for power in powers[1:]]

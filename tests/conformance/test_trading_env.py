import numpy as np
import pytest
import torch

from tests.conformance.reference_env import (
    fill_lots,
    fill_signed_lots,
    long_short_target,
    ordered_shares,
    settle,
    softmax_target,
    start_with_equal_weights,
    tilt_target,
    trade_shares,
    trade_weights,
)
from workflow_scripts.training.environment.kernels import TABULATED
from workflow_scripts.training.environment.settings import EnvironmentSettings
from workflow_scripts.training.environment.trading_env import TradingEnv

MODES = ("tilt", "weights", "shares", "long_short")
RATES = {"risk_free": 0.05, "borrow_cost": 0.1}


def prices(days=30, tickers=4, seed=0):
    steps = np.random.default_rng(seed).normal(0, 0.02, (days, tickers))
    return 50 * np.exp(np.cumsum(steps, axis=0))


def make(mode, num_envs=3, close=None, random_start=True, **settings):
    chosen = EnvironmentSettings(action_mode=mode, **({"initial_cash": 20_000.0, "start": "cash"} | settings))
    return TradingEnv(prices() if close is None else close, num_envs, chosen, random_start=random_start)


def actions(env, steps=29, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        raw = torch.randn(env.num_envs, env.action_dim, generator=generator)
        yield raw.tanh() if env.settings.action_mode == "shares" else 2 * raw


@pytest.mark.parametrize("mode", MODES)
def test_different_actions_end_in_different_portfolios(mode):
    env = make(mode, num_envs=2, random_start=False)
    first, second = (torch.full((1, env.action_dim), value) for value in (0.9, -0.9))
    second[:, 0] = 0.9
    for _ in range(5):
        env.step(torch.cat([first, second]))
    assert env.asset[0] != env.asset[1]
    assert not torch.equal(env.holdings[0], env.holdings[1])


@pytest.mark.parametrize("mode", ["tilt", "weights", "shares"])
@pytest.mark.parametrize("cost", [0.0, 0.001, 0.05])
@pytest.mark.parametrize("rules", [{}, {"sell_tax_pct": 0.01}, {"lot_size": 10, "min_fee": 5.0, "sell_tax_pct": 0.001}])
def test_cash_is_never_negative_and_value_changes_by_holdings_and_fees_alone(mode, cost, rules):
    env = make(mode, cost_pct=cost, **rules)
    close = prices()
    for action in actions(env):
        held, before, day = env.holdings.clone(), env.asset.clone(), env.day
        env.step(action)
        price = torch.as_tensor(close[day + 1])
        change = (env.holdings - held) * price
        fees = (cost * change.abs()).clamp(min=rules.get("min_fee", 0.0)) * (change != 0)
        fees = (fees + rules.get("sell_tax_pct", 0.0) * (-change).clamp(min=0)).sum(dim=1)
        expected = before + held @ (price - torch.as_tensor(close[day])) - fees
        torch.testing.assert_close(env.asset, expected, rtol=1e-9, atol=0)
        torch.testing.assert_close(env.traded, change.abs().sum(dim=1), rtol=1e-9, atol=1e-6)
        assert (env.cash >= 0).all()
        assert (env.holdings >= 0).all()


@pytest.mark.parametrize("leverage", [1.0, 2.5])
@pytest.mark.parametrize("cost", [0.0, 0.001, 0.05])
@pytest.mark.parametrize("rules", [{}, {"sell_tax_pct": 0.01}, {"lot_size": 10, "min_fee": 5.0, "sell_tax_pct": 0.001}])
def test_positions_of_both_signs_keep_to_the_leverage_and_value_changes_by_them_rates_and_fees(leverage, cost, rules):
    env = make("long_short", cost_pct=cost, leverage=leverage, num_envs=5, rebalance_rate=0.6, **rules, **RATES)
    close, signs = prices(), set()
    for action in actions(env):
        held, cash, before, day = env.holdings.clone(), env.cash.clone(), env.asset.clone(), env.day
        env.step(action)
        price = torch.as_tensor(close[day + 1])
        change = (env.holdings - held) * price
        fees = (cost * change.abs()).clamp(min=rules.get("min_fee", 0.0)) * (change != 0)
        fees = (fees + rules.get("sell_tax_pct", 0.0) * (-change).clamp(min=0)).sum(dim=1)
        interest = cash * torch.where(cash >= 0, 0.05, 0.15).double() - 0.1 * (-held * price).clamp(min=0).sum(dim=1)
        expected = before + held @ (price - torch.as_tensor(close[day])) + interest / 252 - fees
        torch.testing.assert_close(env.asset, expected, rtol=1e-7, atol=0)
        torch.testing.assert_close(env.asset, env.cash + env.holdings @ price, rtol=1e-9, atol=0)
        gross, opened = env.holdings.abs() @ price, env.holdings.abs() > held.abs() + 1e-9
        kept = gross <= leverage * env.asset * (1 + 1e-9)
        assert (kept | ~opened.any(dim=1)).all()  # whole lots may be too large to reduce, and then nothing is added
        assert kept.all() or "lot_size" in rules
        signs |= set(env.holdings.sign().flatten().tolist())
    assert {-1.0, 1.0} <= signs
    assert (env.cash < 0).any() or leverage == 1


def test_a_short_sale_its_fee_and_the_interest_on_its_proceeds_by_hand():
    """Of 1000 at a price of 10: −1 asks for −0.5 each of two tickers, and 2 × 500 of proceeds lie in cash."""
    close, year = np.array([[10.0, 10.0], [10.0, 10.0], [11.0, 10.0]]), {"risk_free": 0.0252, "borrow_cost": 0.252}
    env = make(
        "long_short",
        num_envs=1,
        close=close,
        random_start=False,
        initial_cash=1e3,
        rebalance_rate=1.0,
        cost_pct=0.0,
        **year,
    )
    _, reward, _ = env.step(torch.tensor([[-2.0, -2.0]]))
    first = 1000 * (1 + 0.0252 / 252)  # a day's interest before anything is sold
    assert env.holdings.tolist() == [pytest.approx([-first / 20] * 2)]
    assert env.cash.item() == pytest.approx(2 * first)
    assert reward.item() == pytest.approx(100 * np.log(first / 1000), rel=1e-4)
    env.step(torch.tensor([[-1.0, -1.0]]))  # neither long nor short: all is bought back
    lent = first / 20 * (11 + 10)
    assert env.cash.item() == pytest.approx(2 * first * 1.0001 - 0.001 * lent - lent)
    assert env.holdings.abs().max() == 0


def test_with_leverage_money_is_borrowed_at_the_risk_free_rate_and_the_cost_of_borrowing():
    close = np.full((3, 2), 10.0)
    env = make(
        "long_short",
        num_envs=1,
        close=close,
        random_start=False,
        start="benchmark",
        initial_cash=1e3,
        leverage=2.0,
        rebalance_rate=1.0,
        cost_pct=0.0,
        risk_free=0.126,
        borrow_cost=0.126,
    )
    env.step(torch.ones(1, 2))
    assert env.holdings.tolist() == [[100.0, 100.0]]
    assert env.cash.item() == -1000
    env.step(torch.ones(1, 2))
    assert env.asset.item() == pytest.approx(1000 - 1000 * 0.252 / 252)


def test_an_order_of_lots_through_zero_is_one_order_with_one_fee_and_stops_where_the_leverage_does():
    """Weights of −2/3 and 1/3 are asked of 50 shares each: to sell 110 of the first, and 10 of the second before.

    With both fees paid 996 are left, and −60 × 10 and 40 × 10 would be worth 1000: the last lot is not sold.
    """
    rules = {"cost_pct": 0.0, "min_fee": 2.0, "lot_size": 10, "rebalance_rate": 1.0, "initial_cash": 1e3}
    close = np.full((3, 2), 10.0)
    env = make("long_short", num_envs=1, close=close, random_start=False, start="benchmark", **rules)
    assert env.holdings.tolist() == [[50.0, 50.0]]
    env.step(torch.tensor([[-3.0, 0.0]]))
    assert env.holdings.tolist() == [[-50.0, 40.0]]
    assert env.cash.item() == 1000 + 100 - 2 * 2


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("rules", [{}, {"lot_size": 1}])
def test_an_account_that_owes_more_than_it_has_is_closed_and_stays_so(compiled, rules):
    close = np.array([[10.0, 10.0], [10.0, 10.0], [35.0, 10.0], [10.0, 10.0], [10.0, 10.0]])
    env = make("long_short", num_envs=2, close=close, random_start=False, rebalance_rate=1.0, cost_pct=0.001, **rules)
    env._compiled = compiled
    sells_short = torch.tensor([[-2.0, -2.0], [0.0, 0.0]])
    env.step(sells_short)
    assert env.holdings[0].max() < 0
    for day in range(3):  # the first ticker rises by 250 %, and takes 125 % of the account
        state, reward, _ = env.step(sells_short)
        assert (env.cash[0], env.asset[0]) == (0, 0)
        assert env.holdings[0].abs().max() == 0
        assert state[0].tolist() == [day + 2, 0, 0, 0]
        assert reward[0].item() == (pytest.approx(100 * np.log(0.01)) if day == 0 else 0)
        assert torch.isfinite(state).all()
        assert env.asset[1] > 0


@pytest.mark.parametrize("compiled", [True, False])
def test_an_account_whose_last_money_the_fees_of_closing_exceed_is_closed(compiled):
    """Short of 1000 at 10: at 19.99 it is worth 0.5, and to buy back what it owes by 2 % costs 20."""
    close = np.array([[10.0, 10.0], [10.0, 10.0], [19.995, 19.995]])
    env = make(
        "long_short", num_envs=1, close=close, random_start=False, initial_cash=1e3, rebalance_rate=1.0, cost_pct=0.0
    )
    env._compiled = compiled
    env.step(torch.full((1, 2), -3.0))
    assert env.holdings.tolist() == [[-50.0, -50.0]]
    dear = make("long_short", num_envs=1, close=close, random_start=False, initial_cash=1e3, cost_pct=0.02)
    dear._compiled, dear.day = compiled, 1
    for name in ("cash", "holdings", "asset"):
        getattr(dear, name).copy_(getattr(env, name))
    _, reward, _ = dear.step(torch.full((1, 2), -1.0))
    assert (dear.cash.item(), dear.asset.item(), dear.holdings.abs().max().item()) == (0, 0, 0)
    assert reward.item() == pytest.approx(100 * np.log(0.01))


@pytest.mark.parametrize("mode", ["tilt", "weights", "shares"])
def test_cash_earns_interest_in_every_mode(mode):
    env = make(mode, num_envs=1, close=np.full((3, 4), 10.0), random_start=False, risk_free=0.0252)
    lazy = torch.zeros(1, env.action_dim) if mode == "shares" else torch.full((1, env.action_dim), -9.0)
    if mode == "weights":
        lazy[0, 0] = 90.0  # all in cash
    env.step(lazy)
    assert env.asset.item() == pytest.approx(20_000 * 1.0001, rel=1e-12)
    assert env.traded.item() < 1e-30


@pytest.mark.parametrize("mode", MODES)
def test_an_order_fills_at_the_close_of_the_next_day(mode):
    close = np.array([[10.0, 10.0], [20.0, 10.0], [40.0, 10.0]])
    env = make(mode, num_envs=1, close=close, random_start=False, cost_pct=0.0, rebalance_rate=1.0)
    order = torch.full((1, env.action_dim), 1.0)
    _, reward, _ = env.step(order)
    assert reward.item() == 0  # the move from 10 to 20 was missed: the shares were bought at 20
    assert env.asset.item() == 20_000
    env.step(torch.zeros(1, env.action_dim))
    shares = {"tilt": 500, "weights": 20_000 / 3 / 20, "shares": 100, "long_short": 500}[mode]
    assert env.asset.item() == pytest.approx(20_000 + shares * 20, rel=1e-6)


def trade_plainly(settings, order, price, cash, shares):
    fees, short = (settings.cost_pct, settings.sell_tax_pct), settings.action_mode == "long_short"
    cash, shares = settle(price, cash, shares, settings.interest(252), short)
    if settings.action_mode == "shares":
        orders = ordered_shares(order, settings.max_stock, settings.action_scale)
        after, wanted = trade_shares(orders, price, cash, shares.copy(), *fees)
    else:
        leverage = settings.leverage if short else None
        targets = {"tilt": tilt_target, "weights": softmax_target}
        target = long_short_target(order, leverage) if short else targets[settings.action_mode](order)
        after, wanted = trade_weights(target, price, cash, shares, settings.rebalance_rate, *fees, leverage)
        orders = [want - held for want, held in zip(wanted, shares, strict=True)]
    if not (settings.lot_size or settings.min_fee):
        return after, wanted
    lot = max(settings.lot_size, 1)
    if short:
        return fill_signed_lots(orders, leverage, price, cash, shares, lot, *fees, settings.min_fee)
    return fill_lots(orders, settings.action_mode != "shares", price, cash, shares, lot, *fees, settings.min_fee)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("tickers", "cash"), [(4, 20_000.0), (7, 1000.0), (28, 1e6)])
@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"sell_tax_pct": 0.002} | RATES,
        {"lot_size": 3, "action_scale": 3.0} | RATES,
        {"min_fee": 7.5, "sell_tax_pct": 0.02, "leverage": 2},
    ],
)
def test_the_compiled_kernel_torch_and_plain_python_are_equal_bit_by_bit(mode, tickers, cash, rules):
    close = prices(tickers=tickers)
    kernel, fused = (make(mode, num_envs=131, close=close, initial_cash=cash, **rules) for _ in range(2))
    fused._compiled = False
    exact = {} if mode == "weights" else {"rtol": 0, "atol": 0}  # but for the last bit of three exponentials
    for action in actions(kernel):
        plain = []
        for row in range(0, 131, 6):
            order = action[row].double().tolist()
            portfolio = (close[kernel.day + 1].tolist(), kernel.cash[row].item(), kernel.holdings[row].tolist())
            plain.append(trade_plainly(kernel.settings, order, *portfolio))
        state, reward, _ = kernel.step(action)
        other_state, other_reward, _ = fused.step(action)
        for name in ("cash", "holdings", "asset", "traded"):
            torch.testing.assert_close(getattr(kernel, name), getattr(fused, name), **exact)
        cash_after, holdings = (torch.tensor(values, dtype=torch.float64) for values in zip(*plain, strict=True))
        if mode != "long_short":
            cash_after = cash_after.clamp(min=0)
        torch.testing.assert_close(kernel.cash[::6], cash_after, **(exact or {"rtol": 1e-9, "atol": 1e-6}))
        torch.testing.assert_close(kernel.holdings[::6], holdings, **exact)
        torch.testing.assert_close(state, other_state, **exact)
        torch.testing.assert_close(reward, other_reward, rtol=1e-6, atol=1e-6)
        if mode == "weights":
            for name in ("cash", "holdings", "asset", "traded"):
                getattr(fused, name).copy_(getattr(kernel, name))


@pytest.mark.parametrize(
    ("shares", "exact"),
    [
        ([0.0, 1.0, 2.0, TABULATED - 1.0], True),
        ([3.0, TABULATED, TABULATED + 1.0, 1e12], True),
        ([0.5, 3.0, TABULATED, 1e12], False),
        ([7.0, 12.25, 0.0, 1e5], False),
    ],
)
def test_shares_are_shown_by_their_tanh_whole_or_not_few_or_many(shares, exact):
    env, fused = (TradingEnv(prices(), 131, EnvironmentSettings(action_mode="shares"), observe="shares") for _ in "12")
    fused._compiled = False
    for each in (env, fused):
        each.holdings.copy_(torch.tensor(shares, dtype=torch.float64).expand(131, -1))
    close = {"rtol": 0 if exact else 2e-7, "atol": 0}
    torch.testing.assert_close(env.state(), fused.state(), **close)
    for action in actions(env, 5):
        torch.testing.assert_close(env.step(action)[0], fused.step(action)[0], **close)


@pytest.mark.parametrize("mode", ["tilt", "long_short"])
@pytest.mark.parametrize("cost", [0.001, 0.05])
def test_the_value_after_fees_is_the_value_less_the_fees(cost, mode):
    env = make(mode, cost_pct=cost, rebalance_rate=1.0, leverage=3.0)
    for action in actions(env):
        held = env.holdings.numpy() * prices()[env.day + 1]
        value = env.cash.numpy() + held.sum(axis=1)
        asked = (
            tilt_target(row) if mode == "tilt" else long_short_target(row, 3.0) for row in action.double().tolist()
        )
        weights, after = np.array(list(asked)), value
        for _ in range(200):  # the fixed point, found the slow way
            after = value - cost * np.abs(weights * after[:, None] - held).sum(axis=1)
        env.step(action)
        np.testing.assert_allclose(env.asset, after, rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("lot", [0, 7])
def test_the_benchmarks_start_is_that_of_plain_python_and_costs_nothing(mode, lot):
    close = prices(tickers=7)
    env = make(mode, close=close, random_start=False, start="benchmark", lot_size=lot, cost_pct=0.05)
    cash, shares = start_with_equal_weights(close[0].tolist(), 20_000.0, max(lot, mode == "shares"))
    assert env.holdings.tolist() == [shares] * 3
    torch.testing.assert_close(env.cash, torch.full((3,), cash, dtype=torch.float64), rtol=1e-12, atol=0)
    torch.testing.assert_close(env.asset, torch.full((3,), 20_000.0, dtype=torch.float64), rtol=1e-12, atol=0)
    assert (env.cash == 0).all() if env.settings.lot == 0 else (env.cash > 0).all()


def test_an_agent_without_an_opinion_that_starts_with_equal_weights_trades_back_what_prices_moved_alone():
    """Two tickers of 10; one doubles. Of 2/3 and 1/3 a fifth of the way to a half each is a thirtieth of the value."""
    close = np.array([[10.0, 10.0], [20.0, 10.0]])
    env = make("tilt", num_envs=1, close=close, random_start=False, start="benchmark", cost_pct=0.0)
    assert env.state()[0, 1:].tolist() == [0.0, 0.5, 0.5]
    env.step(torch.zeros(1, 2))
    assert env.asset.item() == pytest.approx(30_000)
    assert env.traded.item() == pytest.approx(2 * 30_000 / 30)


def test_shares_and_cash_are_shown_by_tanh():
    env = make("shares", num_envs=200, initial_cash=1e6)
    env.observe = "shares"
    env.holdings.mul_(torch.linspace(0, 40, 200)[:, None])
    state = env.state()
    torch.testing.assert_close(state[:, 1], (env.cash * 2**-18).tanh().float(), rtol=0, atol=5e-7)
    torch.testing.assert_close(state[:, 2:], (env.holdings * 2**-10).tanh().float(), rtol=0, atol=5e-7)


def test_a_step_writes_where_it_is_told():
    env, other = make("tilt"), make("tilt")
    state, reward = torch.empty(3, 6), torch.empty(3)
    told, given, _ = env.step(torch.ones(3, 4), state, reward)
    assert (told.data_ptr(), given.data_ptr()) == (state.data_ptr(), reward.data_ptr())
    made = other.step(torch.ones(3, 4))
    assert torch.equal(state, made[0])
    assert torch.equal(reward, made[1])


@pytest.mark.parametrize("mode", MODES)
def test_portfolios_side_by_side_do_not_disturb_each_other(mode):
    together = make(mode, num_envs=3)
    alone = make(mode, num_envs=1)
    for name in ("cash", "holdings", "asset"):
        getattr(alone, name).copy_(getattr(together, name)[2:])
    for action in actions(together):
        together.step(action)
        alone.step(action[2:])
    assert torch.equal(together.holdings[2:], alone.holdings)
    assert torch.equal(together.cash[2:], alone.cash)


def test_a_small_order_of_shares_is_no_order():
    env = make("shares", num_envs=1, random_start=False)
    env.step(torch.full((1, 4), 0.09))
    assert env.traded.item() == 0
    env.step(torch.full((1, 4), 0.1))
    assert env.holdings.tolist() == [[10.0] * 4]


def test_a_scale_of_actions_makes_the_dead_zone_narrower_and_orders_larger():
    """Times 4 the action 0.02 is below 0.1 still; 1/32 is 0.125, an order of 12 of 100 shares, and 1 one of 400."""
    env = make("shares", num_envs=1, random_start=False, action_scale=4.0, initial_cash=1e6)
    env.step(torch.tensor([[0.02, 1 / 32, 1.0, -0.02]]))
    assert env.holdings.tolist() == [[0, 12, 400, 0]]


def test_a_buy_stops_where_cash_no_longer_covers_price_and_fee():
    close = np.full((3, 2), 10.0)
    env = make("shares", num_envs=1, close=close, random_start=False, initial_cash=100.0, cost_pct=0.01)
    env.step(torch.tensor([[1.0, 1.0]]))
    assert env.holdings.tolist() == [[9.0, 0.0]]  # ten would cost 101
    assert env.cash.item() == pytest.approx(100 - 9 * 10.1)


def test_lots_minimum_fee_and_tax_by_hand():
    close = np.array([[10.0, 20.0]] * 4)
    rules = {"lot_size": 10, "min_fee": 5.0, "cost_pct": 0.01, "sell_tax_pct": 0.05}
    env = make("tilt", num_envs=1, close=close, random_start=False, initial_cash=1000.0, rebalance_rate=1.0, **rules)
    env.step(torch.zeros(1, 2))  # half of the value after fees each, down to whole lots: 40 at 10 and 20 at 20
    assert env.holdings.tolist() == [[40.0, 20.0]]
    assert env.cash.item() == pytest.approx(1000 - 400 - 400 - 2 * 5)
    env.step(torch.tensor([[-1.0, 0.0]]))  # all of the first goes: 400 less the least fee and the tax
    assert env.holdings.tolist() == [[0.0, 20.0]]
    assert env.cash.item() == pytest.approx(190 + 400 - 5 - 20)
    env.step(torch.tensor([[-1.0, 1.0]]))  # another 20 cost 400 and 5; 30 would cost 600
    assert env.holdings.tolist() == [[0.0, 40.0]]
    assert env.cash.item() == pytest.approx(565 - 400 - 5)


def test_a_sale_whose_fee_nothing_covers_is_not_made():
    close = np.full((4, 2), 1.0)
    rules = {"min_fee": 50.0, "max_stock": 10}
    env = make("shares", num_envs=1, close=close, random_start=False, initial_cash=60.0, **rules)
    env.step(torch.tensor([[1.0, 0.0]]))
    assert env.holdings.tolist() == [[10.0, 0.0]]
    env.step(torch.tensor([[-1.0, 1.0]]))
    assert env.holdings.tolist() == [[10.0, 0.0]]
    assert env.cash.item() == 0.0


def test_tilt_zero_is_equal_weight_and_the_rate_is_the_share_of_the_way():
    env = make("tilt", num_envs=1, close=np.full((3, 4), 10.0), random_start=False, cost_pct=0.0)
    env.step(torch.zeros(1, 4))
    assert env.state()[0, 2:].tolist() == pytest.approx([0.05] * 4)
    assert env.state()[0, 1].item() == pytest.approx(0.8)


def test_the_last_day_ends_the_episode():
    env = make("tilt", close=prices(days=4))
    ends = [env.step(torch.zeros(3, 4))[2] for _ in range(3)]
    assert ends == [False, False, True]


def test_prices_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite prices above zero"):
        make("tilt", close=np.array([[1.0, 2.0], [np.nan, 2.0]]))


def test_an_action_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"an action is \(3, 4\), not \(3, 5\)"):
        make("tilt").step(torch.zeros(3, 5))

"""The trading environment: num_envs portfolios on one market path, all on the same day.

An agent decides on the close of day t and its orders fill at the close of day t + 1, fees included. In the modes
``tilt``, ``weights`` and ``long_short`` an action names target weights, which the portfolio moves towards; in
``shares`` it orders whole shares as ElegantRL's StockTradingVecEnv does. With lots or a minimum fee every mode orders
whole lots. Before the orders fill, cash earns a day's interest, and what is borrowed costs a day's. An account of
``long_short`` that is worth nothing then, or that the fees of closing its positions exceed, is closed: it holds
nothing, and earns nothing until the episode ends. Money is float64 throughout. The end of the data is a truncation, and
so is the end of each run of contiguous days.

On a CPU a compiled kernel (kernels.py) steps the portfolios, elsewhere torch does. On a CPU both do the same operations
in the same order, sums over tickers included, so that money is equal bit by bit (in ``weights`` up to the last bit of
the exponential). On CUDA a sum over tickers is one call, which takes an order of its own: a GPU waits for each call.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.data.periods import TRADING_DAYS_A_YEAR
from workflow_scripts.training.environment import kernels
from workflow_scripts.training.environment.kernels import (
    ABOVE_ONE,
    CASH_SCALE,
    LARGEST_TILT,
    LEAST_GROWTH,
    LOG_RETURN_SCALE,
    NEWTON_STEPS,
    SHARES_REWARD_SCALE,
    SHARES_SCALE,
    TABULATED,
    WIDE_BLOCK,
    Floats,
)
from workflow_scripts.training.environment.settings import DEAD_ZONE, EnvironmentSettings
from workflow_scripts.training.networks.shape import Architecture

# What ElegantRL shows of whole shares from 0 on.
SQUASHED = torch.tanh(torch.arange(TABULATED) * SHARES_SCALE).numpy()


class Trace(NamedTuple):
    """What portfolios went through on days one after the other; float64.

    Attributes:
        values: (days, num_envs) what they were worth after each day's trades.
        traded: (days, num_envs) what was bought and sold, in money.
        holdings: (days, tickers, num_envs) the shares held after them; no days where nobody asks.

    """

    values: Tensor
    traded: Tensor
    holdings: Tensor

    def part(self, days: slice) -> "Trace":
        """Return some of the days."""
        return Trace(self.values[days], self.traded[days], self.holdings[days])


class TradingEnv:
    """A vectorised environment on torch tensors.

    A state holds only what differs between portfolios, (num_envs, 2 + tickers) float32: the day as a position in
    ``close``, then cash and holdings, as weights of the portfolio's value (``observe="weights"``) or as ElegantRL
    scales them, tanh(cash × 2^-18) and tanh(shares × 2^-10) (``observe="shares"``). What the market shows on a day
    is the same for all portfolios and is looked up by the policy (see networks.py).

    An action is (num_envs, action_dim): any real numbers for tilt, long_short and weights (cash first), [-1, 1] for
    shares. A reward is the log return after costs × 100, of a loss of 99 % at most, or the gain in value × 2^-12
    (shares). The state of a closed account is the day and zeros.
    """

    def __init__(
        self,
        close: Floats,
        num_envs: int,
        settings: EnvironmentSettings,
        observe: Literal["weights", "shares"] = "weights",
        seed: int = 0,
        device: str | torch.device = "cpu",
        random_start: bool = False,
        starts: Sequence[int] = (0,),
        periods_per_year: int = TRADING_DAYS_A_YEAR,
    ):
        """Set up ``num_envs`` portfolios on ``close``, (days, tickers).

        Args:
            close: closing prices.
            num_envs: number of portfolios.
            settings: how an action becomes trades.
            observe: what a state shows of a portfolio.
            seed: seed of the random starts.
            device: where the portfolios live; on a CPU a compiled kernel steps them.
            random_start: whether an episode starts from random portfolios, as training does, or as the settings say.
            starts: first day of each run of contiguous days, in their order; an episode is one run.
            periods_per_year: by which interest a year becomes a day's.

        Raises:
            ValueError: fewer than two days in a run, or prices that are not finite and above zero.

        """
        runs = [range(*bounds) for bounds in pairwise((*starts, len(close)))]
        if close.ndim != 2 or min(map(len, runs)) < 2 or not (np.isfinite(close).all() and (close > 0).all()):
            raise ValueError(
                f"an episode needs two days or more of finite prices above zero; these have shape {close.shape} and "
                f"begin on {list(starts)}"
            )
        self.settings, self.observe, self.random_start = settings, observe, random_start
        self._in_lots, self.short = settings.in_lots, settings.action_mode == "long_short"
        self.interest = settings.interest(periods_per_year)
        self.num_envs, self.tickers = num_envs, close.shape[1]
        self.last_day = len(close) - 1
        self.starts, self._ends = tuple(starts), [run[-1] for run in runs]
        # On the last day of a run nothing is decided.
        self.deciding_days = np.concatenate([np.arange(run.start, run[-1]) for run in runs])
        self.device = torch.device(device)
        self.action_dim = self.tickers + (settings.action_mode == "weights")
        self.state_dim = 2 + self.tickers
        self.rng = np.random.default_rng(seed)
        self._prices = np.array(close, dtype=np.float64, order="C")  # never read-only: another type to a kernel
        self._on_device = torch.as_tensor(self._prices, device=self.device)
        self.cash = torch.zeros(num_envs, dtype=torch.float64, device=self.device)
        self._rows = torch.zeros(self.tickers, num_envs, dtype=torch.float64, device=self.device)
        self.holdings = self._rows.t()
        self.asset = torch.zeros_like(self.cash)
        self.traded = torch.zeros_like(self.cash)
        rates = settings.cost_pct, -(settings.cost_pct + settings.sell_tax_pct)
        self._fee_rates = torch.tensor(rates, dtype=torch.float64, device=self.device)
        self._interest = torch.tensor(self.interest, dtype=torch.float64, device=self.device)
        self.day = 0
        self._compiled = self.device.type == "cpu"
        if self._compiled:
            # A row per ticker, a column per portfolio: the kernels' inner loops run over contiguous portfolios.
            self._money = tuple(array.numpy() for array in (self.cash, self._rows, self.asset, self.traded))
            # The kernels' working array comes from torch, which aligns it with cache lines; numba would not.
            self._sums = torch.empty(3, WIDE_BLOCK, dtype=torch.float64).numpy()
            self._kernel = self._choose_kernel()
        self.reset()

    def reset(self) -> Tensor:
        """Start an episode and return its state: on the next run after a run's last day, else on its first day anew.

        After the last run comes the first.
        """
        following = bisect_right(self.starts, self.day)
        self.day = self.starts[following % len(self.starts) if self.day in self._ends else following - 1]
        cash = np.full(self.num_envs, self.settings.initial_cash)
        holdings = np.zeros((self.num_envs, self.tickers))
        if self.random_start and self.settings.action_mode == "shares":
            cash *= self.rng.uniform(0.75, 1.25, self.num_envs)
            holdings += np.trunc(np.abs(self.rng.standard_normal(holdings.shape).clip(-2, 2)) * 2**7)
        elif self.random_start:
            weights = self.rng.dirichlet(np.ones(self.tickers + 1), self.num_envs)
            if self.short:
                weights[:, 1:] *= self.rng.choice((-1, 1), holdings.shape)
                weights[:, 0] = 1 - weights[:, 1:].sum(axis=1)
            holdings += weights[:, 1:] * self.settings.initial_cash / self._prices[self.day]
            cash *= weights[:, 0]
        elif self.settings.start == "benchmark":
            holdings += self.settings.initial_cash / self.tickers / self._prices[self.day]
            cash *= 0
        if lot := self.settings.lot:
            whole = np.trunc(holdings / lot) * lot
            if not (self.random_start and self.settings.action_mode == "shares"):
                cash += (holdings - whole) @ self._prices[self.day]
            holdings = whole
        self.cash.copy_(torch.as_tensor(cash))
        self.holdings.copy_(torch.as_tensor(holdings))
        self.asset.copy_(self.cash + _sum_over_tickers(self.holdings * self._on_device[self.day]))
        self.traded.zero_()
        return self.state()

    def state(self) -> Tensor:
        """Return (num_envs, 2 + tickers) float32: the day, then cash and holdings."""
        state = torch.empty(self.num_envs, self.state_dim, device=self.device)
        self._write_state(state)
        return state

    def trace(self, days: int, with_holdings: bool = True) -> Trace:
        """Return room for what the portfolios go through on the next days."""
        room = partial(torch.empty, dtype=torch.float64, device=self.device)
        held = days if with_holdings else 0
        return Trace(room(days, self.num_envs), room(days, self.num_envs), room(held, *self._rows.shape))

    def note(self, trace: Trace, place: int) -> None:
        """Write what the portfolios are after the day's trades."""
        trace.values[place], trace.traded[place] = self.asset, self.traded
        if len(trace.holdings):
            trace.holdings[place] = self._rows

    def days_ahead(self, steps: int) -> Tensor:
        """Return the days of the next ``steps`` states, with an episode that starts after the last day of each run."""
        places = np.searchsorted(self.deciding_days, self.day) + np.arange(steps)
        return torch.as_tensor(self.deciding_days[places % len(self.deciding_days)], device=self.device)

    @property
    def steps_left(self) -> int:
        """The steps from the present day to the last one of its run."""
        return self._ends[bisect_left(self._ends, self.day)] - self.day

    def growth(self, days: Tensor) -> Tensor:
        """Return the price ratios (days, tickers) float32 of the days after ``days`` to those."""
        return (self._on_device[days + 1] / self._on_device[days]).float()

    @property
    def prices(self) -> Tensor:
        """Closing prices (days, tickers) float64 on the device."""
        return self._on_device

    def gather(self, envs: Sequence["TradingEnv"]) -> None:
        """Take the portfolios of environments with the same settings side by side: theirs are views from here on.

        Torch steps them all, on a CPU too, and shows them.
        """
        self.cash, self.asset, self.traded = (
            torch.cat([getattr(env, name) for env in envs]) for name in ("cash", "asset", "traded")
        )
        self._rows = torch.cat([env._rows for env in envs], dim=1)
        self.holdings, self._compiled = self._rows.t(), False
        for place, env in enumerate(envs):
            own = slice(place * env.num_envs, (place + 1) * env.num_envs)
            env.cash, env.asset, env.traded = self.cash[own], self.asset[own], self.traded[own]
            env._rows = self._rows[:, own]
            env.holdings, env._compiled = env._rows.t(), False

    def step(
        self, action: Tensor, state: Tensor | None = None, reward: Tensor | None = None
    ) -> tuple[Tensor, Tensor, bool]:
        """Fill an action at the next day's close.

        Args:
            action: (num_envs, action_dim) float32.
            state: where to write the next state, contiguous; a new tensor by default.
            reward: where to write the rewards, contiguous; a new tensor by default.

        Returns:
            The next state, rewards (num_envs,) float32, and whether the next day is the last one of its run. After
            that day the caller resets: it may still want the final state's value.

        Raises:
            ValueError: the action has another shape.

        """
        if action.shape != (self.num_envs, self.action_dim):
            raise ValueError(f"an action is {(self.num_envs, self.action_dim)}, not {tuple(action.shape)}")
        self.day += 1
        state = torch.empty(self.num_envs, self.state_dim, device=self.device) if state is None else state
        reward = torch.empty(self.num_envs, device=self.device) if reward is None else reward
        if not self._compiled:
            self.trade_on_device(action, self._on_device[self.day, :, None], reward)
            self._write_state(state)
        elif self._in_lots:
            self._kernel(action.contiguous().numpy(), self._prices[self.day], *self._money, reward.numpy())
            self._write_state(state)
        else:
            arrays = action.contiguous().numpy(), *self._money, reward.numpy(), state.numpy(), self._sums
            self._kernel(self.day, self._prices[self.day], *arrays)
            self._squash(state)
        return state, reward, self.day in self._ends

    def _choose_kernel(self) -> partial[None]:
        """Return the compiled trades with what never changes filled in: to look it up at every step takes a tenth."""
        settings, cost, tax = self.settings, self.settings.cost_pct, self.settings.sell_tax_pct
        modes = settings.action_mode == "shares", settings.action_mode == "weights", self.short
        of_actions = settings.max_stock, settings.action_scale
        numbers = *of_actions, settings.rebalance_rate, settings.leverage, self.interest
        if self._in_lots:
            return partial(kernels.trade_lots, *modes, *numbers, settings.lot, cost, tax, settings.min_fee)
        return partial(kernels.step, *modes, self.observe == "weights", SQUASHED, *numbers, cost, cost + tax)

    def for_a_kernel(self) -> tuple[Any, ...] | None:
        """Return what a kernel needs to step the portfolios itself, as ``kernels.walk`` of the compiled agents does.

        That is what never changes of ``kernels.step``'s arguments, the day, prices, money and a working array; none
        where another kernel trades, an order is squashed first, or torch trades.
        """
        if not self._compiled or self._in_lots or self.settings.action_mode == "shares":
            return None
        return self._kernel.args, self.day, self._prices, self._money, self._sums

    def _write_state(self, state: Tensor) -> None:
        if self._compiled:
            arrays = (self._prices[self.day], *self._money[:3], state.numpy(), self._sums)
            kernels.observe(self.observe == "weights", SQUASHED, self.day, *arrays)
            self._squash(state)
        else:
            state[:, 0] = self.day
            self.show_on_device(self._on_device[self.day, :, None], state)

    def show_on_device(self, price: Tensor, state: Tensor) -> None:
        """Write cash and holdings of states (num_envs, 2 + tickers) by torch; prices as ``trade_on_device`` takes."""
        if self.observe == "shares":
            state[:, 1] = self.cash * CASH_SCALE
            state[:, 2:] = self.holdings * SHARES_SCALE
            state[:, 1:].tanh_()
        else:
            per_value = _per_value(self.asset)
            state[:, 1] = self.cash * per_value
            state[:, 2:] = self.holdings * price.t() * per_value[:, None]

    def _squash(self, state: Tensor) -> None:
        """Take the tanh of cash, as ElegantRL shows it; the kernel has taken that of holdings."""
        if self.observe == "shares":
            state[:, 1].tanh_()

    def trade_on_device(self, action: Tensor, price: Tensor, reward: Tensor) -> None:
        """Fill an action by torch.

        Args:
            action: (num_envs, action_dim).
            price: (tickers, 1), or (tickers, num_envs) where portfolios trade on markets of their own.
            reward: (num_envs,), where the rewards are written.

        """
        settings, before = self.settings, self.asset.clone()
        if self.short or self.interest[0] != 0:
            self._settle_on_device(price)
        if self._in_lots and self.short:
            self._trade_signed_lots_on_device(action.double(), price)
        elif self._in_lots:
            self._trade_lots_on_device(action.double(), price)
        elif settings.action_mode == "shares":
            self._trade_shares_on_device(action.double(), price)
        else:
            self._trade_weights_on_device(action.double(), price)
        if settings.action_mode == "shares":
            reward.copy_((self.asset - before) * SHARES_REWARD_SCALE)
        else:
            growth = torch.where(before > 0, self.asset / before, 1.0)
            reward.copy_(growth.clamp(min=LEAST_GROWTH).log() * LOG_RETURN_SCALE)

    def _settle_on_device(self, price: Tensor) -> None:
        """Pay interest and the fees of borrowing, and close the accounts that are worth nothing."""
        credit, debit, loan = self._interest
        if not self.short:
            self.cash.add_(self.cash * credit)
            return
        worth = self.holdings * price.t()
        rate = torch.where(self.cash >= 0, credit, debit)
        self.cash.add_(self.cash * rate - loan * _sum_over_tickers((-worth).clamp(min=0)))
        self._close_where(self.cash + _sum_over_tickers(worth) <= 0)

    def _close_where(self, ruined: Tensor) -> None:
        self.cash.masked_fill_(ruined, 0.0)
        self._rows.masked_fill_(ruined, 0.0)

    def _ordered_shares(self, action: Tensor) -> Tensor:
        """Return what ElegantRL's actions order, (tickers, num_envs)."""
        action = action * self.settings.action_scale
        return torch.where(action.abs() < DEAD_ZONE, 0.0, (action * self.settings.max_stock).trunc()).t()

    def _trade_shares_on_device(self, action: Tensor, price: Tensor) -> None:
        """Fill integer orders in column order: what one ticker costs decides what the next one may."""
        settings, cash, wanted = self.settings, self.cash, self._ordered_shares(action)
        to_buy, sold = wanted.clamp(min=0), torch.minimum((-wanted).clamp(min=0), self._rows)
        net = price * (1 - (settings.cost_pct + settings.sell_tax_pct))
        unit, proceeds = price * (1 + settings.cost_pct), sold * net
        per_unit, bought = 1 / unit * ABOVE_ONE, torch.empty_like(sold)
        for ticker in range(self.tickers):
            affordable = (cash * per_unit[ticker]).floor()
            affordable = affordable - (affordable * unit[ticker] > cash).double()
            bought[ticker] = torch.minimum(to_buy[ticker], affordable)
            cash = cash - unit[ticker] * bought[ticker] + proceeds[ticker]
        self.cash.copy_(cash)
        self._rows.copy_(self._rows + bought - sold)
        volume, worth = (bought + sold) * price, self._rows * price
        self.traded.copy_(_added_up(volume, torch.zeros_like(cash)))
        self.asset.copy_(cash + _added_up(worth, torch.zeros_like(cash)))

    def _trade_lots_on_device(self, action: Tensor, price: Tensor) -> None:
        """Fill orders of whole lots as the compiled kernel does."""
        settings, lot, cash, traded = self.settings, self.settings.lot, self.cash, torch.zeros_like(self.cash)
        in_shares = settings.action_mode == "shares"
        if in_shares:
            orders = self._ordered_shares(action)
        else:
            wanted, *_ = self._wanted_worth(action, self.holdings * price.t())
            orders = self._orders_towards(wanted, price)
        lots = (orders / lot).trunc()

        def fee(value: Tensor) -> Tensor:
            return (settings.cost_pct * value).clamp(min=settings.min_fee)

        def sell(ticker: int, cash: Tensor, traded: Tensor) -> tuple[Tensor, Tensor]:
            sold = torch.minimum(-lots[ticker] * lot, self._rows[ticker])
            value = sold * price[ticker]
            left = cash + (value - fee(value) - settings.sell_tax_pct * value)
            done = (sold > 0) & (left >= 0)
            self._rows[ticker] -= torch.where(done, sold, 0.0)
            return torch.where(done, left, cash), traded + torch.where(done, value, 0.0)

        def buy(ticker: int, cash: Tensor, traded: Tensor) -> tuple[Tensor, Tensor]:
            of_a_lot = lot * price[ticker]
            most = torch.minimum(cash / (1 + settings.cost_pct), cash - settings.min_fee) / of_a_lot
            bought = torch.minimum(lots[ticker], most.floor() + 1).clamp(min=0)
            for _ in range(2):
                value = bought * of_a_lot
                bought = (bought - (value + fee(value) > cash).double()).clamp(min=0)
            value = bought * of_a_lot
            self._rows[ticker] += bought * lot
            return torch.where(bought > 0, cash - (value + fee(value)), cash), traded + value

        # Sales before buys, but ElegantRL's orders in the order of the columns.
        for fills in ((sell, buy),) if in_shares else ((sell,), (buy,)):
            for ticker in range(self.tickers):
                for fill in fills:
                    cash, traded = fill(ticker, cash, traded)
        self.cash.copy_(cash)
        self.traded.copy_(traded)
        self.asset.copy_(cash + _added_up(self._rows * price, torch.zeros_like(cash)))

    def _orders_towards(self, wanted: Tensor, price: Tensor) -> Tensor:
        """Return the orders (tickers, num_envs) of shares towards what is wanted, (num_envs, tickers) in money."""
        return wanted.t() * (1 / price) - self._rows

    def _trade_signed_lots_on_device(self, action: Tensor, price: Tensor) -> None:
        """Fill orders of whole lots of accounts that may sell short as the compiled kernel does."""
        settings, lot, leverage = self.settings, self.settings.lot, self.settings.leverage
        wanted, *_ = self._wanted_worth(action, self.holdings * price.t())
        ordered = (self._orders_towards(wanted, price) / lot).trunc() * lot
        worth, grows = self._rows * price, (self._rows + ordered).abs() > self._rows.abs()
        cash, traded = self.cash, torch.zeros_like(self.cash)
        value, gross = _added_up(worth, cash), _added_up(worth.abs(), traded)
        for turn in range(2):
            for ticker in range(self.tickers):
                order, held, of_a_lot = ordered[ticker], self._rows[ticker], lot * price[ticker]
                due = (order != 0) & (grows[ticker] == (turn == 1))
                sign, levy = order.sign(), settings.sell_tax_pct * (order < 0).double()
                lots = torch.where(due, order.abs() / lot, 0.0)
                if turn == 1:
                    against = torch.where(held * sign < 0, held.abs() * price[ticker], 0.0)
                    room = leverage * value - (gross - 2 * against)
                    by_rate = room / (of_a_lot * (1 + leverage * (settings.cost_pct + levy)))
                    by_least = (room - leverage * settings.min_fee) / (of_a_lot * (1 + leverage * levy))
                    lots = torch.minimum(lots, torch.minimum(by_rate, by_least).floor() + 1).clamp(min=0)
                for attempt in range(3):
                    bought = lots * of_a_lot
                    paid = (settings.cost_pct * bought).clamp(min=settings.min_fee) + levy * bought
                    wider = gross + ((held + sign * (lots * lot)).abs() - held.abs()) * price[ticker]
                    if turn == 0:
                        break
                    fewer = (lots - 1).clamp(min=0) if attempt < 2 else torch.zeros_like(lots)
                    lots = torch.where(wider <= leverage * (value - paid), lots, fewer)
                done = lots > 0
                self._rows[ticker] = torch.where(done, held + sign * (lots * lot), held)
                cash = torch.where(done, cash - (sign * bought + paid), cash)
                value, gross = torch.where(done, value - paid, value), torch.where(done, wider, gross)
                traded = traded + torch.where(done, bought, 0.0)
        self.cash.copy_(cash)
        invested = _added_up(self._rows * price, torch.zeros_like(cash))
        self._close_where(cash + invested <= 0)
        self.traded.copy_(traded)
        self.asset.copy_(self.cash + _added_up(self._rows * price, torch.zeros_like(cash)))

    def _trade_weights_on_device(self, action: Tensor, price: Tensor) -> None:
        held = self.holdings * price.t()
        wanted, value, after = self._wanted_worth(action, held)
        gap, invested = wanted - held, _sum_over_tickers(wanted)
        left = value - _sum_over_tickers(self._rate_of_fee(gap) * gap) - invested
        self.traded.copy_(_sum_over_tickers(gap.abs()))
        self.holdings.copy_(wanted * (1 / price.t()))
        self.cash.copy_(torch.where(after > 0, left, 0.0) if self.short else left.clamp(min=0))
        self.asset.copy_(self.cash + invested)

    def _wanted_worth(self, action: Tensor, held: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what portfolios are to hold in money, (num_envs, tickers), and their values before and after fees."""
        settings = self.settings
        value = self.cash + _sum_over_tickers(held)
        if settings.action_mode == "weights":
            powers = (action - action.amax(dim=1, keepdim=True)).exp()
            share = powers[:, 1:] * (1 / (powers[:, 0] + _sum_over_tickers(powers[:, 1:])))[:, None]
        else:
            share = (1 + action).clamp(-LARGEST_TILT if self.short else 0, LARGEST_TILT) * (1 / self.tickers)
            share = share * self._within_leverage(share)[:, None]
        weights = held * _per_value(value)[:, None]
        weights = weights + settings.rebalance_rate * (share - weights)
        if self.short:
            weights = weights * self._within_leverage(weights)[:, None]
        after = value
        for _ in range(NEWTON_STEPS):
            gap = weights * after[:, None] - held
            rate = self._rate_of_fee(gap)
            excess = after - value + _sum_over_tickers(rate * gap)
            after = after - excess / (1 + _sum_over_tickers(rate * weights))
        after = after.clamp(min=0)
        return weights * after[:, None], value, after

    def _within_leverage(self, weights: Tensor) -> Tensor:
        """Return the factors, 1 at most, by which the sum of the weights' sizes keeps to the leverage; 1 but short."""
        per_leverage = 1 / self.settings.leverage if self.short else 1.0
        return 1 / (_sum_over_tickers(weights.abs()) * per_leverage).clamp(min=1)

    def _rate_of_fee(self, gap: Tensor) -> Tensor:
        """Return the fee of a change of holdings by its money, negative for sales."""
        return torch.where(gap > 0, self._fee_rates[0], self._fee_rates[1])


def make_env(
    segment: Segment,
    environment: EnvironmentSettings,
    architecture: Architecture,
    num_envs: int,
    seed: int = 0,
    device: str | torch.device = "cpu",
    random_start: bool = False,
) -> TradingEnv:
    """Return the environment of a segment, with the states that an architecture reads.

    Cash and holdings are shown as weights, but for ``flat`` with orders of shares as ElegantRL does. Its tanh of
    shares × 2^-10 is near 1 beyond 2000, which a target weight soon asks for: a critic would not see what is held.
    """
    return TradingEnv(
        segment.close,
        num_envs,
        environment,
        observe="shares" if architecture == "flat" and environment.action_mode == "shares" else "weights",
        seed=seed,
        device=device,
        random_start=random_start,
        starts=segment.starts,
        periods_per_year=segment.periods_per_year,
    )


def _per_value(value: Tensor) -> Tensor:
    """Return 1 / value, 0 of an account that is worth nothing."""
    return torch.where(value > 0, 1 / value, 0.0)


def _added_up(rows: Tensor, start: Tensor) -> Tensor:
    """Return ``start`` and the rows, added to it one after the other; on CUDA in an order of its own."""
    return start + rows.sum(dim=0) if rows.is_cuda else sum(rows, start)


def _sum_over_tickers(values: Tensor) -> Tensor:
    """Return the sums over the second dimension: its second half is added to its first, until one is left.

    On CUDA torch adds them up in an order of its own.
    """
    if values.is_cuda:
        return values.sum(dim=1)
    width = values.shape[1]
    while width > 1:
        half = width // 2
        folded = values[:, :half] + values[:, half : 2 * half]
        if width % 2:
            folded[:, 0] += values[:, width - 1]
        values, width = folded, half
    return values[:, 0]

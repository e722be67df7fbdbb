"""The trading environment: num_envs portfolios on one market path, all on the same day.

An agent decides on the close of day t and its orders fill at the close of day t + 1, fees included. In the modes
``tilt`` and ``weights`` an action names target weights, which the portfolio moves towards; in ``shares`` it orders
whole shares as ElegantRL's StockTradingVecEnv does. Money is float64 throughout. The end of the data is a truncation.

On a CPU a compiled kernel steps the portfolios, elsewhere torch does. Both do the same operations in the same order,
sums over tickers included, so that money is equal bit by bit (in ``weights`` up to the last bit of the exponential).
"""

from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

DEAD_ZONE = 0.1
LARGEST_TILT = 3.0
NEWTON_STEPS = 4
LOG_RETURN_SCALE = 100.0
BLOCK = 64  # portfolios whose working arrays stay in a core's first cache
WIDE_BLOCK = 128  # the same where the working arrays are few
# Times this a quotient is never below the true one: its floor is what cash can buy, or one more, which a product tells.
ABOVE_ONE = 1 + 2.0**-51
SHARES_REWARD_SCALE = 2.0**-12
CASH_SCALE = 2.0**-18
SHARES_SCALE = 2.0**-10

Floats = NDArray[np.float64]
ActionMode = Literal["tilt", "weights", "shares"]


@dataclass(frozen=True)
class EnvironmentSettings:
    """How an action becomes trades.

    Attributes:
        action_mode: tilt: equal weight tilted by the action; weights: softmax with cash; shares: integer orders.
        rebalance_rate: fraction of the way to the target weights that is traded each day (tilt, weights).
        cost_pct: fee as a fraction of the traded value.
        initial_cash: cash at the start of an episode.
        max_stock: shares that an action of 1 orders (shares).

    """

    action_mode: ActionMode = "tilt"
    rebalance_rate: float = 0.2
    cost_pct: float = 0.001
    initial_cash: float = 1e6
    max_stock: int = 100


class TradingEnv:
    """A vectorised environment on torch tensors.

    A state holds only what differs between portfolios, (num_envs, 2 + tickers) float32: the day as a position in
    ``close``, then cash and holdings, as weights of the portfolio's value (``observe="weights"``) or as ElegantRL
    scales them, tanh(cash × 2^-18) and tanh(shares × 2^-10) (``observe="shares"``). What the market shows on a day
    is the same for all portfolios and is looked up by the policy (see networks.py).

    An action is (num_envs, action_dim): any real numbers for tilt and weights (cash first), [-1, 1] for shares.
    A reward is the log return after costs × 100 (tilt, weights) or the gain in value × 2^-12 (shares).
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
    ):
        """Set up ``num_envs`` portfolios on ``close``, (days, tickers).

        Args:
            close: closing prices.
            num_envs: number of portfolios.
            settings: how an action becomes trades.
            observe: what a state shows of a portfolio.
            seed: seed of the random starts.
            device: where the portfolios live; on a CPU a compiled kernel steps them.
            random_start: whether an episode starts from random portfolios, as training does, or from cash.

        Raises:
            ValueError: fewer than two days, or prices that are not finite and above zero.

        """
        if close.ndim != 2 or len(close) < 2 or not (np.isfinite(close).all() and (close > 0).all()):
            raise ValueError(
                f"an episode needs two days or more of finite prices above zero; these have shape {close.shape}"
            )
        self.settings, self.observe, self.random_start = settings, observe, random_start
        self.num_envs, self.tickers = num_envs, close.shape[1]
        self.last_day = len(close) - 1
        self.device = torch.device(device)
        self.action_dim = self.tickers + (settings.action_mode == "weights")
        self.state_dim = 2 + self.tickers
        self.rng = np.random.default_rng(seed)
        self._prices = np.ascontiguousarray(close, dtype=np.float64)
        self._on_device = torch.as_tensor(self._prices, device=self.device)
        self.cash = torch.zeros(num_envs, dtype=torch.float64, device=self.device)
        self._rows = torch.zeros(self.tickers, num_envs, dtype=torch.float64, device=self.device)
        self.holdings = self._rows.t()
        self.asset = torch.zeros_like(self.cash)
        self.traded = torch.zeros_like(self.cash)
        self.day = 0
        self._compiled = self.device.type == "cpu"
        if self._compiled:
            # A row a ticker and a column a portfolio, so that the kernels' inner loops run over contiguous portfolios.
            self._money = tuple(array.numpy() for array in (self.cash, self._rows, self.asset, self.traded))
            # The kernels' working arrays come from torch, which aligns them with cache lines; numba would not.
            self._lines = torch.empty(self.tickers + 1, WIDE_BLOCK).numpy()
            self._sums = torch.empty(3, WIDE_BLOCK, dtype=torch.float64).numpy()
        self.reset()

    def reset(self) -> Tensor:
        """Start an episode on day 0 and return its state."""
        self.day = 0
        cash = np.full(self.num_envs, self.settings.initial_cash)
        holdings = np.zeros((self.num_envs, self.tickers))
        if self.random_start and self.settings.action_mode == "shares":
            cash *= self.rng.uniform(0.75, 1.25, self.num_envs)
            holdings += np.trunc(np.abs(self.rng.standard_normal(holdings.shape).clip(-2, 2)) * 2**7)
        elif self.random_start:
            weights = self.rng.dirichlet(np.ones(self.tickers + 1), self.num_envs)
            holdings += weights[:, 1:] * self.settings.initial_cash / self._prices[0]
            cash *= weights[:, 0]
        self.cash.copy_(torch.as_tensor(cash))
        self.holdings.copy_(torch.as_tensor(holdings))
        self.asset.copy_(self.cash + _sum_over_tickers(self.holdings * self._on_device[0]))
        self.traded.zero_()
        return self.state()

    def state(self) -> Tensor:
        """Return (num_envs, 2 + tickers) float32: the day, then cash and holdings."""
        state = torch.empty(self.num_envs, self.state_dim, device=self.device)
        self._write_state(state)
        return state

    def days_ahead(self, steps: int) -> Tensor:
        """Return the days of the next ``steps`` states, with episodes that start anew after the last day."""
        return (self.day + torch.arange(steps, device=self.device)) % self.last_day

    @property
    def fees(self) -> Tensor:
        """Fees of the last step, (num_envs,)."""
        return self.traded * self.settings.cost_pct

    def step(
        self, action: Tensor, state: Tensor | None = None, reward: Tensor | None = None
    ) -> tuple[Tensor, Tensor, bool]:
        """Fill an action at the next day's close.

        Args:
            action: (num_envs, action_dim) float32.
            state: where to write the next state, contiguous; a new tensor by default.
            reward: where to write the rewards, contiguous; a new tensor by default.

        Returns:
            The next state, rewards (num_envs,) float32, and whether the next day is the last one. After the last day
            the caller resets: it may still want the final state's value.

        Raises:
            ValueError: the action has another shape.

        """
        if action.shape != (self.num_envs, self.action_dim):
            raise ValueError(f"an action is {(self.num_envs, self.action_dim)}, not {tuple(action.shape)}")
        self.day += 1
        state = torch.empty(self.num_envs, self.state_dim, device=self.device) if state is None else state
        reward = torch.empty(self.num_envs, device=self.device) if reward is None else reward
        if self._compiled:
            self._step(action, state, reward)
        else:
            self._trade_on_device(action, reward)
            self._write_state(state)
        return state, reward, self.day == self.last_day

    def _step(self, action: Tensor, state: Tensor, reward: Tensor) -> None:
        settings, mode = self.settings, self.settings.action_mode
        _step(
            mode == "shares",
            mode == "weights",
            self.observe == "weights",
            settings.max_stock,
            settings.rebalance_rate,
            settings.cost_pct,
            self.day,
            self._prices[self.day],
            action.contiguous().numpy(),
            *self._money,
            reward.numpy(),
            state.numpy(),
            self._lines,
            self._sums,
        )

    def _write_state(self, state: Tensor) -> None:
        if self._compiled:
            arrays = (self._prices[self.day], *self._money[:3], state.numpy(), self._lines, self._sums)
            _observe(self.observe == "weights", self.day, *arrays)
            return
        if self.observe == "shares":
            state[:, 1] = self.cash * CASH_SCALE
            state[:, 2:] = self.holdings * SHARES_SCALE
            state.tanh_()
        else:
            per_value = 1 / self.asset
            state[:, 1] = self.cash * per_value
            state[:, 2:] = self.holdings * self._on_device[self.day] * per_value[:, None]
        state[:, 0] = self.day

    def _trade_on_device(self, action: Tensor, reward: Tensor) -> None:
        price, before = self._on_device[self.day], self.asset.clone()
        if self.settings.action_mode == "shares":
            self._trade_shares_on_device(action.double(), price)
            reward.copy_((self.asset - before) * SHARES_REWARD_SCALE)
        else:
            self._trade_weights_on_device(action.double(), price)
            reward.copy_((self.asset / before).log() * LOG_RETURN_SCALE)

    def _trade_shares_on_device(self, action: Tensor, price: Tensor) -> None:
        """Fill integer orders in column order: what one ticker costs decides what the next one may."""
        cost, cash = self.settings.cost_pct, self.cash
        wanted = torch.where(action.abs() < DEAD_ZONE, 0.0, (action * self.settings.max_stock).trunc()).t()
        to_buy, sold = wanted.clamp(min=0), torch.minimum((-wanted).clamp(min=0), self._rows)
        unit, proceeds = price * (1 + cost), sold * (price * (1 - cost))[:, None]
        per_unit, bought = 1 / unit * ABOVE_ONE, torch.empty_like(sold)
        for ticker in range(self.tickers):
            affordable = (cash * per_unit[ticker]).floor()
            affordable = affordable - (affordable * unit[ticker] > cash).double()
            bought[ticker] = torch.minimum(to_buy[ticker], affordable)
            cash = cash - unit[ticker] * bought[ticker] + proceeds[ticker]
        self.cash.copy_(cash)
        self._rows.copy_(self._rows + bought - sold)
        volume, worth = (bought + sold) * price[:, None], self._rows * price[:, None]
        self.traded.copy_(sum(volume, torch.zeros_like(cash)))
        self.asset.copy_(cash + sum(worth, torch.zeros_like(cash)))

    def _trade_weights_on_device(self, action: Tensor, price: Tensor) -> None:
        settings = self.settings
        held = self.holdings * price
        value = self.cash + _sum_over_tickers(held)
        if settings.action_mode == "weights":
            powers = (action - action.amax(dim=1, keepdim=True)).exp()
            share = powers[:, 1:] * (1 / (powers[:, 0] + _sum_over_tickers(powers[:, 1:])))[:, None]
        else:
            share = (1 + action).clamp(0, LARGEST_TILT) * (1 / self.tickers)
            share = share * (1 / _sum_over_tickers(share).clamp(min=1))[:, None]
        weights = held * (1 / value)[:, None]
        weights = weights + settings.rebalance_rate * (share - weights)
        after = value
        for _ in range(NEWTON_STEPS):
            gap = weights * after[:, None] - held
            volume = _sum_over_tickers(gap.abs())
            slope = _sum_over_tickers(torch.where(gap > 0, weights, -weights))
            after = after - (after - value + settings.cost_pct * volume) / (1 + settings.cost_pct * slope)
        wanted = weights * after[:, None]
        invested = _sum_over_tickers(wanted)
        self.traded.copy_(_sum_over_tickers((wanted - held).abs()))
        self.holdings.copy_(wanted * (1 / price))
        self.cash.copy_((value - settings.cost_pct * self.traded - invested).clamp(min=0))
        self.asset.copy_(self.cash + invested)


def _sum_over_tickers(values: Tensor) -> Tensor:
    """Return the sums over the second dimension: its second half is added to its first, until one is left."""
    width = values.shape[1]
    while width > 1:
        half = width // 2
        folded = values[:, :half] + values[:, half : 2 * half]
        if width % 2:
            folded[:, 0] += values[:, width - 1]
        values, width = folded, half
    return values[:, 0]


_compiled = numba.njit(cache=True, error_model="numpy")
# tanh as Eigen has it (GenericPacketMathFunctions.h): an odd polynomial over an even one, without branches.
TANH_LIMIT = np.float32(7.90531110763549805)
ODD = tuple(
    np.float32(coefficient)
    for coefficient in (
        *(4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05),
        *(5.12229709037114e-08, -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16),
    )
)
EVEN = tuple(
    np.float32(coefficient)
    for coefficient in (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
)


@_compiled  # type: ignore[untyped-decorator]
def _tanh(value: np.float32) -> np.float32:
    """Return tanh of a number that is not negative; off by 4e-7 at most."""
    value = min(value, TANH_LIMIT)
    square = value * value
    odd, even = ODD[6], EVEN[3]
    odd = ((((odd * square + ODD[5]) * square + ODD[4]) * square + ODD[3]) * square + ODD[2]) * square + ODD[1]
    even = ((even * square + EVEN[2]) * square + EVEN[1]) * square + EVEN[0]
    return value * (odd * square + ODD[0]) / even


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


# The kernels work on a row a ticker and a column a portfolio, a block of portfolios at a time. Their inner loops run
# over slices from 0 on: an index that could be negative would keep the compiler from vector instructions.


@_compiled  # type: ignore[untyped-decorator]
def _trade_shares(
    max_stock: int,
    action: NDArray[np.float32],
    price: Floats,
    cost: float,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
    reward: NDArray[np.float32],
    orders: NDArray[np.float32],
    sums: Floats,
) -> None:
    """Fill integer orders in column order; a buy stops where cash no longer covers price and fee.

    An order is one change of a holding, bought above zero and sold below, so that what it costs is the larger of what
    buying and what selling it would.
    """
    envs, tickers = action.shape
    money, worth, volume = sums[0], sums[1], sums[2]
    for first in range(0, envs, WIDE_BLOCK):
        block = slice(first, min(first + WIDE_BLOCK, envs))
        acted, before = action[block], asset[block]
        count = len(before)
        for env in range(count):
            for ticker in range(tickers):
                orders[ticker, env] = acted[env, ticker]
        money[:count], worth[:], volume[:] = cash[block], 0.0, 0.0
        for ticker in range(tickers):
            close, row, order = price[ticker], holdings[ticker, block], orders[ticker]
            unit, net = close * (1 + cost), close * (1 - cost)
            per_unit = 1 / unit * ABOVE_ONE
            for env in range(count):
                part, held, free = np.float64(order[env]), row[env], money[env]
                wanted = np.trunc(part * max_stock) if abs(part) >= DEAD_ZONE else 0.0
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
def _trade_weights(
    softmax: bool,
    rate: float,
    action: NDArray[np.float32],
    price: Floats,
    cost: float,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
    reward: NDArray[np.float32],
) -> None:
    """Move towards target weights; the value after fees solves V' = V − cost × Σ|w V' − held| (Newton, convex)."""
    tickers, envs = holdings.shape
    even = 1 / tickers
    held, weight = np.empty((tickers, BLOCK)), np.empty((tickers, BLOCK))
    moved, signed = np.empty((tickers, BLOCK)), np.empty((tickers, BLOCK))
    value, after, total, per_value = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
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
                    target[env] = min(max(1 + target[env], 0.0), LARGEST_TILT) * even
        moved[:], signed[:] = weight, held
        _fold_sum(moved, count)
        _fold_sum(signed, count)
        for env in range(count):
            value[env] = free[env] + signed[0, env]
            after[env], per_value[env] = value[env], 1 / value[env]
            total[env] = 1 / (total[env] + moved[0, env] if softmax else max(moved[0, env], 1.0))
        for ticker in range(tickers):
            target, worth = weight[ticker], held[ticker]
            for env in range(count):
                now = worth[env] * per_value[env]
                target[env] = now + rate * (target[env] * total[env] - now)
        for _ in range(NEWTON_STEPS):
            for ticker in range(tickers):
                target, worth, absolute, sign = weight[ticker], held[ticker], moved[ticker], signed[ticker]
                for env in range(count):
                    gap = target[env] * after[env] - worth[env]
                    absolute[env] = abs(gap)
                    sign[env] = target[env] if gap > 0 else -target[env]
            _fold_sum(moved, count)
            _fold_sum(signed, count)
            for env in range(count):
                excess = after[env] - value[env] + cost * moved[0, env]
                after[env] -= excess / (1 + cost * signed[0, env])
        for ticker in range(tickers):
            target, worth, absolute, wanted = weight[ticker], held[ticker], moved[ticker], signed[ticker]
            row, per_share = holdings[ticker, block], 1 / price[ticker]
            for env in range(count):
                wanted[env] = target[env] * after[env]
                absolute[env] = abs(wanted[env] - worth[env])
                row[env] = wanted[env] * per_share
        _fold_sum(moved, count)
        _fold_sum(signed, count)
        traded[block] = moved[0, :count]
        for env in range(count):
            free[env] = max(value[env] - cost * moved[0, env] - signed[0, env], 0.0)
            worth_after = free[env] + signed[0, env]
            gain[env] = np.log(worth_after / before[env]) * LOG_RETURN_SCALE
            before[env] = worth_after


@_compiled  # type: ignore[untyped-decorator]
def _observe(
    weights: bool,
    day: int,
    price: Floats,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    state: NDArray[np.float32],
    shown: NDArray[np.float32],
    sums: Floats,
) -> None:
    """Write the day, and cash and holdings as weights of the portfolio's value or as ElegantRL scales them."""
    tickers, envs = holdings.shape
    per_value = sums[0]
    for first in range(0, envs, WIDE_BLOCK):
        block = slice(first, min(first + WIDE_BLOCK, envs))
        worth, free, out = asset[block], cash[block], state[block]
        count = len(free)
        if weights:
            for env in range(count):
                per_value[env] = 1 / worth[env]
                shown[0, env] = free[env] * per_value[env]
            for ticker in range(tickers):
                row, close, target = holdings[ticker, block], price[ticker], shown[ticker + 1]
                for env in range(count):
                    target[env] = row[env] * close * per_value[env]
        else:
            for env in range(count):
                shown[0, env] = _tanh(np.float32(free[env] * CASH_SCALE))
            for ticker in range(tickers):
                row, target = holdings[ticker, block], shown[ticker + 1]
                for env in range(count):
                    target[env] = _tanh(np.float32(row[env] * SHARES_SCALE))
        for env in range(count):
            line = out[env]
            line[0] = day
            for column in range(tickers + 1):
                line[column + 1] = shown[column, env]


@_compiled  # type: ignore[untyped-decorator]
def _step(
    shares: bool,
    softmax: bool,
    weights: bool,
    max_stock: int,
    rate: float,
    cost: float,
    day: int,
    price: Floats,
    action: NDArray[np.float32],
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
    reward: NDArray[np.float32],
    state: NDArray[np.float32],
    lines: NDArray[np.float32],
    sums: Floats,
) -> None:
    """Trade and observe in one call from Python: to hand its arguments over takes a microsecond."""
    if shares:
        _trade_shares(max_stock, action, price, cost, cash, holdings, asset, traded, reward, lines, sums)
    else:
        _trade_weights(softmax, rate, action, price, cost, cash, holdings, asset, traded, reward)
    _observe(weights, day, price, cash, holdings, asset, state, lines, sums)

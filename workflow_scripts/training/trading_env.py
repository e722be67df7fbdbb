"""The trading environment: num_envs portfolios on one market path, all on the same day.

An agent decides on the close of day t and its orders fill at the close of day t + 1, fees included. In the modes
``tilt`` and ``weights`` an action names target weights, which the portfolio moves towards; in ``shares`` it orders
whole shares as ElegantRL's StockTradingVecEnv does. Money is float64 throughout. The end of the data is a truncation.
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
        self._step = self._step_on_cpu if self.device.type == "cpu" else self._step_on_device
        self._on_device = torch.as_tensor(self._prices, device=self.device)
        self.cash = torch.zeros(num_envs, dtype=torch.float64, device=self.device)
        self._rows = torch.zeros(self.tickers, num_envs, dtype=torch.float64, device=self.device)
        self.holdings = self._rows.t()
        self.asset = torch.zeros_like(self.cash)
        self.traded = torch.zeros_like(self.cash)
        self.day = 0
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
        self.asset.copy_(self.cash + (self.holdings * self._on_device[0]).sum(dim=1))
        self.traded.zero_()
        return self.state()

    def state(self) -> Tensor:
        """Return (num_envs, 2 + tickers) float32: the day, then cash and holdings."""
        state = torch.empty(self.num_envs, self.state_dim, device=self.device)
        if self.observe == "shares":
            state[:, 1] = self.cash * CASH_SCALE
            torch.mul(self.holdings, SHARES_SCALE, out=state[:, 2:])
            state.tanh_()
            state[:, 0] = self.day
        elif self.device.type == "cpu":
            arrays = (self.cash.numpy(), self._rows.numpy(), self.asset.numpy(), state.numpy())
            _observe_weights(self.day, self._prices[self.day], *arrays)
        else:
            state[:, 0] = self.day
            state[:, 1] = self.cash / self.asset
            state[:, 2:] = self.holdings * self._on_device[self.day] / self.asset[:, None]
        return state

    @property
    def fees(self) -> Tensor:
        """Fees of the last step, (num_envs,)."""
        return self.traded * self.settings.cost_pct

    def step(self, action: Tensor) -> tuple[Tensor, Tensor, bool]:
        """Fill an action at the next day's close.

        Returns:
            The next state, rewards (num_envs,) float32, and whether the next day is the last one. After the last day
            the caller resets: it may still want the final state's value.

        """
        self.day += 1
        reward = self._step(action)
        return self.state(), reward, self.day == self.last_day

    def _step_on_cpu(self, action: Tensor) -> Tensor:
        settings, reward = self.settings, torch.empty(self.num_envs)
        arrays = [array.numpy() for array in (self.cash, self._rows, self.asset, self.traded, reward)]
        orders = action.t().to(torch.float64, memory_format=torch.contiguous_format).numpy()
        price = self._prices[self.day]
        if settings.action_mode == "shares":
            _trade_shares(orders, price, settings.max_stock, settings.cost_pct, *arrays)
        else:
            softmax = settings.action_mode == "weights"
            _trade_weights(orders, price, softmax, settings.rebalance_rate, settings.cost_pct, *arrays)
        return reward

    def _step_on_device(self, action: Tensor) -> Tensor:
        price, before = self._on_device[self.day], self.asset.clone()
        if self.settings.action_mode == "shares":
            self._trade_shares_on_device(action.double(), price)
            self.asset = self.cash + (self.holdings * price).sum(dim=1)
            return ((self.asset - before) * SHARES_REWARD_SCALE).float()
        self._trade_weights_on_device(action.double(), price)
        return ((self.asset / before).log() * LOG_RETURN_SCALE).float()

    def _trade_shares_on_device(self, action: Tensor, price: Tensor) -> None:
        cost = self.settings.cost_pct
        wanted = torch.where(action.abs() < DEAD_ZONE, 0.0, (action * self.settings.max_stock).trunc())
        self.traded.zero_()
        for ticker in range(self.tickers):
            unit = price[ticker] * (1 + cost)
            affordable = (self.cash / unit).floor()
            affordable -= (affordable * unit > self.cash).double()
            bought = torch.minimum(wanted[:, ticker].clamp(min=0), affordable.clamp(min=0))
            sold = torch.minimum((-wanted[:, ticker]).clamp(min=0), self.holdings[:, ticker])
            self.cash += price[ticker] * (sold * (1 - cost) - bought * (1 + cost))
            self.holdings[:, ticker] += bought - sold
            self.traded += price[ticker] * (bought + sold)

    def _trade_weights_on_device(self, action: Tensor, price: Tensor) -> None:
        settings = self.settings
        held = self.holdings * price
        value = self.cash + held.sum(dim=1)
        if settings.action_mode == "weights":
            target = action.softmax(dim=1)[:, 1:]
        else:
            target = (1 + action).clamp(0, LARGEST_TILT) / self.tickers
            target = target / target.sum(dim=1, keepdim=True).clamp(min=1)
        weights = held / value[:, None]
        weights = weights + settings.rebalance_rate * (target - weights)
        after = value.clone()
        for _ in range(NEWTON_STEPS):
            gap = weights * after[:, None] - held
            excess = after - value + settings.cost_pct * gap.abs().sum(dim=1)
            after = after - excess / (1 + settings.cost_pct * (weights * gap.sign()).sum(dim=1))
        wanted = weights * after[:, None]
        self.traded = (wanted - held).abs().sum(dim=1)
        self.holdings.copy_(wanted / price)
        self.cash = (value - self.fees - wanted.sum(dim=1)).clamp(min=0)
        self.asset = self.cash + wanted.sum(dim=1)


# A row a ticker and a column a portfolio, so that the inner loops run over contiguous portfolios without branches, and
# compile to vector instructions.
_compiled = numba.njit(cache=True, error_model="numpy")


@_compiled  # type: ignore[untyped-decorator]
def _trade_shares(
    action: Floats,
    price: Floats,
    max_stock: int,
    cost: float,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
    reward: NDArray[np.float32],
) -> None:
    """Fill integer orders in column order; a buy stops where cash no longer covers price and fee."""
    tickers, envs = action.shape
    value = np.zeros(envs)
    traded[:] = 0.0
    for ticker in range(tickers):
        unit = price[ticker] * (1 + cost)
        for env in range(envs):
            order, money, held = action[ticker, env], cash[env], holdings[ticker, env]
            wanted = np.trunc(order * max_stock) if abs(order) >= DEAD_ZONE else 0.0
            affordable = np.floor(money / unit)
            affordable -= 1.0 if affordable * unit > money else 0.0
            bought = max(min(wanted, affordable), 0.0)
            sold = min(max(-wanted, 0.0), held)
            cash[env] = money - unit * bought + price[ticker] * (1 - cost) * sold
            holdings[ticker, env] = held + bought - sold
            traded[env] += price[ticker] * (bought + sold)
            value[env] += price[ticker] * (held + bought - sold)
    for env in range(envs):
        after = cash[env] + value[env]
        reward[env] = (after - asset[env]) * SHARES_REWARD_SCALE
        asset[env] = after


@_compiled  # type: ignore[untyped-decorator]
def _trade_weights(
    action: Floats,
    price: Floats,
    softmax: bool,
    rate: float,
    cost: float,
    cash: Floats,
    holdings: Floats,
    asset: Floats,
    traded: Floats,
    reward: NDArray[np.float32],
) -> None:
    """Move towards target weights; the value after fees solves V' = V − cost × Σ|w V' − held| (Newton, convex)."""
    tickers, envs = holdings.shape
    held, weight = np.empty((tickers, envs)), np.empty((tickers, envs))
    value, total = cash.copy(), np.zeros(envs)
    largest = np.full(envs, -np.inf)
    if softmax:
        for row in range(tickers + 1):
            for env in range(envs):
                largest[env] = max(largest[env], action[row, env])
        total[:] = np.exp(action[0] - largest)
    for ticker in range(tickers):
        for env in range(envs):
            held[ticker, env] = holdings[ticker, env] * price[ticker]
            value[env] += held[ticker, env]
            if softmax:
                weight[ticker, env] = np.exp(action[ticker + 1, env] - largest[env])
            else:
                weight[ticker, env] = min(max(1 + action[ticker, env], 0.0), LARGEST_TILT) / tickers
            total[env] += weight[ticker, env]
    for ticker in range(tickers):
        for env in range(envs):
            now = held[ticker, env] / value[env]
            share = weight[ticker, env] / (total[env] if softmax else max(total[env], 1.0))
            weight[ticker, env] = now + rate * (share - now)
    after = value.copy()
    volume, slope = np.empty(envs), np.empty(envs)
    for _ in range(NEWTON_STEPS):
        volume[:], slope[:] = 0.0, 0.0
        for ticker in range(tickers):
            for env in range(envs):
                gap = weight[ticker, env] * after[env] - held[ticker, env]
                volume[env] += abs(gap)
                slope[env] += weight[ticker, env] if gap > 0 else -weight[ticker, env]
        for env in range(envs):
            after[env] -= (after[env] - value[env] + cost * volume[env]) / (1 + cost * slope[env])
    traded[:], total[:] = 0.0, 0.0
    for ticker in range(tickers):
        for env in range(envs):
            wanted = weight[ticker, env] * after[env]
            traded[env] += abs(wanted - held[ticker, env])
            total[env] += wanted
            holdings[ticker, env] = wanted / price[ticker]
    for env in range(envs):
        cash[env] = max(value[env] - cost * traded[env] - total[env], 0.0)
        reward[env] = np.log((cash[env] + total[env]) / asset[env]) * LOG_RETURN_SCALE
        asset[env] = cash[env] + total[env]


@_compiled  # type: ignore[untyped-decorator]
def _observe_weights(
    day: int, price: Floats, cash: Floats, holdings: Floats, asset: Floats, state: NDArray[np.float32]
) -> None:
    """Write the day, and cash and holdings as weights of the portfolio's value."""
    tickers, envs = holdings.shape
    for env in range(envs):
        state[env, 0] = day
        state[env, 1] = cash[env] / asset[env]
        for ticker in range(tickers):
            state[env, ticker + 2] = holdings[ticker, env] * price[ticker] / asset[env]

"""Policy and value networks that look the market up by day.

A state holds the day, the cash and the holdings of a portfolio (see trading_env.py); a network owns no market: the
tables of the window on which it trains or is evaluated are set by ``show``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Literal

import numba
import numpy as np
import torch
from elegantrl.agents.net import build_mlp, layer_init_with_orthogonal
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from workflow_scripts.data.folds import Segment

Floats = NDArray[np.float32]
# Where an actor's exploration noise comes from: a free parameter, an output for every state, or not from the network.
Noise = Literal["free", "state", "none"]
LOG_STD_RANGE = (-5.0, 1.0)
HOLDING_CLIP = 5.0
SHARED_WIDTH_DIVISOR = 4


@dataclass(frozen=True)
class NetworkShape:
    """What a network's layers must fit.

    Attributes:
        tickers: number of tickers.
        ticker_features: features per ticker.
        market_features: features of the market.
        flat_features: all numbers that the flat architecture sees of a day.
        net_dims: widths of the hidden layers.
        initial_log_std: logarithm of the exploration noise's initial standard deviation.
        portfolio_scale: what the flat architecture multiplies cash and holdings by, so that they are about as large as
            the other numbers: the tickers where a state holds weights, 1 where it holds ElegantRL's tanh.

    """

    tickers: int
    ticker_features: int
    market_features: int
    flat_features: int
    net_dims: tuple[int, ...]
    initial_log_std: float
    portfolio_scale: float = 1.0

    @classmethod
    def of(
        cls, segment: Segment, net_dims: tuple[int, ...], initial_log_std: float, portfolio_scale: float = 1.0
    ) -> "NetworkShape":
        """Return the shape that fits a segment."""
        return cls(
            tickers=segment.ticker_features.shape[1],
            ticker_features=segment.ticker_features.shape[2],
            market_features=segment.market_features.shape[1],
            flat_features=segment.flat_features.shape[1],
            net_dims=net_dims,
            initial_log_std=initial_log_std,
            portfolio_scale=portfolio_scale,
        )


class MarketNetwork(nn.Module):
    """A network that is shown one market window at a time.

    What it sees of the market is the same for all portfolios on a day. Where its weights stay what they are, in a
    rollout and in an evaluation, ``market_part`` is the market's share of the first layer, once a day, and ``infer``
    adds the portfolios'. ``inputs`` are all numbers of states of any days, for the updates; ``evaluate`` takes those.
    """

    def __init__(self, shape: NetworkShape):
        super().__init__()
        self.shape = shape
        self.table: Tensor
        self.register_buffer("table", torch.empty(0), persistent=False)

    def show(self, segment: Segment) -> None:
        """Take the window whose day 0 is the day 0 of the states to come."""
        self.table = torch.as_tensor(self.tabulate(segment), device=self.table.device)

    def tabulate(self, segment: Segment) -> Tensor:
        """Return what the network sees of each day, a row a day."""
        raise NotImplementedError

    def inputs(self, state: Tensor) -> Tensor:
        """Return what the first layer sees of states, (batch, …)."""
        raise NotImplementedError

    def entry(self) -> nn.Linear:
        """Return the first layer."""
        raise NotImplementedError

    def market_part(self, days: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first layer's sums over the market's numbers, bias included, (days, …), and its other weights."""
        raise NotImplementedError

    def first_layer(self, market: Tensor, weight: Tensor, state: Tensor) -> Tensor:
        """Return the first layer's outputs from its market part (days, …) and states, (days, num_envs, …)."""
        raise NotImplementedError


def perceptron(dims: Sequence[int]) -> nn.Sequential:
    """Return elegantrl's layers; a rectifier writes over what it reads, which nothing else needs."""
    net: nn.Sequential = build_mlp(dims=dims, activation=partial(nn.ReLU, inplace=True))
    return net


def first_linear(net: nn.Sequential) -> nn.Linear:
    """Return the first layer of a network."""
    layer = net[0]
    assert isinstance(layer, nn.Linear)
    return layer


def after_first(net: nn.Sequential, hidden: Tensor) -> Tensor:
    """Return a network's outputs from those of its first layer and rectifier."""
    for layer in islice(net, 2, None):
        hidden = layer(hidden)
    return hidden


class _Shared(MarketNetwork):
    """Rows of one ticker: its features, the market's, the cash and its own holding."""

    def __init__(self, shape: NetworkShape):
        super().__init__(shape)
        self.width = shape.ticker_features + shape.market_features + 2

    def tabulate(self, segment: Segment) -> Tensor:
        """Return (days, tickers, width) with room for the cash and the holding."""
        market = torch.as_tensor(segment.market_features)[:, None].expand(-1, self.shape.tickers, -1)
        ticker = torch.as_tensor(segment.ticker_features)
        return torch.cat([ticker, market, torch.zeros(*ticker.shape[:2], 2)], dim=2)

    def inputs(self, state: Tensor) -> Tensor:
        """Return (batch, tickers, width) inputs of the scorer."""
        rows = self.table.index_select(0, state[:, 0].long())
        rows[:, :, -2] = state[:, 1:2] * 2 - 1
        rows[:, :, -1] = self.scaled(state[:, 2:])
        return rows

    def scaled(self, holdings: Tensor) -> Tensor:
        """Return holdings so that 0 is a ticker's even share."""
        return (holdings * self.shape.tickers - 1).clamp(-HOLDING_CLIP, HOLDING_CLIP)

    def market_part(self, days: Tensor) -> tuple[Tensor, Tensor]:
        """Return (days, tickers, hidden), and the weights (2, hidden) of cash and holding."""
        entry = self.entry()
        market = functional.linear(self.table[days], entry.weight, entry.bias)
        return market.detach(), entry.weight.detach()[:, -2:].t().contiguous()

    def first_layer(self, market: Tensor, weight: Tensor, state: Tensor) -> Tensor:
        """Return (days, num_envs, tickers, hidden)."""
        if state.device.type != "cpu":
            return self.first_layer_on_device(market, weight, state)
        hidden = torch.empty(*state.shape[:2], *market.shape[1:])
        _add_portfolios(market.numpy(), weight.numpy(), state.numpy(), hidden.numpy())
        return hidden

    def first_layer_on_device(self, market: Tensor, weight: Tensor, state: Tensor) -> Tensor:
        """Return what ``first_layer`` returns, by torch."""
        cash = (state[:, :, 1, None] * 2 - 1) * weight[0]
        hidden = market[:, None] + cash[:, :, None]
        return hidden.addcmul_(self.scaled(state[:, :, 2:])[..., None], weight[1]).relu_()

    def scorer(self, dims: Sequence[int]) -> nn.Sequential:
        """Return the layers that every ticker shares.

        They run once a ticker, so that they are a quarter as wide as ``net_dims`` says.
        """
        return perceptron([self.width, *dims])


class _Noise(MarketNetwork):
    """The logarithm of an actor's standard deviation, where the network has one."""

    def add_noise(self, noise: Noise, action_dim: int, initial_log_std: float) -> None:
        self.initial_log_std = initial_log_std
        if noise == "free":
            self.action_std_log = nn.Parameter(torch.full((1, action_dim), initial_log_std))

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return (batch, action_dim, outputs): the mean action, and its noise where the state decides it."""
        raise NotImplementedError

    def forward(self, state: Tensor) -> Tensor:
        """Return the mean action, (batch, action_dim)."""
        return self.evaluate(self.inputs(state))

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return the mean action, (batch, action_dim)."""
        return self.outputs(inputs)[:, :, 0]

    def mean_and_log_std(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation of the action, (batch, action_dim) each."""
        mean, log_std = outputs.unbind(dim=2)
        return mean, (log_std + self.initial_log_std).clamp(*LOG_STD_RANGE)


class SharedActor(_Noise, _Shared):
    """Actor of the architecture ``shared``: one scorer for every ticker, and for cash the mean ticker's."""

    def __init__(self, shape: NetworkShape, action_dim: int, noise: Noise = "free"):
        super().__init__(shape)
        widths = [max(8, width // SHARED_WIDTH_DIVISOR) for width in shape.net_dims]
        outputs = 2 if noise == "state" else 1
        self.scores = self.scorer([*widths, outputs])
        layer_init_with_orthogonal(self.scores[-1], std=0.1)
        self.cash_score = nn.Linear(self.width, outputs) if action_dim > shape.tickers else None
        if self.cash_score is not None:
            layer_init_with_orthogonal(self.cash_score, std=0.1)
        self.add_noise(noise, action_dim, shape.initial_log_std)

    def entry(self) -> nn.Linear:
        """Return the first layer."""
        return first_linear(self.scores)

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return (batch, action_dim, outputs)."""
        scores: Tensor = self.scores(inputs.flatten(0, 1)).view(*inputs.shape[:2], -1)
        if self.cash_score is None:
            return scores
        return torch.cat([self.cash_score(inputs.mean(dim=1))[:, None], scores], dim=1)

    def infer(self, market: Tensor, weight: Tensor, state: Tensor) -> Tensor:
        """Return outputs (days, num_envs, action_dim, outputs) of states (days, num_envs, …)."""
        hidden = self.first_layer(market, weight, state)
        scores = after_first(self.scores, hidden.flatten(0, 2)).view(*hidden.shape[:3], -1)
        if self.cash_score is None:
            return scores
        cash: Tensor = self.cash_score(self.inputs(state.flatten(0, 1)).mean(dim=1))
        return torch.cat([cash.view(*scores.shape[:2], 1, -1), scores], dim=2)


class SharedCritic(_Shared):
    """Critic of the architecture ``shared``: it pools over the tickers."""

    def __init__(self, shape: NetworkShape):
        super().__init__(shape)
        width = max(8, shape.net_dims[0] // SHARED_WIDTH_DIVISOR)
        self.embedding = nn.Sequential(nn.Linear(self.width, width), nn.ReLU(inplace=True))
        self.value = perceptron([width, *shape.net_dims[1:], 1])
        layer_init_with_orthogonal(self.value[-1], std=0.5)

    def entry(self) -> nn.Linear:
        """Return the first layer."""
        return first_linear(self.embedding)

    def forward(self, state: Tensor) -> Tensor:
        """Return values, (batch,)."""
        return self.evaluate(self.inputs(state))

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return values, (batch,)."""
        hidden = self.embedding(inputs.flatten(0, 1)).view(*inputs.shape[:2], -1)
        value: Tensor = self.value(hidden.mean(dim=1))
        return value.squeeze(1)

    def infer(self, market: Tensor, weight: Tensor, state: Tensor) -> Tensor:
        """Return values (days, num_envs) of states (days, num_envs, …)."""
        value: Tensor = self.value(self.first_layer(market, weight, state).mean(dim=2))
        return value.squeeze(2)


class SharedQ(_Shared):
    """Values of state and action for the architecture ``shared``: each ticker's row beside its action, then pooled."""

    def __init__(self, shape: NetworkShape, action_dim: int):
        super().__init__(shape)
        width, hidden = (max(8, width // SHARED_WIDTH_DIVISOR) for width in shape.net_dims[:2])
        self.has_cash = action_dim > shape.tickers
        self.embedding = perceptron([self.width + 1 + self.has_cash, width, hidden])
        self.value = perceptron([hidden, hidden, 1])
        layer_init_with_orthogonal(self.value[-1], std=0.5)

    def entry(self) -> nn.Linear:
        """Return the first layer."""
        return first_linear(self.embedding)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Return values, (batch,)."""
        return self.evaluate(self.joined(self.inputs(state), action))

    def joined(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return what the first layer sees of states, (batch, …), and actions."""
        parts = [inputs, action[:, self.has_cash :, None]]
        if self.has_cash:
            parts.append(action[:, :1, None].expand(-1, self.shape.tickers, -1))
        return torch.cat(parts, dim=2)

    def evaluate(self, joined: Tensor) -> Tensor:
        """Return values, (batch,)."""
        hidden = torch.relu_(self.embedding(joined.flatten(0, 1))).view(*joined.shape[:2], -1)
        value: Tensor = self.value(hidden.mean(dim=1))
        return value.squeeze(1)

    def judge(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return values, (batch,): rows are so narrow that apart, as in ``FlatQ``, states and actions take longer."""
        return self.evaluate(self.joined(inputs, action))


class _Flat(MarketNetwork):
    def __init__(self, shape: NetworkShape, output_dim: int, gain: float, action_dim: int = 0):
        super().__init__(shape)
        width = shape.flat_features + shape.tickers + 1 + action_dim
        self.net = perceptron([width, *shape.net_dims, output_dim])
        layer_init_with_orthogonal(self.net[-1], std=gain)

    def tabulate(self, segment: Segment) -> Tensor:
        return torch.as_tensor(segment.flat_features)

    def inputs(self, state: Tensor) -> Tensor:
        """Return the plan's observation: cash, holdings, closes, indicators, turbulence and volatility."""
        portfolio = state[:, 1:] * self.shape.portfolio_scale
        return torch.cat([portfolio, self.table.index_select(0, state[:, 0].long())], dim=1)

    def entry(self) -> nn.Linear:
        """Return the first layer."""
        return first_linear(self.net)

    def market_part(self, days: Tensor) -> tuple[Tensor, Tensor]:
        """Return (days, hidden), and the weights (hidden, 1 + tickers) of cash and holdings."""
        entry, portfolio = self.entry(), self.shape.tickers + 1
        market = functional.linear(self.table[days], entry.weight[:, portfolio:], entry.bias)
        return market.detach(), entry.weight.detach()[:, :portfolio] * self.shape.portfolio_scale

    def first_layer(self, market: Tensor, weight: Tensor, state: Tensor) -> Tensor:
        """Return (days, num_envs, hidden)."""
        return functional.linear(state[:, :, 1:], weight).add_(market[:, None]).relu_()


class FlatActor(_Noise, _Flat):
    """Actor of the architecture ``flat``: elegantrl's MLP over all numbers."""

    def __init__(self, shape: NetworkShape, action_dim: int, noise: Noise = "free"):
        super().__init__(shape, action_dim * (2 if noise == "state" else 1), gain=0.1)
        self.action_dim = action_dim
        self.add_noise(noise, action_dim, shape.initial_log_std)

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return (batch, action_dim, outputs)."""
        output: Tensor = self.net(inputs)
        return output.view(len(inputs), self.action_dim, -1)

    def infer(self, market: Tensor, weight: Tensor, state: Tensor) -> Tensor:
        """Return outputs (days, num_envs, action_dim, outputs) of states (days, num_envs, …)."""
        output = after_first(self.net, self.first_layer(market, weight, state))
        return output.view(*state.shape[:2], self.action_dim, -1)


class FlatCritic(_Flat):
    """Critic of the architecture ``flat``."""

    def __init__(self, shape: NetworkShape):
        super().__init__(shape, 1, gain=0.5)

    def forward(self, state: Tensor) -> Tensor:
        """Return values, (batch,)."""
        return self.evaluate(self.inputs(state))

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return values, (batch,)."""
        value: Tensor = self.net(inputs)
        return value.squeeze(1)

    def infer(self, market: Tensor, weight: Tensor, state: Tensor) -> Tensor:
        """Return values (days, num_envs) of states (days, num_envs, …)."""
        return after_first(self.net, self.first_layer(market, weight, state)).squeeze(2)


class FlatQ(_Flat):
    """Values of state and action for the architecture ``flat``."""

    def __init__(self, shape: NetworkShape, action_dim: int):
        super().__init__(shape, 1, gain=0.5, action_dim=action_dim)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Return values, (batch,)."""
        return self.evaluate(self.joined(self.inputs(state), action))

    def joined(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return what the first layer sees of states, (batch, …), and actions."""
        return torch.cat([inputs, action], dim=1)

    def evaluate(self, joined: Tensor) -> Tensor:
        """Return values, (batch,)."""
        value: Tensor = self.net(joined)
        return value.squeeze(1)

    def judge(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return values, (batch,), whose gradient reaches the actions alone: a tenth of what the first layer sees."""
        entry, seen = self.entry(), inputs.shape[1]
        state_part = functional.linear(inputs, entry.weight[:, :seen], entry.bias)
        hidden = torch.addmm(state_part, action, entry.weight[:, seen:].t()).relu_()
        return after_first(self.net, hidden).squeeze(1)


class Ensemble(nn.Module):
    """Independent networks of values of state and action."""

    def __init__(self, members: Sequence[SharedQ | FlatQ]):
        super().__init__()
        self.members = nn.ModuleList(members)

    def _networks(self) -> list[SharedQ | FlatQ]:
        return [member for member in self.members if isinstance(member, SharedQ | FlatQ)]

    def show(self, segment: Segment) -> None:
        """Take the window whose day 0 is the day 0 of the states to come."""
        for member in self._networks():
            member.show(segment)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Return values, (members, batch)."""
        return self.evaluate(self._networks()[0].inputs(state), action)

    def evaluate(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return values, (members, batch), of what the first layers see of states, and actions."""
        networks = self._networks()
        joined = networks[0].joined(inputs, action)
        return torch.stack([network.evaluate(joined) for network in networks])

    def judge(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return the values of ``evaluate`` for an actor to climb: their gradient needs to reach the actions alone."""
        return torch.stack([network.judge(inputs, action) for network in self._networks()])


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _add_portfolios(market: Floats, weight: Floats, state: Floats, hidden: Floats) -> None:
    """Do what ``_Shared.first_layer`` does elsewhere, in one pass: what goes through a core's cache counts here."""
    days, envs, tickers, width = hidden.shape
    cash_part, clip = np.empty(width, np.float32), np.float32(HOLDING_CLIP)
    for day in range(days):
        for env in range(envs):
            portfolio = state[day, env]
            cash = portfolio[1] * np.float32(2) - np.float32(1)
            for unit in range(width):
                cash_part[unit] = cash * weight[0, unit]
            for ticker in range(tickers):
                holding = portfolio[ticker + 2] * np.float32(tickers) - np.float32(1)
                holding = min(max(holding, -clip), clip)
                seen, out, own = market[day, ticker], hidden[day, env, ticker], weight[1]
                for unit in range(width):
                    out[unit] = max(seen[unit] + cash_part[unit] + holding * own[unit], np.float32(0))

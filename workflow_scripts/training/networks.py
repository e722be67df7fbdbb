"""Policy and value networks that look the market up by day.

A state holds the day, the cash and the holdings of a portfolio (see trading_env.py); a network owns no market: the
tables of the window on which it trains or is evaluated are set by ``show``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from elegantrl.agents.net import build_mlp, layer_init_with_orthogonal
from torch import Tensor, nn

from workflow_scripts.data.folds import Segment

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

    """

    tickers: int
    ticker_features: int
    market_features: int
    flat_features: int
    net_dims: tuple[int, ...]
    initial_log_std: float

    @classmethod
    def of(cls, segment: Segment, net_dims: tuple[int, ...], initial_log_std: float) -> "NetworkShape":
        """Return the shape that fits a segment."""
        return cls(
            tickers=segment.ticker_features.shape[1],
            ticker_features=segment.ticker_features.shape[2],
            market_features=segment.market_features.shape[1],
            flat_features=segment.flat_features.shape[1],
            net_dims=net_dims,
            initial_log_std=initial_log_std,
        )


class MarketNetwork(nn.Module):
    """A network that is shown one market window at a time."""

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


class _Shared(MarketNetwork):
    """Rows of one ticker: its features, the market's, the cash and its own holding."""

    def __init__(self, shape: NetworkShape):
        super().__init__(shape)
        self.width = shape.ticker_features + shape.market_features + 2

    def tabulate(self, segment: Segment) -> Tensor:
        market = torch.as_tensor(segment.market_features)[:, None].expand(-1, self.shape.tickers, -1)
        return torch.cat([torch.as_tensor(segment.ticker_features), market], dim=2)

    def rows(self, state: Tensor) -> Tensor:
        """Return (batch, tickers, width) inputs of the scorer."""
        seen = self.table[state[:, 0].long()]
        cash = (state[:, 1:2] * 2 - 1)[:, :, None].expand(-1, self.shape.tickers, -1)
        holding = (state[:, 2:, None] * self.shape.tickers - 1).clamp(-HOLDING_CLIP, HOLDING_CLIP)
        return torch.cat([seen, cash, holding], dim=2)

    def scorer(self, dims: Sequence[int]) -> nn.Sequential:
        """Return the layers that every ticker shares.

        They run once a ticker, so that they are a quarter as wide as ``net_dims`` says.
        """
        net: nn.Sequential = build_mlp(dims=[self.width, *dims])
        return net


class _Noise(nn.Module):
    """The logarithm of an actor's standard deviation, where the network has one."""

    def add_noise(self, noise: Noise, action_dim: int, initial_log_std: float) -> None:
        self.initial_log_std = initial_log_std
        if noise == "free":
            self.action_std_log = nn.Parameter(torch.full((1, action_dim), initial_log_std))

    def outputs(self, state: Tensor) -> Tensor:
        """Return (batch, action_dim, outputs): the mean action, and its noise where the state decides it."""
        raise NotImplementedError

    def forward(self, state: Tensor) -> Tensor:
        """Return the mean action, (batch, action_dim)."""
        return self.outputs(state)[:, :, 0]

    def mean_and_log_std(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation of the action, (batch, action_dim) each."""
        mean, log_std = self.outputs(state).unbind(dim=2)
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

    def outputs(self, state: Tensor) -> Tensor:
        """Return (batch, action_dim, outputs)."""
        rows = self.rows(state)
        scores: Tensor = self.scores(rows)
        if self.cash_score is None:
            return scores
        return torch.cat([self.cash_score(rows.mean(dim=1))[:, None], scores], dim=1)


class SharedCritic(_Shared):
    """Critic of the architecture ``shared``: it pools over the tickers."""

    def __init__(self, shape: NetworkShape):
        super().__init__(shape)
        width = max(8, shape.net_dims[0] // SHARED_WIDTH_DIVISOR)
        self.embedding = nn.Sequential(nn.Linear(self.width, width), nn.ReLU())
        self.value = build_mlp(dims=[width, *shape.net_dims[1:], 1])
        layer_init_with_orthogonal(self.value[-1], std=0.5)

    def forward(self, state: Tensor) -> Tensor:
        """Return values, (batch,)."""
        value: Tensor = self.value(self.embedding(self.rows(state)).mean(dim=1))
        return value.squeeze(1)


class SharedQ(_Shared):
    """Values of state and action for the architecture ``shared``: each ticker's row beside its action, then pooled."""

    def __init__(self, shape: NetworkShape, action_dim: int):
        super().__init__(shape)
        width, hidden = (max(8, width // SHARED_WIDTH_DIVISOR) for width in shape.net_dims[:2])
        self.has_cash = action_dim > shape.tickers
        self.embedding = build_mlp(dims=[self.width + 1 + self.has_cash, width, hidden])
        self.value = build_mlp(dims=[hidden, hidden, 1])
        layer_init_with_orthogonal(self.value[-1], std=0.5)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Return values, (batch,)."""
        parts = [self.rows(state), action[:, self.has_cash :, None]]
        if self.has_cash:
            parts.append(action[:, :1, None].expand(-1, self.shape.tickers, -1))
        value: Tensor = self.value(torch.relu(self.embedding(torch.cat(parts, dim=2))).mean(dim=1))
        return value.squeeze(1)


class _Flat(MarketNetwork):
    def __init__(self, shape: NetworkShape, output_dim: int, gain: float, action_dim: int = 0):
        super().__init__(shape)
        width = shape.flat_features + shape.tickers + 1 + action_dim
        self.net = build_mlp(dims=[width, *shape.net_dims, output_dim])
        layer_init_with_orthogonal(self.net[-1], std=gain)

    def tabulate(self, segment: Segment) -> Tensor:
        return torch.as_tensor(segment.flat_features)

    def observation(self, state: Tensor) -> Tensor:
        """Return the plan's observation: cash, holdings, closes, indicators, turbulence and volatility."""
        return torch.cat([state[:, 1:], self.table[state[:, 0].long()]], dim=1)


class FlatActor(_Noise, _Flat):
    """Actor of the architecture ``flat``: elegantrl's MLP over all numbers."""

    def __init__(self, shape: NetworkShape, action_dim: int, noise: Noise = "free"):
        super().__init__(shape, action_dim * (2 if noise == "state" else 1), gain=0.1)
        self.action_dim = action_dim
        self.add_noise(noise, action_dim, shape.initial_log_std)

    def outputs(self, state: Tensor) -> Tensor:
        """Return (batch, action_dim, outputs)."""
        output: Tensor = self.net(self.observation(state))
        return output.view(len(state), self.action_dim, -1)


class FlatCritic(_Flat):
    """Critic of the architecture ``flat``."""

    def __init__(self, shape: NetworkShape):
        super().__init__(shape, 1, gain=0.5)

    def forward(self, state: Tensor) -> Tensor:
        """Return values, (batch,)."""
        value: Tensor = self.net(self.observation(state))
        return value.squeeze(1)


class FlatQ(_Flat):
    """Values of state and action for the architecture ``flat``."""

    def __init__(self, shape: NetworkShape, action_dim: int):
        super().__init__(shape, 1, gain=0.5, action_dim=action_dim)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Return values, (batch,)."""
        value: Tensor = self.net(torch.cat([self.observation(state), action], dim=1))
        return value.squeeze(1)


class Ensemble(nn.Module):
    """Independent networks of values of state and action."""

    def __init__(self, members: Sequence[SharedQ | FlatQ]):
        super().__init__()
        self.members = nn.ModuleList(members)

    def show(self, segment: Segment) -> None:
        """Take the window whose day 0 is the day 0 of the states to come."""
        for member in self.members:
            assert isinstance(member, SharedQ | FlatQ)
            member.show(segment)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Return values, (members, batch)."""
        return torch.stack([member(state, action) for member in self.members])

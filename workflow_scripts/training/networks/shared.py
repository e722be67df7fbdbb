"""The architecture ``shared``: one scorer for every ticker, which reads a row per ticker."""

from typing import Any

import numba
import numpy as np
import torch
from elegantrl.agents.net import layer_init_with_orthogonal
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.networks.market import (
    ActionValueNetwork,
    ActorNetwork,
    MarketNetwork,
    Rollout,
    after_first,
    first_layer,
    perceptron,
)
from workflow_scripts.training.networks.shape import NetworkShape

Floats = NDArray[np.float32]
HOLDING_CLIP = 5.0


class _Shared(MarketNetwork):
    architecture = "shared"
    of_portfolio = 2

    def tabulate(self, segment: Segment) -> Tensor:
        """Return (days, tickers, width) with room for the cash and the holding."""
        market = torch.as_tensor(segment.market_features)[:, None].expand(-1, self.shape.tickers, -1)
        ticker = torch.as_tensor(segment.ticker_features)
        return torch.cat([ticker, market, torch.zeros(*ticker.shape[:2], 2)], dim=2)

    def inputs(self, state: Tensor) -> Tensor:
        """Return (batch, tickers, width) inputs of the scorer."""
        rows = self.table.index_select(0, state[:, 0].long())
        rows[:, :, -2] = state[:, 1:2] * 2 - 1
        rows[:, :, -1] = scaled(state[:, 2:])
        return rows

    def first_outputs(self, entry: nn.Linear, days: Tensor) -> Rollout:
        """Return a function of these days' states: what the first layer makes of them, (days, num_envs, tickers, …)."""
        market = functional.linear(self.table[days], entry.weight, entry.bias).detach()
        weight = entry.weight.detach()[:, -2:].t().contiguous()  # of cash and holding
        add = add_portfolios if market.device.type == "cpu" else add_portfolios_by_torch
        return lambda part, state: add(market[part], weight, state)


class Actor(ActorNetwork, _Shared):
    """One scorer for every ticker, and for cash the mean ticker's."""

    def build(self) -> None:
        """Make the layers."""
        self.scores = perceptron([self.widths.inputs, *self.widths.hidden, self.outputs_per_action], self.shape.dropout)
        layer_init_with_orthogonal(self.scores[-1], std=0.1)
        has_cash = self.action_dim > self.shape.tickers
        self.cash_score = nn.Linear(self.widths.inputs, self.outputs_per_action) if has_cash else None
        if self.cash_score is not None:
            layer_init_with_orthogonal(self.cash_score, std=0.1)

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return (batch, action_dim, outputs)."""
        scores: Tensor = self.scores(inputs.flatten(0, 1)).view(*inputs.shape[:2], -1)
        if self.cash_score is None:
            return scores
        return torch.cat([self.cash_score(inputs.mean(dim=1))[:, None], scores], dim=1)

    def rollout(self, days: Tensor) -> Rollout:
        """Return a function of these days' states: outputs (days, num_envs, action_dim, outputs)."""
        first = self.first_outputs(first_layer(self.scores), days)

        def infer(part: slice, state: Tensor) -> Tensor:
            hidden = first(part, state)
            scores = after_first(self.scores, hidden.flatten(0, 2)).view(*hidden.shape[:3], -1)
            if self.cash_score is None:
                return scores
            cash: Tensor = self.cash_score(self.inputs(state.flatten(0, 1)).mean(dim=1))
            return torch.cat([cash.view(*scores.shape[:2], 1, -1), scores], dim=2)

        return infer


class Critic(_Shared):
    """Values of states: it pools over the tickers."""

    def __init__(self, shape: NetworkShape):
        super().__init__(shape)
        width = self.widths.hidden[0]
        self.embedding = nn.Sequential(nn.Linear(self.widths.inputs, width))
        self.value = perceptron([width, *shape.net_dims[1:], 1], shape.dropout)
        layer_init_with_orthogonal(self.value[-1], std=0.5)

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return values, (batch,)."""
        value: Tensor = self.value(pooled(self.embedding(inputs.flatten(0, 1)).view(*inputs.shape[:2], -1)))
        return value.squeeze(1)

    def rollout(self, days: Tensor) -> Rollout:
        """Return a function of these days' states: values (days, num_envs)."""
        first = self.first_outputs(first_layer(self.embedding), days)
        return lambda part, state: self.value(first(part, state).mean(dim=2)).squeeze(2)


class ActionValue(ActionValueNetwork, _Shared):
    """Values of state and action: each ticker's row beside its action, then pooled.

    Its rows are so narrow that apart, as in the flat one, states and actions take longer.
    """

    def __init__(self, shape: NetworkShape, action_dim: int):
        super().__init__(shape)
        width, hidden = self.widths.hidden[:2]
        self.has_cash = action_dim > shape.tickers
        self.embedding = perceptron([self.widths.inputs + 1 + self.has_cash, width, hidden], shape.dropout)
        self.value = perceptron([hidden, hidden, 1], shape.dropout)
        layer_init_with_orthogonal(self.value[-1], std=0.5)

    def joined(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return what the first layer sees of states, (batch, …), and actions."""
        parts = [inputs, action[:, self.has_cash :, None]]
        if self.has_cash:
            parts.append(action[:, :1, None].expand(-1, self.shape.tickers, -1))
        return torch.cat(parts, dim=2)

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return values, (batch,)."""
        value: Tensor = self.value(pooled(self.embedding(inputs.flatten(0, 1)).view(*inputs.shape[:2], -1)))
        return value.squeeze(1)


class _Pool(torch.autograd.Function):
    """The mean over the tickers of what a rectifier lets through.

    To the bit what relu_ and mean do one after the other. But it needs a quarter of the time to go back: the gradient
    of the mean, which is the same for all tickers, is not written out, and that of the rectifier takes the place of
    what it has let through.
    """

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        passed = values.relu_()
        context.save_for_backward(passed)
        return passed.mean(dim=1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        (passed,) = context.saved_tensors
        even = (gradients[0] / passed.shape[1])[:, None].expand_as(passed)
        below: Tensor = torch.ops.aten.threshold_backward.grad_input(even, passed, 0, grad_input=passed)
        return below


def pooled(values: Tensor) -> Tensor:
    """Return the mean over the tickers (batch, width) of rectified values (batch, tickers, width), written over."""
    mean: Tensor = _Pool.apply(values)  # type: ignore[no-untyped-call]
    return mean


def scaled(holdings: Tensor) -> Tensor:
    """Return holdings so that 0 is a ticker's even share."""
    return (holdings * holdings.shape[-1] - 1).clamp(-HOLDING_CLIP, HOLDING_CLIP)


def add_portfolios(market: Tensor, weight: Tensor, state: Tensor) -> Tensor:
    """Return the first layer's outputs (days, num_envs, tickers, hidden) on a CPU.

    Args:
        market: (days, tickers, hidden) its sums over the market's numbers, bias included.
        weight: (2, hidden) its weights of cash and holding.
        state: (days, num_envs, 2 + tickers) the states.

    """
    hidden = torch.empty(*state.shape[:2], *market.shape[1:])
    _add_portfolios(market.numpy(), weight.numpy(), state.numpy(), hidden.numpy())
    return hidden


def add_portfolios_by_torch(market: Tensor, weight: Tensor, state: Tensor) -> Tensor:
    """Return what ``add_portfolios`` does, on any device."""
    cash = (state[:, :, 1, None] * 2 - 1) * weight[0]
    hidden = market[:, None] + cash[:, :, None]
    return hidden.addcmul_(scaled(state[:, :, 2:])[..., None], weight[1]).relu_()


@numba.njit(cache=True, fastmath=False)  # type: ignore[untyped-decorator]
def _add_portfolios(market: Floats, weight: Floats, state: Floats, hidden: Floats) -> None:
    """Add in one pass: what goes through a core's cache counts here."""
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

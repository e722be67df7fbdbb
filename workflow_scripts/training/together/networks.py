"""The networks of several runs as one: a product of matrices per layer for all of them.

They do what networks/shared.py and networks/flat.py do, with one more dimension in front: states are (runs, batch, …),
and each run looks its days up in a table of its own.
"""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from workflow_scripts.training.networks.market import ActorNetwork, Ensemble, MarketNetwork
from workflow_scripts.training.networks.shared import pooled, scaled

Weights = Mapping[str, Tensor]


class Perceptron:
    """Linear layers with rectifiers between them, of each run its own."""

    def __init__(self, weights: Weights, name: str, bfloat16: bool):
        self.bfloat16 = bfloat16
        self.layers = [
            (weight, weights[layer.removesuffix("weight") + "bias"])
            for layer, weight in weights.items()
            if layer.startswith(f"{name}.") and layer.endswith("weight")
        ]

    def __call__(self, rows: Tensor, first: int = 0) -> Tensor:
        """Return the outputs (runs, rows, …) of rows (runs, rows, …), which enter at the layer ``first``."""
        for place, (weight, bias) in enumerate(self.layers[first:], first + 1):
            rows = self.linear(rows, weight, bias)
            if place < len(self.layers):
                rows = rows.relu_()
        return rows

    def linear(self, rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return what a layer makes of rows; in bfloat16 what it hands on is float32 all the same."""
        if self.bfloat16:
            rows, weight, bias = rows.bfloat16(), weight.bfloat16(), bias.bfloat16()
        return torch.baddbmm(bias[:, None], rows, weight.transpose(1, 2)).float()


class StackedNetwork:
    """Networks of one kind that are shown markets of their own, (runs, days, …).

    Args:
        network: one of them, for its sizes.
        weights: of all of them, (runs, …), by its names.
        table: what ``tabulate`` returned for each, padded to the longest.
        bfloat16: whether layers multiply in bfloat16.

    """

    def __init__(self, network: MarketNetwork, weights: Weights, table: Tensor, bfloat16: bool = False):
        self.network, self.weights, self.table, self.bfloat16 = network, weights, table, bfloat16
        self.shape = network.shape
        self.runs = torch.arange(len(table), device=table.device)[:, None]
        self.build()

    def build(self) -> None:
        """Take the layers."""
        raise NotImplementedError

    def perceptron(self, name: str) -> Perceptron:
        """Return the layers that have a name."""
        return Perceptron(self.weights, name, self.bfloat16)

    def of_days(self, days: Tensor) -> Tensor:
        """Return what runs see on days (runs, n) of their own: (runs, n, …)."""
        return self.table[self.runs, days]

    def inputs(self, state: Tensor) -> Tensor:
        """Return what the first layers see of states (runs, batch, 2 + tickers)."""
        raise NotImplementedError

    def joined(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return what the first layers of values of actions see."""
        raise NotImplementedError

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return outputs (runs, batch, …) of what the first layers see."""
        raise NotImplementedError

    def rollout(self, state: Tensor) -> Tensor:
        """Return outputs (runs, days, num_envs, …) of states (runs, days, num_envs, 2 + tickers).

        All portfolios of a run are on the same day of it, so that the market is added up once a day.
        """
        raise NotImplementedError


class _Shared(StackedNetwork):
    def inputs(self, state: Tensor) -> Tensor:
        """Return what the first layers see of states."""
        rows = self.of_days(state[:, :, 0].long())
        rows[..., -2] = state[..., 1:2] * 2 - 1
        rows[..., -1] = scaled(state[..., 2:])
        return rows

    def first_outputs(self, layers: Perceptron, state: Tensor) -> Tensor:
        """Return (runs, days, num_envs, tickers, hidden)."""
        weight, bias = (part.detach() for part in layers.layers[0])
        market = self.of_days(state[:, :, 0, 0].long())
        seen = torch.baddbmm(bias[:, None], market.flatten(1, 2), weight.transpose(1, 2))
        of_cash, of_holding = (weight[:, None, None, :, place] for place in (-2, -1))
        cash = (state[..., 1, None] * 2 - 1) * of_cash
        hidden = seen.view(*market.shape[:3], -1)[:, :, None] + cash[..., None, :]
        return hidden.addcmul_(scaled(state[..., 2:])[..., None], of_holding[:, :, :, None]).relu_()

    def pooled_value(self, inputs: Tensor) -> Tensor:
        """Return values (runs, batch): the first layers' outputs, pooled over the tickers, and the others'."""
        runs, batch, tickers = inputs.shape[:3]
        embedded = self.embedding(inputs.flatten(1, 2))
        return self.value(pooled(embedded.view(runs * batch, tickers, -1)).view(runs, batch, -1)).squeeze(2)

    def take_pooled(self) -> None:
        """Take the layers before and after the pool."""
        self.embedding, self.value = self.perceptron("embedding"), self.perceptron("value")


class SharedActor(_Shared):
    """Policies."""

    def build(self) -> None:
        """Take the layers."""
        self.scores, self.has_cash = self.perceptron("scores"), "cash_score.weight" in self.weights

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return (runs, batch, action_dim, outputs)."""
        scores = self.scores(inputs.flatten(1, 2)).view(*inputs.shape[:3], -1)
        return torch.cat([self.of_cash(inputs)[:, :, None], scores], dim=2) if self.has_cash else scores

    def of_cash(self, inputs: Tensor) -> Tensor:
        """Return the outputs (runs, batch, outputs) for cash: those of the mean ticker."""
        weight, bias = self.weights["cash_score.weight"], self.weights["cash_score.bias"]
        return self.scores.linear(inputs.mean(dim=2), weight, bias)

    def rollout(self, state: Tensor) -> Tensor:
        """Return (runs, days, num_envs, action_dim, outputs)."""
        hidden = self.first_outputs(self.scores, state)
        scores = self.scores(hidden.flatten(1, 3), first=1).view(*hidden.shape[:4], -1)
        if not self.has_cash:
            return scores
        cash = self.of_cash(self.inputs(state.flatten(1, 2))).view(*scores.shape[:3], 1, -1)
        return torch.cat([cash, scores], dim=3)


class SharedCritic(_Shared):
    """Values of states."""

    def build(self) -> None:
        """Take the layers."""
        self.take_pooled()

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return values (runs, batch)."""
        return self.pooled_value(inputs)

    def rollout(self, state: Tensor) -> Tensor:
        """Return (runs, days, num_envs)."""
        hidden = self.first_outputs(self.embedding, state).mean(dim=3)
        return self.value(hidden.flatten(1, 2)).view(hidden.shape[:3])


class SharedActionValue(_Shared):
    """Values of state and action."""

    def build(self) -> None:
        """Take the layers."""
        self.take_pooled()
        self.has_cash = self.network.has_cash

    def joined(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return what the first layers see of states and actions."""
        parts = [inputs, action[:, :, self.has_cash :, None]]
        if self.has_cash:
            parts.append(action[:, :, :1, None].expand(-1, -1, self.shape.tickers, -1))
        return torch.cat(parts, dim=3)

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return values (runs, batch)."""
        return self.pooled_value(inputs)


class _Flat(StackedNetwork):
    def build(self) -> None:
        """Take the layers."""
        self.net = self.perceptron("net")

    def inputs(self, state: Tensor) -> Tensor:
        """Return what the first layers see of states."""
        portfolio = state[..., 1:] * self.shape.portfolio_scale
        return torch.cat([portfolio, self.of_days(state[..., 0].long())], dim=2)

    def joined(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return what the first layers see of states and actions."""
        return torch.cat([inputs, action], dim=2)

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return values (runs, batch)."""
        return self.shaped(self.net(inputs))

    def rollout(self, state: Tensor) -> Tensor:
        """Return outputs (runs, days, num_envs, …)."""
        runs, days, envs, _ = state.shape
        weight, bias = (part.detach() for part in self.net.layers[0])
        own, of_market = torch.split(weight.transpose(1, 2), [self.shape.tickers + 1, self.shape.flat_features], dim=1)
        market = torch.baddbmm(bias[:, None], self.of_days(state[:, :, 0, 0].long()), of_market)
        hidden = torch.bmm(state[..., 1:].reshape(runs, days * envs, -1), own * self.shape.portfolio_scale)
        hidden = hidden.view(runs, days, envs, -1).add_(market[:, :, None]).relu_()
        return self.shaped(self.net(hidden.flatten(1, 2), first=1).view(runs, days, envs, -1))

    def shaped(self, outputs: Tensor) -> Tensor:
        """Return the last layers' outputs as values, (…,)."""
        return outputs.squeeze(-1)


class FlatActor(_Flat):
    """Policies."""

    def shaped(self, outputs: Tensor) -> Tensor:
        """Return the last layers' outputs as (…, action_dim, outputs)."""
        return outputs.view(*outputs.shape[:-1], cast(ActorNetwork, self.network).action_dim, -1)


KINDS: dict[tuple[str, str], type[StackedNetwork]] = {
    ("shared", "Actor"): SharedActor,
    ("shared", "Critic"): SharedCritic,
    ("shared", "ActionValue"): SharedActionValue,
    ("flat", "Actor"): FlatActor,
    ("flat", "Critic"): _Flat,
    ("flat", "ActionValue"): _Flat,
}


def stacked_network(network: MarketNetwork, weights: Weights, table: Tensor, bfloat16: bool = False) -> StackedNetwork:
    """Return the networks of several runs as one; ``network`` is that of one run."""
    return KINDS[network.architecture, type(network).__name__](network, weights, table, bfloat16)


def stacked_ensemble(
    network: Ensemble, weights: Weights, table: Tensor, bfloat16: bool = False
) -> list[StackedNetwork]:
    """Return the members of several runs' ensembles, each as one network."""
    members: list[StackedNetwork] = []
    for place, member in enumerate(network.members):
        name = f"members.{place}."
        own = {key.removeprefix(name): weight for key, weight in weights.items() if key.startswith(name)}
        members.append(stacked_network(cast(MarketNetwork, member), own, table, bfloat16))
    return members

"""The architecture ``flat``: elegantrl's MLP over all numbers, cash and holdings first."""

import torch
from elegantrl.agents.net import layer_init_with_orthogonal
from torch import Tensor
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


class _Flat(MarketNetwork):
    architecture = "flat"

    def add_net(self, outputs: int, gain: float, action_dim: int = 0) -> None:
        """Make the layers."""
        self.net = perceptron([self.widths.inputs + action_dim, *self.widths.hidden, outputs], self.shape.dropout)
        layer_init_with_orthogonal(self.net[-1], std=gain)

    def tabulate(self, segment: Segment) -> Tensor:
        """Return closes, indicators, turbulence and volatility of each day."""
        return torch.as_tensor(segment.flat_features)

    def inputs(self, state: Tensor) -> Tensor:
        """Return cash, holdings, closes, indicators, turbulence and volatility."""
        portfolio = state[:, 1:] * self.shape.portfolio_scale
        return torch.cat([portfolio, self.table.index_select(0, state[:, 0].long())], dim=1)

    def rollout(self, days: Tensor) -> Rollout:
        """Return a function of these days' states: outputs (days, num_envs, …)."""
        entry, portfolio = first_layer(self.net), self.shape.tickers + 1
        market = functional.linear(self.table[days], entry.weight[:, portfolio:], entry.bias).detach()
        weight = entry.weight.detach()[:, :portfolio] * self.shape.portfolio_scale

        def infer(part: slice, state: Tensor) -> Tensor:
            hidden = functional.linear(state[:, :, 1:], weight).add_(market[part][:, None]).relu_()
            return self.shaped(after_first(self.net, hidden))

        return infer

    def shaped(self, outputs: Tensor) -> Tensor:
        """Return the last layer's outputs as values, (…,)."""
        return outputs.squeeze(-1)

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return values, (batch,)."""
        return self.shaped(self.net(inputs))


class Actor(ActorNetwork, _Flat):
    """A policy."""

    def build(self) -> None:
        """Make the layers."""
        self.add_net(self.action_dim * self.outputs_per_action, gain=0.1)

    def shaped(self, outputs: Tensor) -> Tensor:
        """Return the last layer's outputs as (…, action_dim, outputs)."""
        return outputs.view(*outputs.shape[:-1], self.action_dim, -1)

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return (batch, action_dim, outputs)."""
        return self.shaped(self.net(inputs))


class Critic(_Flat):
    """Values of states."""

    def __init__(self, shape: NetworkShape):
        super().__init__(shape)
        self.add_net(1, gain=0.5)


class ActionValue(ActionValueNetwork, _Flat):
    """Values of state and action."""

    def __init__(self, shape: NetworkShape, action_dim: int):
        super().__init__(shape)
        self.add_net(1, gain=0.5, action_dim=action_dim)

    def joined(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return what the first layer sees of states, (batch, …), and actions."""
        return torch.cat([inputs, action], dim=1)

    def judge(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return values, (batch,), whose gradient reaches the actions alone: a tenth of what the first layer sees."""
        entry, seen = first_layer(self.net), inputs.shape[1]
        state_part = functional.linear(inputs, entry.weight[:, :seen], entry.bias)
        hidden = torch.addmm(state_part, action, entry.weight[:, seen:].t()).relu_()
        return self.shaped(after_first(self.net, hidden))

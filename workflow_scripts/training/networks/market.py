"""What the networks of both architectures share.

A state holds the day, the cash and the holdings of a portfolio (see trading_env.py); a network owns no market: the
tables of the window on which it trains or is evaluated are set by ``show``.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import ClassVar, cast

import torch
from elegantrl.agents.net import build_mlp
from torch import Tensor, nn

from workflow_scripts.data.fold_files import Segment
from workflow_scripts.training.networks.shape import Architecture, NetworkShape, Noise

LOG_STD_RANGE = (-5.0, 1.0)
# From the days that ``rollout`` was told, a slice, and their states (days, num_envs, …).
Rollout = Callable[[slice, Tensor], Tensor]


class MarketNetwork(nn.Module):
    """A network that is shown one market window at a time, with two verbs.

    What it sees of the market is the same for all portfolios on a day. ``rollout`` is for weights that stay what they
    are, in a collection and in an evaluation: it adds the market up once per day, and then the portfolios to it.
    ``evaluate`` is for updates: it takes the ``inputs``, all numbers, of states of any days.

    Attributes:
        of_portfolio: numbers at the end of a row of ``tabulate``'s that a state fills in.

    """

    architecture: ClassVar[Architecture]
    of_portfolio: ClassVar[int] = 0

    def __init__(self, shape: NetworkShape):
        super().__init__()
        self.shape, self.widths = shape, shape.widths(self.architecture)
        self.table: Tensor
        self.register_buffer("table", torch.empty(0), persistent=False)

    def tabulate(self, segment: Segment) -> Tensor:
        """Return what networks of this architecture see of each day of a window, a row per day."""
        raise NotImplementedError

    def show(self, table: Tensor) -> None:
        """Take what ``tabulate`` returned of the window whose day 0 is the day 0 of the states to come."""
        self.table = table

    def inputs(self, state: Tensor) -> Tensor:
        """Return what the first layer sees of states, (batch, …)."""
        raise NotImplementedError

    def rollout(self, days: Tensor) -> Rollout:
        """Return a function of these days' states: outputs (days, num_envs, …)."""
        raise NotImplementedError

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return the outputs (batch, …) of what the first layer sees."""
        raise NotImplementedError

    def forward(self, state: Tensor) -> Tensor:
        """Return the outputs (batch, …) of states."""
        return self.evaluate(self.inputs(state))


class ActorNetwork(MarketNetwork):
    """A policy: ``rollout`` and ``outputs`` give (…, action_dim, outputs), the mean and maybe its noise."""

    def __init__(self, shape: NetworkShape, action_dim: int, noise: Noise = "free"):
        super().__init__(shape)
        self.action_dim, self.outputs_per_action = action_dim, 2 if noise == "state" else 1
        self.build()
        if noise == "free":
            self.action_std_log = nn.Parameter(torch.full((1, action_dim), shape.initial_log_std))

    def build(self) -> None:
        """Make the layers."""
        raise NotImplementedError

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return (batch, action_dim, outputs): the mean action, and its noise where the state decides it."""
        raise NotImplementedError

    def evaluate(self, inputs: Tensor) -> Tensor:
        """Return the mean action, (batch, action_dim)."""
        return self.outputs(inputs)[:, :, 0]

    def mean_and_log_std(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation of the action, (batch, action_dim) each."""
        mean, log_std = outputs.unbind(dim=2)
        return mean, (log_std + self.shape.initial_log_std).clamp(*LOG_STD_RANGE)


class ActionValueNetwork(MarketNetwork):
    """Values of state and action: for updates alone."""

    def joined(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return what the first layer sees of ``inputs`` and actions."""
        raise NotImplementedError

    def judge(self, inputs: Tensor, action: Tensor) -> Tensor:
        """Return values, (batch,), for an actor to climb: their gradient needs to reach the actions alone."""
        return self.evaluate(self.joined(inputs, action))


class Ensemble(nn.Module):
    """Independent networks of values of state and action."""

    def __init__(self, members: Sequence[ActionValueNetwork]):
        super().__init__()
        self.members = nn.ModuleList(members)

    def _networks(self) -> list[ActionValueNetwork]:
        return cast(list[ActionValueNetwork], list(self.members))

    def show(self, table: Tensor) -> None:
        """Take what ``tabulate`` returned of the window whose day 0 is the day 0 of the states to come."""
        for member in self._networks():
            member.show(table)

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


class DropoutReLU(nn.Module):
    """A rectifier and dropout after it (Srivastava et al. 2014), in updates alone: where gradients are recorded."""

    generator: torch.Generator | None = None

    def __init__(self, share: float):
        super().__init__()
        self.kept = 1 - share

    def forward(self, values: Tensor) -> Tensor:
        """Return what is let through."""
        passed = values.relu_()
        if not torch.is_grad_enabled():
            return passed
        return passed * torch.empty_like(passed).bernoulli_(self.kept, generator=self.generator).div_(self.kept)


def perceptron(dims: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """Return elegantrl's layers; a rectifier writes over what it reads, which nothing else needs."""
    activation = partial(DropoutReLU, dropout) if dropout else partial(nn.ReLU, inplace=True)
    net: nn.Sequential = build_mlp(dims=dims, activation=activation)
    return net


def first_layer(net: nn.Sequential) -> nn.Linear:
    """Return the first layer of a network."""
    return cast(nn.Linear, net[0])


def after_first(net: nn.Sequential, hidden: Tensor) -> Tensor:
    """Return a network's outputs from those of its first layer and rectifier."""
    for layer in islice(net, 2, None):
        hidden = layer(hidden)
    return hidden

"""Layers as the kernels take them: the arrays in which torch keeps weights and gradients."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from workflow_scripts.training.learners.adamw import AdamW

Arrays = tuple[Any, ...]


def weights_of(layers: Iterable[nn.Linear]) -> list[Tensor]:
    """Return layers' weights and biases, in turn."""
    return [weight for layer in layers for weight in (layer.weight, layer.bias)]


def arrays(weights: Iterable[Tensor]) -> Arrays:
    """Return the arrays of weights."""
    return tuple(weight.detach().numpy() for weight in weights)


def gradients(weights: Iterable[Tensor]) -> Arrays:
    """Return the arrays of their gradients."""
    return tuple(weight.grad.numpy() for weight in weights if weight.grad is not None)


def optimizer_arrays(optimizer: AdamW) -> Arrays:
    """Return what a step of an optimizer reads and writes."""
    names = ("weights", "gradient", "first_moment", "second_moment", "steps")
    return tuple(getattr(optimizer, name).numpy() for name in names)


def rates(optimizer: AdamW) -> tuple[float, float]:
    """Return learning rate and weight decay of an optimizer's next step."""
    return optimizer.lr, optimizer.weight_decay


def empty(*shapes: tuple[int, ...]) -> Arrays:
    """Return work arrays; torch aligns them with cache lines, on which the last bits of a product depend."""
    return tuple(torch.empty(shape).numpy() for shape in shapes)


def layers_for(weights: Arrays, batch: int) -> Arrays:
    """Return work arrays of both hidden layers and the outputs of three layers' weights and biases."""
    return empty(*((batch, len(bias)) for bias in weights[1:6:2]))


def market_part(entry: nn.Linear, table: Tensor, days: Tensor) -> Arrays:
    """Return a first layer's sums (days, tickers, width) over the market's numbers, and its weights of the others."""
    with torch.no_grad():
        market = functional.linear(table[days], entry.weight, entry.bias)
        return market.numpy(), entry.weight[:, -2:].t().contiguous().numpy()

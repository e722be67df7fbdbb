"""What several runs have, as rows of one tensor: a run knows its own row, and one operation reaches all."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from workflow_scripts.training.learners.adamw import BETAS, EPSILON, AdamW, become_views


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Return (runs, …) of tensors; those of fewer days than the longest end in zeros, which nobody looks up."""
    longest = max(len(tensor) for tensor in tensors)
    rows = torch.zeros(len(tensors), longest, *tensors[0].shape[1:], dtype=tensors[0].dtype, device=tensors[0].device)
    for row, tensor in zip(rows, tensors, strict=True):
        row[: len(tensor)] = tensor
    return rows


def draw_in_turn(numbers: Tensor, generator: torch.Generator, uniform: bool) -> None:
    """Fill (steps, …) with numbers within [-1, 1], or normal ones: on a CPU a step's after the other, as one run does.

    There as many at once would be other numbers. Elsewhere a call for each step would take longer than its numbers.
    """
    for part in numbers if numbers.device.type == "cpu" else [numbers]:
        if uniform:
            part.uniform_(-1, 1, generator=generator)
        else:
            part.normal_(generator=generator)


def stacked_weights(networks: Sequence[nn.Module]) -> Tensor:
    """Return the weights (runs, numbers) of networks of one kind, which are views of it from here on."""
    weights = [list(network.parameters()) for network in networks]
    rows = torch.stack([torch.cat([weight.detach().flatten() for weight in each]) for each in weights])
    for each, row in zip(weights, rows, strict=True):
        become_views(each, row)
    return rows


def named(rows: Tensor, network: nn.Module) -> dict[str, Tensor]:
    """Return the weights (runs, …) in (runs, numbers) of networks like this one, by their names."""
    weights = dict(network.named_parameters())
    parts = torch.split(rows, [weight.numel() for weight in weights.values()], dim=1)
    return {
        name: part.view(len(rows), *weight.shape) for (name, weight), part in zip(weights.items(), parts, strict=True)
    }


class StackedAdamW:
    """Several runs' AdamW as one: each run has its own step size, decay, moments and norm of the gradient.

    Attributes:
        weights: (runs, numbers); the networks' weights, and what the runs' own optimizers hold, are views of it.
        leaves: the weights (runs, …) in the order of the optimizers' parameters, to which gradients flow.

    """

    def __init__(self, optimizers: Sequence[AdamW]):
        self.optimizers = optimizers
        for name in ("weights", "first_moment", "second_moment", "steps"):
            rows = torch.stack([getattr(optimizer, name) for optimizer in optimizers])
            setattr(self, name, rows)
            for optimizer, row in zip(optimizers, rows, strict=True):
                setattr(optimizer, name, row)
        self.weights: Tensor
        self.first_moment: Tensor
        self.second_moment: Tensor
        self.steps: Tensor
        for optimizer in optimizers:
            become_views(optimizer.params, optimizer.weights)
        sizes = [weight.numel() for weight in optimizers[0].params]
        self.leaves = [
            part.view(len(self.weights), *weight.shape).detach().requires_grad_()
            for weight, part in zip(optimizers[0].params, self.weights.split(sizes, dim=1), strict=True)
        ]
        self.rates, self.decays = (torch.zeros(len(optimizers), 1, device=self.weights.device) for _ in range(2))
        self.refresh()

    def refresh(self) -> None:
        """Take the runs' step sizes and decays as they now are."""
        self.rates.copy_(torch.tensor([[optimizer.lr] for optimizer in self.optimizers]))
        self.decays.copy_(torch.tensor([[optimizer.weight_decay] for optimizer in self.optimizers]))

    def minimise(self, objectives: Tensor, max_norm: float = math.inf) -> None:
        """Make a step of each run down its own objective (runs,); a gradient longer than ``max_norm`` is scaled down.

        No weight of a run is in another one's objective, so that the gradient of their sum is each one's own.
        """
        parts = torch.autograd.grad(objectives.sum(), self.leaves)
        self.step(torch.cat([part.flatten(1) for part in parts], dim=1), max_norm)

    @torch.no_grad()
    def step(self, gradient: Tensor, max_norm: float) -> None:
        """Do to each row what torch's fused AdamW does, down a gradient (runs, numbers)."""
        if max_norm < math.inf:
            norms = gradient.norm(dim=1, keepdim=True)
            gradient.mul_((max_norm / (norms + 1e-6)).clamp(max=1))
        self.steps += 1
        first, second = (1 - beta ** self.steps[:, None] for beta in BETAS)
        self.weights.mul_(1 - self.rates * self.decays)
        self.first_moment.lerp_(gradient, 1 - BETAS[0])
        self.second_moment.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        deviation = (self.second_moment.sqrt() / second.sqrt()).add_(EPSILON)
        self.weights.sub_(self.first_moment / deviation * (self.rates / first))

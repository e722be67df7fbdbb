"""AdamW on a network as one vector."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8
WEIGHT_DECAY = 0.01


class AdamW:
    """torch.optim.AdamW (Loshchilov & Hutter 2019) for a network's weights as one vector; moments by its defaults.

    The weights become views of one vector, and so do their gradients. So a step is one call of the kernel that torch's
    own calls for ``fused=True``, the gradient's norm is one reduction, and a target network follows in one operation.
    torch.optim cannot have it: constructing any of its optimizers imports torch._dynamo, a second of every run.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, weight_decay: float = WEIGHT_DECAY):
        self.params = list(params)
        self.lr, self.weight_decay = lr, weight_decay
        first = self.params[0]
        self.weights = as_one_vector(self.params)
        self.gradient = torch.zeros_like(self.weights)
        self.first_moment, self.second_moment = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self.steps = torch.zeros((), device=first.device)
        parts = torch.split(self.gradient, [weight.numel() for weight in self.params])
        for weight, part in zip(self.params, parts, strict=True):
            weight.grad = part.view_as(weight)

    def minimise(self, objective: Tensor, max_norm: float = math.inf) -> None:
        """Make one step down an objective's gradient, which is scaled down to ``max_norm`` where it is longer."""
        self.gradient.zero_()
        objective.backward()  # type: ignore[no-untyped-call]
        self.step(max_norm)

    @torch.no_grad()
    def step(self, max_norm: float = math.inf) -> None:
        """Make one step down ``gradient``, which is scaled down to ``max_norm`` where it is longer."""
        if max_norm < math.inf:
            self.gradient.mul_((max_norm / (self.gradient.norm() + 1e-6)).clamp(max=1))
        self.steps += 1
        torch._fused_adamw_(
            [self.weights],
            [self.gradient],
            [self.first_moment],
            [self.second_moment],
            [],
            [self.steps],
            lr=self.lr,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=self.weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what further steps depend on, the weights aside."""
        names = ("first_moment", "second_moment", "steps")
        return {"lr": self.lr, **{name: getattr(self, name).clone() for name in names}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state_dict`` returned."""
        self.lr = state["lr"]
        for name in ("first_moment", "second_moment", "steps"):
            getattr(self, name).copy_(state[name])


def as_one_vector(params: Sequence[Tensor]) -> Tensor:
    """Return a vector of which weights are views from here on."""
    vector = torch.cat([weight.detach().flatten() for weight in params])
    become_views(params, vector)
    return vector


def become_views(params: Sequence[Tensor], vector: Tensor) -> None:
    """Make weights views of a vector that has their values."""
    for weight, part in zip(params, torch.split(vector, [weight.numel() for weight in params]), strict=True):
        weight.data = part.view_as(weight)

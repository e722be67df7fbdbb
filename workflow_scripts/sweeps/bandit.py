"""PB2's bandit: what a Gaussian process over the rounds so far expects of the next interval of training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ConfigSpace.hyperparameters import Hyperparameter
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from workflow_scripts.sweeps.history import Score
from workflow_scripts.sweeps.optimizers.base import Request
from workflow_scripts.sweeps.populations import Change, free_choices, free_numbers, perturbed

Floats = NDArray[np.float64]
SMALLEST_DATA = 4
LATEST_DATA = 400
CLIP = 2.0
JITTER = 1e-6
CANDIDATES, STARTS = 2000, 5


def expected_best(request: Request) -> Change:
    """Return PB2's change of a clone: its numbers by the bandit, its choices by PBT's rule.

    The members that stay and the clones chosen before count as already chosen for this interval.
    """
    space, numbers = request.space, free_numbers(request)
    bandit = Bandit.of(request) if numbers else None  # a space of choices alone is left to PBT's rule
    chosen: list[Floats] = []

    def change(parent: Score, staying: Sequence[Score], rng: np.random.Generator) -> dict[str, Any]:
        values = perturbed(request, parent, rng)
        if bandit is None:
            return values
        values = parent.configuration | {name: values[name] for name in free_choices(request)}
        pending = [_input(request, score.configuration, score, request.number) for score in staying]
        start = _input(request, values, parent, request.number)
        chosen.append(bandit.choose(start, np.asarray([*pending, *chosen]), rng))
        units = zip(numbers, chosen[-1][2:], strict=True)
        return values | {name: _plain(space[name], unit) for name, unit in units}

    return change


def _plain(entry: Hyperparameter, number: float) -> Any:
    value = entry.to_value(np.float64(min(max(number, 0.0), 1.0)))
    return getattr(value, "item", lambda: value)()


def _input(request: Request, configuration: dict[str, Any], before: Score, round_: int) -> Floats:
    """Return the bandit's input: the round, the score before its interval, and the free numbers in [0, 1]."""
    unit = [float(request.space[name].to_vector(configuration[name])) for name in free_numbers(request)]
    return np.asarray([round_, before.score, *unit], dtype=np.float64)


@dataclass(frozen=True)
class Bandit:
    """A Gaussian process over (time, score before, hyperparameters) of the gain per interval.

    Its kernel is σ² (1 − ε)^(|t − t'| / 2) exp(−|x − x'|² / 2l²) plus noise (Bogunovic et al. 2016; Parker-Holder et
    al. 2020, eq. 7); the hyperparameters of the kernel maximise the marginal likelihood.

    Attributes:
        inputs: (rows, 2 + hyperparameters), the score before scaled to [0, 1].
        gains: standardised and clipped at ±2, (rows,).
        scale: lowest and highest score before.
        kernel: logarithms of σ², l and the noise, and the logit of ε.

    """

    inputs: Floats
    gains: Floats
    scale: tuple[float, float]
    kernel: Floats

    @classmethod
    def of(cls, request: Request) -> "Bandit | None":
        """Return the bandit of a history; none while there are fewer than four gains, where PBT's rule stands in."""
        at = {(score.round, score.trial): score for score in request.history}
        rows, gains = [], []
        for score in request.history:
            before = at.get((score.round - 1, score.parent)) if score.parent is not None else None
            if before is not None and before.score is not None and score.score is not None:
                rows.append(_input(request, score.configuration, before, score.round))
                gains.append(score.score - before.score)
        if len(rows) < SMALLEST_DATA:
            return None
        inputs, gain = np.asarray(rows[-LATEST_DATA:]), np.asarray(gains[-LATEST_DATA:])
        scale = (float(inputs[:, 1].min()), float(inputs[:, 1].max()))
        gain = np.clip((gain - gain.mean()) / (gain.std() + 1e-8), -CLIP, CLIP)
        bandit = cls(_scaled(inputs, scale), gain, scale, np.asarray([0.0, 0.0, -2.0, -2.0]))
        bounds = [(-3.0, 3.0), (-3.0, 2.0), (-6.0, 6.0), (-4.0, 1.0)]
        fitted = minimize(bandit._misfit, bandit.kernel, method="L-BFGS-B", bounds=bounds)
        return cls(bandit.inputs, bandit.gains, scale, fitted.x)

    def choose(self, start: Floats, pending: Floats, rng: np.random.Generator) -> Floats:
        """Return the input that maximises the upper confidence bound, time and score before being those of ``start``.

        Inputs that are already chosen for this interval (``pending``) lower the variance and leave the mean alone
        (Desautels et al. 2014).
        """
        seen = np.vstack([self.inputs, _scaled(pending, self.scale)]) if len(pending) else self.inputs
        fixed = _scaled(start[None], self.scale)[0, :2]
        weights = cho_solve(self._factor(self.inputs, self.kernel), self.gains)
        factor = self._factor(seen, self.kernel)
        exploration = np.sqrt(0.2 + max(0.0, float(np.log(0.4 * len(self.inputs)))))

        def bound(units: Floats) -> Floats:
            points = np.column_stack([np.tile(fixed, (len(units), 1)), units])
            across = _kernel(points, seen, self.kernel)
            variance = np.exp(self.kernel[0]) - (across * cho_solve(factor, across.T).T).sum(axis=1)
            mean = _kernel(points, self.inputs, self.kernel) @ weights
            return np.asarray(mean + exploration * np.sqrt(np.maximum(variance, 1e-9)))

        count = self.inputs.shape[1] - 2
        units = rng.random((CANDIDATES, count))
        starts = units[np.argsort(-bound(units), kind="stable")[:STARTS]]
        found = [
            minimize(lambda unit: -bound(unit[None])[0], first, method="L-BFGS-B", bounds=[(0.0, 1.0)] * count)
            for first in starts
        ]
        return np.concatenate([start[:2], min(found, key=lambda result: float(result.fun)).x])

    def _factor(self, inputs: Floats, kernel: Floats) -> tuple[Floats, bool]:
        noise = (np.exp(2 * kernel[3]) + JITTER) * np.eye(len(inputs))
        factor: tuple[Floats, bool] = cho_factor(_kernel(inputs, inputs, kernel) + noise, lower=True)
        return factor

    def _misfit(self, kernel: Floats) -> float:
        """Return the negative log marginal likelihood, with a weak normal prior on the kernel's parameters."""
        factor = self._factor(self.inputs, kernel)
        fit = 0.5 * self.gains @ cho_solve(factor, self.gains) + np.log(np.diag(factor[0])).sum()
        return float(fit + 0.05 * (kernel**2).sum())


def _scaled(inputs: Floats, scale: tuple[float, float]) -> Floats:
    scaled = inputs.copy()
    scaled[:, 1] = (scaled[:, 1] - scale[0]) / (scale[1] - scale[0] + 1e-9)
    return scaled


def _kernel(left: Floats, right: Floats, kernel: Floats) -> Floats:
    variance, length, forgetting = np.exp(kernel[0]), np.exp(kernel[1]), 0.5 / (1 + np.exp(-kernel[2]))
    apart = np.abs(left[:, None, 0] - right[None, :, 0])
    distance = ((left[:, None, 1:] - right[None, :, 1:]) ** 2).sum(axis=2)
    return np.asarray(variance * (1 - forgetting) ** (apart / 2) * np.exp(-distance / (2 * length**2)))

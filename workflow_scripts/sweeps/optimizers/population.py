"""PBT (Jaderberg et al. 2017) and PB2 (Parker-Holder et al. 2020) as a function of the rounds so far.

A round is an interval of training for every member. After it the worst members continue from the checkpoint of one of
the best, with that one's hyperparameters changed: by PBT's random factors, or by what a time-varying Gaussian-process
bandit expects of the next interval. What cannot change during a training (FIXED) stays the parent's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ConfigSpace import Configuration, ConfigurationSpace
from ConfigSpace.hyperparameters import CategoricalHyperparameter, Constant, Hyperparameter, IntegerHyperparameter
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from workflow_scripts.sweeps.history import Score, costs, rank
from workflow_scripts.sweeps.optimizers.base import Proposal
from workflow_scripts.sweeps.optimizers.smac import initial_points
from workflow_scripts.sweeps.search_space import allowed
from workflow_scripts.workflow.seeds import derive_seed

Method = Literal["pbt", "pb2"]
Floats = NDArray[np.float64]
FIXED = ("net_dims_0", "net_dims_1", "buffer_size", "alpha")
RESAMPLE_PROBABILITY = 0.25
FACTORS = (0.8, 1.2)
SMALLEST_DATA = 4
LATEST_DATA = 400
CLIP = 2.0
JITTER = 1e-6
CANDIDATES, STARTS = 2000, 5


def propose(
    space: ConfigurationSpace,
    history: Sequence[Score],
    round_: int,
    size: int,
    seed: int,
    quantile: float,
    method: Method,
) -> list[Proposal]:
    """Return the members of a round, in the order of their places.

    Args:
        space: the search space.
        history: every trial of the rounds before, in the order of proposal.
        round_: number of this round.
        size: members of the population.
        seed: the sweep's seed.
        quantile: share of the members that is replaced, and share whose checkpoints replace them.
        method: PBT's random factors, or PB2's bandit.

    Raises:
        ValueError: no member of the last round has a score.

    """
    if round_ == 0:
        return [Proposal(configuration) for configuration in initial_points(space, size, seed)]
    last = [score for score in history if score.round == round_ - 1]
    costs(last)
    ranked = rank(last)
    count = max(1, int(size * quantile))
    best = [score for score in ranked[:count] if score.status == "ok"]
    lost = {score.trial for score in ranked[-count:]} | {score.trial for score in last if score.status != "ok"}
    lost -= {best[0].trial}
    members = {
        score.trial: Proposal(Configuration(space, values=score.configuration), score.trial)
        for score in last
        if score.trial not in lost
    }
    bandit = Bandit.of(space, history, round_) if method == "pb2" else None
    pending = [_input(space, score.configuration, score, round_) for score in last if score.trial in members]
    for place in sorted(lost):
        rng = np.random.default_rng(derive_seed(seed, method, round_, place))
        parent = best[int(rng.integers(len(best)))]
        values = _perturbed(space, parent.configuration, rng)
        if bandit is not None:
            names = free_names(space)
            start = _input(
                space, parent.configuration | {name: values[name] for name in _choices(space)}, parent, round_
            )
            chosen = bandit.choose(start, np.asarray(pending), rng)
            numbers = dict(zip(names, chosen[2:], strict=True))
            kept = {name: value for name, value in parent.configuration.items() if name not in names}
            kept |= {name: values[name] for name in _choices(space)}
            values = kept | {name: _plain(space[name], number) for name, number in numbers.items()}
            pending.append(chosen)
        members[place] = Proposal(allowed(space, values), parent.trial)
    return [members[place] for place in range(size)]


def free_names(space: ConfigurationSpace) -> list[str]:
    """Return the hyperparameters that the bandit chooses: numbers that can change during a training."""
    return [
        name
        for name, entry in space.items()
        if name not in FIXED and not isinstance(entry, Constant | CategoricalHyperparameter)
    ]


def _choices(space: ConfigurationSpace) -> list[str]:
    return [name for name, entry in space.items() if isinstance(entry, CategoricalHyperparameter) and name not in FIXED]


def _perturbed(space: ConfigurationSpace, values: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return PBT's change of a configuration: each entry times 0.8 or 1.2, or drawn anew."""
    changed = dict(values)
    for name in (*free_names(space), *_choices(space)):
        entry = space[name]
        anew = entry.sample_value(seed=np.random.RandomState(int(rng.integers(2**31))))
        if rng.random() < RESAMPLE_PROBABILITY:
            changed[name] = getattr(anew, "item", lambda anew=anew: anew)()
        elif name in free_names(space):
            moved = min(max(values[name] * rng.choice(FACTORS), entry.lower), entry.upper)
            changed[name] = round(moved) if isinstance(entry, IntegerHyperparameter) else float(moved)
    return changed


def _plain(entry: Hyperparameter, number: float) -> Any:
    value = entry.to_value(np.float64(min(max(number, 0.0), 1.0)))
    return getattr(value, "item", lambda: value)()


def _input(space: ConfigurationSpace, configuration: dict[str, Any], before: Score, round_: int) -> Floats:
    """Return the bandit's input: the round, the score before its interval, and the free hyperparameters in [0, 1]."""
    unit = [float(space[name].to_vector(configuration[name])) for name in free_names(space)]
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
    def of(cls, space: ConfigurationSpace, history: Sequence[Score], round_: int) -> "Bandit | None":
        """Return the bandit of a history; none while there are fewer than four gains, where PBT's rule stands in."""
        at = {(score.round, score.trial): score for score in history}
        rows, gains = [], []
        for score in history:
            before = at.get((score.round - 1, score.parent)) if score.parent is not None else None
            if before is not None and before.score is not None and score.score is not None:
                rows.append(_input(space, score.configuration, before, score.round))
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

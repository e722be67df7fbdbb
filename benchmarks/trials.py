"""What may be said of trials: the best of many beside the default, how to score one, which hyperparameters matter.

- ``best``: configurations that are all equal, 3 folds × 2 seeds. How often does the best of 12 or 50 look better than
  the default, and how often does the interval around its value miss the true one? Without an interaction runs differ
  by luck alone; with one, a configuration differs on a fold by as much as a run does, and both seeds share that.
- ``score``: 12 configurations of true values with a standard deviation of .3. What is the true value of the one that a
  score chooses? Folds move all by 1, a configuration on a fold by .3, a run by .6; ``spread`` multiplies what moves a
  configuration by a factor of its own, log-normal with .5.
- ``importance``: 12 trials of pure noise and five hyperparameters. How many look alive?

``python benchmarks/trials.py [part …]`` prints a Markdown table a part; five CPU minutes.
"""

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from workflow_scripts.analysis import importance
from workflow_scripts.analysis.inference.comparisons import (
    luck_of,
    p_value_beyond_reference,
    reach_beyond_reference,
    reach_of_best,
)
from workflow_scripts.analysis.inference.selection import superior_ability

Array = NDArray[np.float64]
REPETITIONS, BOOTSTRAPPED, TESTED, CHOICES, NOISE_SWEEPS = 1000, 400, 50, 20_000, 40
RESAMPLES = 199
FOLDS, SEEDS, DAYS = 3, 2, 252
TRIALS = 12
SPACE = {
    **{name: {"type": "float", "lower": 0.0, "upper": 1.0, "log": False} for name in ("a", "b", "c")},
    "whole": {"type": "int", "lower": 1, "upper": 64, "log": False},
    "choice": {"type": "categorical", "choices": ["x", "y"]},
}


def values_of(rng: np.random.Generator, law: str, interaction: float, trials: int) -> Array:
    """Return values (trials, folds, seeds) of equal configurations, the default first."""
    draw = (lambda shape: rng.standard_t(4, shape) / np.sqrt(2)) if law == "t4" else rng.standard_normal
    own = draw((trials, FOLDS, SEEDS)) + interaction * draw((trials, FOLDS, 1))
    if law == "spread":  # every fourth configuration varies twice as much
        own *= np.where(np.arange(trials) % 4 == 1, 2.0, 1.0)[:, None, None]
    return np.asarray(rng.standard_normal((1, FOLDS, 1)) + own)


def by_t(values: Array) -> float:
    """Return the half-width of a mean's 95 % interval by Student's t."""
    return float(stdtrit(values.size - 1, 0.975) * values.std(ddof=1) / np.sqrt(values.size))


def resampled(gaps: Array, rng: np.random.Generator) -> bool:
    """Return whether the best mean of gaps (trials, blocks) exceeds 95 % of those of resampled, centred blocks."""
    means, blocks = gaps.mean(axis=1), gaps.shape[1]
    drawn = rng.integers(blocks, size=(RESAMPLES, blocks))
    luck = (gaps - means[:, None])[:, drawn].mean(axis=2).max(axis=0)
    return bool(means.max() > np.quantile(luck, 0.95))


def by_days(gaps: Array, rng: np.random.Generator, number: int) -> bool:
    """Return whether Hansen's test over days finds the best of trials whose folds lie off their truth by gaps.

    Days explain a third of the variance of a gap without an interaction; seeds do the rest.
    """
    days = np.sqrt(DAYS / 3) * rng.standard_normal((*gaps.shape, DAYS))
    daily = gaps[..., None] + days - days.mean(axis=-1, keepdims=True)
    return superior_ability(daily.reshape(len(gaps), -1), 1, RESAMPLES, seed=number).p_value < 0.05


def best() -> Iterator[dict[str, object]]:
    """Yield how often, in per cent, the best of equal configurations looks better, or its true value is missed."""
    for law, interaction, trials in product(("normal", "t4", "spread"), (0, 1), (12, 50)):
        rng = np.random.default_rng(0)
        found: dict[str, list[bool]] = {}
        for number in range(REPETITIONS):
            values = values_of(rng, law, interaction, trials + 1)
            by_fold, means = values.mean(axis=2), values.mean(axis=(1, 2))
            gaps, luck = values[1:] - values[0], luck_of(by_fold)
            assert luck is not None
            chosen, beyond = gaps[int(means[1:].argmax())], float(means[1:].max() - means[0])
            seen = {
                "t of the runs": bool(chosen.mean() > by_t(chosen)),
                "max-T, p < 5 %": p_value_beyond_reference(beyond, luck, trials) < 0.05,
                "max-T, interval above 0": beyond > reach_beyond_reference(luck, trials, 0.95),
                "value missed by t of the runs": bool(abs(means.max()) > by_t(values[int(means.argmax())])),
                "value missed by the interval": abs(means.max()) > float(reach_of_best(by_fold, trials + 1, 0.95) or 0),
            }
            if number < BOOTSTRAPPED:
                seen["runs resampled"] = resampled(gaps.reshape(trials, -1), rng)
                seen["folds resampled"] = resampled(gaps.mean(axis=2), rng)
            if number < TESTED and law == "normal":
                seen["days resampled"] = by_days(gaps.mean(axis=2), rng, number)
            for method, is_so in seen.items():
                found.setdefault(method, []).append(is_so)
        rates = {method: f"{100 * np.mean(is_so):.1f}" for method, is_so in found.items()}
        yield {"law": law, "interaction": interaction, "trials": trials, **rates}


def score() -> Iterator[dict[str, object]]:
    """Yield the mean true value of the configuration that a score chooses."""
    for spread, (folds, seeds) in product((0.0, 0.5), ((3, 2), (3, 4), (6, 2))):
        rng = np.random.default_rng(0)
        shape = (CHOICES, TRIALS, folds, seeds)
        truth = 0.3 * rng.standard_normal(shape[:2])
        own = np.exp(spread * rng.standard_normal((*shape[:2], 1, 1)))
        moved = 0.3 * rng.standard_normal((*shape[:3], 1)) + 0.6 * rng.standard_normal(shape)
        values = truth[..., None, None] + rng.standard_normal((CHOICES, 1, folds, 1)) + own * moved
        raw = values.reshape(*shape[:2], -1)
        centred = raw - raw.mean(axis=1, keepdims=True)
        scores = {
            "mean": raw.mean(axis=-1),
            "interquartile mean": interquartile_mean(raw),
            "mean − SE": mean_minus_error(raw),
            "centred interquartile mean": interquartile_mean(centred),
            "centred mean − SE": mean_minus_error(centred),
        }
        chosen = {
            name: f"{np.take_along_axis(truth, worth.argmax(axis=1)[:, None], axis=1).mean():.3f}"
            for name, worth in scores.items()
        }
        yield {"spread": spread, "folds × seeds": f"{folds} × {seeds}", **chosen}


def interquartile_mean(values: Array) -> Array:
    """Return the means of the middle half of values (…, runs)."""
    count = values.shape[-1]
    weights = np.clip(np.minimum(np.arange(1, count + 1) - count / 4, 3 * count / 4 - np.arange(count)), 0, 1)
    return np.asarray(np.sort(values) @ weights / weights.sum())


def mean_minus_error(values: Array) -> Array:
    """Return the means of values (…, runs) less their standard errors."""
    return np.asarray(values.mean(axis=-1) - values.std(axis=-1, ddof=1) / np.sqrt(values.shape[-1]))


def noise() -> Iterator[dict[str, object]]:
    """Yield how many of five dead hyperparameters stand out from shuffled scores in a sweep."""
    rng = np.random.default_rng(0)
    alive: dict[str, list[int]] = {method: [] for method in importance.METHODS}
    for number in range(NOISE_SWEEPS):
        configurations = pd.DataFrame({name: rng.uniform(size=TRIALS) for name in ("a", "b", "c")})
        configurations["whole"], configurations["choice"] = rng.integers(1, 65, TRIALS), rng.choice(["x", "y"], TRIALS)
        runs = [
            {"round": 0, "trial": trial, "fold": fold, "seed": seed, "value": rng.normal(), **row}
            for trial, row in enumerate(configurations.to_dict("records"))
            for fold in range(FOLDS)
            for seed in range(SEEDS)
        ]
        found, _, _ = importance.estimate(pd.DataFrame(runs), SPACE, 2, 19, seed=100 * number)
        for method, of in found.items():
            alive[method].append(sum(said.stands_out for said in of.values()))
    for method, counts in alive.items():
        yield {"method": method, "sweeps": len(counts), "alive per sweep": f"{np.mean(counts):.2f}"}


PARTS = {"best": best, "score": score, "importance": noise}


def main(parts: list[str]) -> None:
    """Print the tables."""
    for part in parts or PARTS:
        rows = list(PARTS[part]())
        names = rows[0].keys()
        print(f"\n{part}\n\n| {' | '.join(names)} |\n|{'---|' * len(names)}")
        for row in rows:
            print(f"| {' | '.join(str(row.get(name, '')) for name in names)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Hyperparameter importance: how much of a score's variation each hyperparameter explains, and how sure that is."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator
from sklearn.ensemble import RandomForestRegressor

from workflow_scripts.sweeps.measures import LEAST_DEFINED, NOTHING, UndefinedError

GRID = 50
TREES = 64
PED_ANOVA_QUANTILE = 0.25
FEWEST_TRIALS = 4

Entries = Mapping[str, Mapping[str, Any]]
Estimator = Callable[[pd.DataFrame, NDArray[np.float64], Entries, int], dict[str, float]]


class TooFewTrialsError(UndefinedError):
    """There are too few trials with a score to speak of importance."""


def tuned(space: Entries) -> dict[str, Mapping[str, Any]]:
    """Return the entries of a search space that can vary."""
    return {name: entry for name, entry in space.items() if entry["type"] != "constant"}


def fanova(configurations: pd.DataFrame, scores: NDArray[np.float64], space: Entries, seed: int) -> dict[str, float]:
    """Return the share of a forest's variance due to each hyperparameter alone (Hutter et al. 2014), from Optuna."""
    return _through_optuna(FanovaImportanceEvaluator(n_trees=TREES, seed=seed), configurations, scores, space)


def ped_anova(configurations: pd.DataFrame, scores: NDArray[np.float64], space: Entries, seed: int) -> dict[str, float]:
    """Return each hyperparameter's importance for reaching the best quarter (Watanabe et al. 2023), from Optuna."""
    evaluator = PedAnovaImportanceEvaluator(target_quantile=PED_ANOVA_QUANTILE)
    return _through_optuna(evaluator, configurations, scores, space)


def local_importance(
    configurations: pd.DataFrame, scores: NDArray[np.float64], space: Entries, seed: int
) -> dict[str, float]:
    """Return LPI: the variance that a forest predicts when one hyperparameter of the incumbent moves.

    Biedenkapp et al. (2018), "CAVE", as shares of the sum over hyperparameters.
    """
    coded = np.column_stack([_encode(configurations[name], entry) for name, entry in space.items()])
    forest = RandomForestRegressor(n_estimators=TREES, random_state=seed, n_jobs=1).fit(coded, scores)
    incumbent = coded[int(np.argmax(scores))]
    variances = {}
    for column, (name, entry) in enumerate(space.items()):
        steps = len(entry["choices"]) if entry["type"] == "categorical" else GRID
        moved = np.repeat(incumbent[None], steps, axis=0)
        moved[:, column] = np.arange(steps) if entry["type"] == "categorical" else np.linspace(0, 1, steps)
        variances[name] = float(forest.predict(moved).var())
    return _shares(variances)


METHODS: dict[str, Estimator] = {"fanova": fanova, "ped_anova": ped_anova, "local": local_importance}


def estimate(
    trials: pd.DataFrame, space: Entries, resamples: int, seed: int
) -> tuple[dict[str, dict[str, dict[str, float]]], dict[str, str]]:
    """Return mean and standard deviation of each importance over bootstraps of the folds and seeds.

    They are of the bootstraps in which a method's importance is defined. A method has them where nineteen in twenty
    are; the second value says how many are not, for each method with such.

    Args:
        trials: a row a run, with round, trial, fold, seed, value and the hyperparameters.
        space: the search space as config.yaml spells it.
        resamples: number of bootstraps.
        seed: of the bootstraps and the forests.

    Raises:
        TooFewTrialsError: fewer than four trials have a value in every run.

    """
    varying = tuned(space)
    runs = trials.assign(pair=trials["fold"].astype(str) + "/" + trials["seed"].astype(str))
    values = runs.pivot(index=["round", "trial"], columns="pair", values="value").dropna()
    if len(values) < FEWEST_TRIALS:
        raise TooFewTrialsError(
            f"importance needs {FEWEST_TRIALS} trials with a value in every run, and there are {len(values)}"
        )
    configurations = runs.groupby(["round", "trial"])[list(varying)].first().loc[values.index]
    rng = np.random.default_rng(seed)
    draws: dict[str, list[dict[str, float]]] = {method: [] for method in METHODS}
    for resample in range(resamples):
        scores = values[_resample_pairs(list(values.columns), rng)].mean(axis=1).to_numpy()
        if scores.std() <= NOTHING * np.abs(scores).max():
            continue
        for method, estimator in METHODS.items():
            with suppress(UndefinedError):
                draws[method].append(estimator(configurations, scores, varying, seed + resample))
    found = {
        method: {
            str(name): {"mean": float(column.mean()), "sd": float(column.std(ddof=1))}
            for name, column in pd.DataFrame(rows).items()
        }
        for method, rows in draws.items()
        if len(rows) >= max(LEAST_DEFINED * resamples, 2)
    }
    undefined = {
        method: f"{resamples - len(rows)} of {resamples} bootstraps have no importance: nothing in them varies"
        for method, rows in draws.items()
        if len(rows) < resamples
    }
    return found, undefined


def _resample_pairs(pairs: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return (fold, seed) pairs of folds and seeds drawn with replacement."""
    folds, seeds = (sorted({pair.split("/")[part] for pair in pairs}) for part in (0, 1))
    drawn_folds, drawn_seeds = rng.choice(folds, len(folds)), rng.choice(seeds, len(seeds))
    return [f"{fold}/{seed}" for fold in drawn_folds for seed in drawn_seeds]


def _through_optuna(
    evaluator: Any, configurations: pd.DataFrame, scores: NDArray[np.float64], space: Entries
) -> dict[str, float]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(entry) for name, entry in space.items()}
    study = optuna.create_study(direction="maximize")
    for (_, row), score in zip(configurations.iterrows(), scores, strict=True):
        values = {name: _python(row[name], entry) for name, entry in space.items()}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=float(score)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            found = evaluator.evaluate(study)
        except RuntimeError as error:  # fANOVA's, where no tree finds a variance
            raise UndefinedError(str(error)) from error
    return _shares({name: float(found.get(name, 0.0)) for name in space})


def _shares(values: Mapping[str, float]) -> dict[str, float]:
    total = sum(values.values())
    if not 0 < total < math.inf:
        raise UndefinedError("no hyperparameter explains anything")
    return {name: value / total for name, value in values.items()}


def _distribution(entry: Mapping[str, Any]) -> BaseDistribution:
    if entry["type"] == "categorical":
        return CategoricalDistribution(entry["choices"])
    if entry["type"] == "int":
        return IntDistribution(int(entry["lower"]), int(entry["upper"]), log=entry["log"])
    return FloatDistribution(float(entry["lower"]), float(entry["upper"]), log=entry["log"])


def _python(value: Any, entry: Mapping[str, Any]) -> Any:
    if entry["type"] == "categorical":
        return next(choice for choice in entry["choices"] if str(choice) == str(value))
    return int(value) if entry["type"] == "int" else float(value)


def _encode(column: pd.Series, entry: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return a hyperparameter's values as numbers: positions in its range, or among its choices."""
    if entry["type"] == "categorical":
        names = [str(choice) for choice in entry["choices"]]
        return np.asarray([names.index(str(value)) for value in column], dtype=np.float64)
    values, bounds = column.to_numpy(dtype=np.float64), np.asarray([entry["lower"], entry["upper"]], dtype=np.float64)
    if entry["log"]:
        values, bounds = np.log(values), np.log(bounds)
    coded: NDArray[np.float64] = (values - bounds[0]) / (bounds[1] - bounds[0])
    return coded

"""Hyperparameter importance: how much of a score's variation each hyperparameter explains, and whether that is luck.

A forest explains scores even where there is nothing to explain. How much a hyperparameter without any effect seems to
explain is seen where the scores are shuffled among the configurations.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator
from sklearn.ensemble import RandomForestRegressor

from workflow_scripts.analysis.figures import METHOD_NAMES
from workflow_scripts.sweeps.measures import LEAST_DEFINED, NOTHING, UndefinedError

GRID = 50
TREES = 16
# Of fANOVA's trees. Deeper ones tell single trials apart, which is noise, and its time grows with the square of leaves.
DEPTH = 8
PED_ANOVA_QUANTILE = 0.25
FEWEST_TRIALS = 4
# Below, shuffled scores give some hyperparameter a share as large as most true ones.
FEW_TRIALS = 30
SIZE = 0.05

Entries = Mapping[str, Mapping[str, Any]]
Estimator = Callable[[pd.DataFrame, NDArray[np.float64], Entries, int], dict[str, float]]


class TooFewTrialsError(UndefinedError):
    """There are too few trials with a score to speak of importance."""


def tuned(space: Entries) -> dict[str, Mapping[str, Any]]:
    """Return the entries of a search space that can vary."""
    return {name: entry for name, entry in space.items() if entry["type"] != "constant"}


def fanova(configurations: pd.DataFrame, scores: NDArray[np.float64], space: Entries, seed: int) -> dict[str, float]:
    """Return the part of a forest's variance due to each hyperparameter alone (Hutter et al. 2014), from Optuna.

    A range counts on the scale on which it is searched. Optuna by itself would average over the values of a logarithmic
    one, so that nine tenths of the weight lay in its last decade.
    """
    numbers = [name for name, entry in space.items() if entry["type"] != "categorical"]
    coded = configurations.assign(**{name: _encode(configurations[name], space[name]).clip(0, 1) for name in numbers})
    unit = {name: {"type": "float", "lower": 0.0, "upper": 1.0, "log": False} for name in numbers}
    forest = FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=seed)
    return _through_optuna(forest, coded, scores, {**space, **unit})


def ped_anova(configurations: pd.DataFrame, scores: NDArray[np.float64], space: Entries, seed: int) -> dict[str, float]:
    """Return each hyperparameter's importance for reaching the best quarter (Watanabe et al. 2023), from Optuna.

    Optuna's number is γ² D, with γ the share of the best, a quarter or with ties more, and D the Pearson divergence
    between their density and that of all, which has no largest value. It is returned as D / (1 + D): the part of the
    mean square of the densities' ratio that is variation.
    """
    evaluator = PedAnovaImportanceEvaluator(target_quantile=PED_ANOVA_QUANTILE)
    found = _through_optuna(evaluator, configurations, scores, space)
    best = -scores <= np.quantile(-scores, PED_ANOVA_QUANTILE, method="inverted_cdf")
    return {name: value / (best.mean() ** 2 + value) for name, value in found.items()}


def local_importance(
    configurations: pd.DataFrame, scores: NDArray[np.float64], space: Entries, seed: int
) -> dict[str, float]:
    """Return LPI: the variance that a forest predicts when one hyperparameter of the incumbent moves.

    Biedenkapp et al. (2018), "CAVE", as a part of the scores' variance.
    """
    coded = np.column_stack([_encode(configurations[name], entry) for name, entry in space.items()])
    forest = RandomForestRegressor(n_estimators=TREES, random_state=seed, n_jobs=1).fit(coded, scores)
    incumbent = coded[int(np.argmax(scores))]
    variances = {}
    for column, (name, entry) in enumerate(space.items()):
        steps = len(entry["choices"]) if entry["type"] == "categorical" else GRID
        moved = np.repeat(incumbent[None], steps, axis=0)
        moved[:, column] = np.arange(steps) if entry["type"] == "categorical" else np.linspace(0, 1, steps)
        variances[name] = float(forest.predict(moved).var() / scores.var())
    return _explaining(variances)


METHODS: dict[str, Estimator] = {"fanova": fanova, "ped_anova": ped_anova, "local": local_importance}


@dataclass(frozen=True)
class Importance:
    """What a method says of a hyperparameter.

    Attributes:
        importance: of all trials and runs, from 0 to 1; of fANOVA a part of the scores' variance.
        sd: its standard deviation over bootstraps of trials, folds and seeds.
        shuffled_mean: its mean where scores are shuffled among the trials.
        shuffled_high: with shuffled scores no hyperparameter exceeds it in nineteen of twenty sweeps.
        p_value: how often any hyperparameter explains as much with shuffled scores.

    """

    importance: float
    sd: float
    shuffled_mean: float
    shuffled_high: float
    p_value: float

    @property
    def stands_out(self) -> bool:
        """Whether it explains more than a hyperparameter without effect would seem to."""
        return self.p_value <= SIZE


def estimate(
    trials: pd.DataFrame, space: Entries, resamples: int, permutations: int, seed: int
) -> tuple[dict[str, dict[str, Importance]], dict[str, str], int]:
    """Return what each method says of each hyperparameter, why it lacks draws or says nothing, and how many trials.

    A method says something where it is defined of the trials as they are, and in nineteen of twenty draws of each kind.

    Args:
        trials: a row a run, with round, trial, fold, seed, value and the hyperparameters.
        space: the search space as config.yaml spells it.
        resamples: number of bootstraps.
        permutations: number of times that the scores are shuffled.
        seed: of the draws and the forests.

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
    scores = values.mean(axis=1).to_numpy()
    drawn = []
    for _ in range(resamples):
        rows = rng.integers(len(values), size=len(values))
        means = values[_resample_pairs(list(values.columns), rng)].mean(axis=1).to_numpy()
        drawn.append((configurations.iloc[rows], means[rows]))
    shuffled = [(configurations, rng.permutation(scores)) for _ in range(permutations)]
    found, undefined = {}, {}
    for method, estimator in METHODS.items():
        whole, bootstraps, luck = (
            _defined(estimator, of, varying, seed) for of in ([(configurations, scores)], drawn, shuffled)
        )
        asked = 1 + resamples + permutations
        if missing := asked - len(whole) - len(bootstraps) - len(luck):
            undefined[method] = (
                f"{missing} of {asked} draws of trials or scores have no importance: nothing in them varies"
            )
        if len(whole) and len(bootstraps) >= LEAST_DEFINED * resamples and len(luck) >= LEAST_DEFINED * permutations:
            found[method] = _beside_luck(whole.iloc[0], bootstraps, luck)
    return found, undefined, len(values)


def conclude(found: Mapping[str, Mapping[str, Importance]], trials: int) -> str:
    """Return in words which hyperparameters stand out from shuffled scores, and what so many trials can tell."""
    outstanding = {
        name: [METHOD_NAMES[method] for method, of in found.items() if of[name].stands_out]
        for name in next(iter(found.values()))
    }
    named = [f"{name} ({', '.join(methods)})" for name, methods in outstanding.items() if methods]
    conclusion = (
        f"More than with shuffled scores is explained by: {', '.join(named)}."
        if named
        else "No hyperparameter explains more than with shuffled scores."
    )
    if trials >= FEW_TRIALS:
        return conclusion
    few = f"{trials} trials show large effects alone."
    if "fanova" in found:
        high = next(iter(found["fanova"].values())).shuffled_high
        few = (
            f"{trials} trials show large effects alone: a hyperparameter without any seems to explain {high:.0%} of "
            "the scores' variance in one of twenty sweeps (fANOVA)."
        )
    return f"{few} {conclusion}"


def _defined(
    estimator: Estimator, draws: Sequence[tuple[pd.DataFrame, NDArray[np.float64]]], space: Entries, seed: int
) -> pd.DataFrame:
    """Return importances, a row for each draw of configurations and scores that has any."""
    rows = []
    for number, (configurations, scores) in enumerate(draws):
        if scores.std() > NOTHING * np.abs(scores).max():
            with suppress(UndefinedError):
                rows.append(estimator(configurations, scores, space, seed + number))
    return pd.DataFrame(rows, columns=list(space))


def _beside_luck(whole: pd.Series, bootstraps: pd.DataFrame, luck: pd.DataFrame) -> dict[str, Importance]:
    """Return importances with their spread and what luck shows: Westfall and Young (1993), max-T over hyperparameters.

    The trials as they are count among the shuffles, as an exact permutation test asks.
    """
    largest = np.sort(luck.max(axis=1))
    counted = len(largest) + 1
    high = float(largest[-max(1, math.floor(SIZE * counted))])
    return {
        str(name): Importance(
            importance=float(value),
            sd=float(bootstraps[name].std(ddof=1)),
            shuffled_mean=float(luck[name].mean()),
            shuffled_high=high,
            p_value=(1 + int(np.sum(largest >= value))) / counted,
        )
        for name, value in whole.items()
    }


def _resample_pairs(pairs: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Return (fold, seed) pairs of folds and seeds drawn with replacement."""
    folds, seeds = (sorted({pair.split("/")[part] for pair in pairs}) for part in (0, 1))
    drawn_folds, drawn_seeds = rng.choice(folds, len(folds)), rng.choice(seeds, len(seeds))
    return [f"{fold}/{seed}" for fold in drawn_folds for seed in drawn_seeds]


def _through_optuna(
    evaluator: Any, configurations: pd.DataFrame, scores: NDArray[np.float64], space: Entries
) -> dict[str, float]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    columns = {name: [_python(value, entry) for value in configurations[name]] for name, entry in space.items()}
    distributions = {name: distribution(entry, columns[name]) for name, entry in space.items()}
    study = optuna.create_study(direction="maximize")
    for place, score in enumerate(scores):
        values = {name: column[place] for name, column in columns.items()}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, value=float(score)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = evaluator.evaluate(study)
        except RuntimeError as error:  # fANOVA's, where no tree finds a variance
            raise UndefinedError(str(error)) from error
    return _explaining({name: float(found.get(name, 0.0)) for name in space})


def _explaining(values: dict[str, float]) -> dict[str, float]:
    if not 0 < sum(values.values()) < math.inf:
        raise UndefinedError("no hyperparameter explains anything")
    return values


def distribution(entry: Mapping[str, Any], values: Sequence[Any]) -> BaseDistribution:
    """Return an entry of a search space as Optuna has it, wide enough for values that were proposed.

    The exponential of a bound's logarithm may lie a bit beyond the bound.
    """
    if entry["type"] == "categorical":
        return CategoricalDistribution(entry["choices"])
    if entry["type"] == "constant":
        return CategoricalDistribution(list(dict.fromkeys(values)))
    lower, upper = min(entry["lower"], *values), max(entry["upper"], *values)
    if entry["type"] == "int":
        return IntDistribution(int(lower), int(upper), log=entry["log"])
    return FloatDistribution(float(lower), float(upper), log=entry["log"])


def _python(value: Any, entry: Mapping[str, Any]) -> Any:
    if entry["type"] == "categorical":
        return entry["choices"][place_among(value, entry["choices"])]
    return int(value) if entry["type"] == "int" else float(value)


def place_among(value: Any, choices: Sequence[Any]) -> int:
    """Return a value's place among the choices; a table may have made 256.0 of 256, and a text of a number."""
    return next(place for place, choice in enumerate(choices) if choice == value or str(choice) == str(value))


def _encode(column: pd.Series, entry: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return a hyperparameter's values as numbers: positions in its range, or among its choices."""
    if entry["type"] == "categorical":
        return np.asarray([place_among(value, entry["choices"]) for value in column], dtype=np.float64)
    values, bounds = column.to_numpy(dtype=np.float64), np.asarray([entry["lower"], entry["upper"]], dtype=np.float64)
    if entry["log"]:
        values, bounds = np.log(values), np.log(bounds)
    coded: NDArray[np.float64] = (values - bounds[0]) / (bounds[1] - bounds[0])
    return coded

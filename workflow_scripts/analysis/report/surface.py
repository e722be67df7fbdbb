"""What the score looks like between the trials: a forest's predictions, averaged over all other hyperparameters."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from workflow_scripts.analysis.importance import place_among
from workflow_scripts.sweeps.history import Score

TREES = 64
STEPS, STEPS_OF_TWO = 25, 20
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Surface:
    """A forest over configurations.

    Attributes:
        space: the hyperparameters that vary.
        rows: (trials, hyperparameters) the configurations as numbers.
        forest: fitted to their scores.

    """

    space: Mapping[str, Mapping[str, Any]]
    rows: Array
    forest: RandomForestRegressor

    @classmethod
    def of(cls, scored: Sequence[Score], space: Mapping[str, Mapping[str, Any]]) -> "Surface":
        """Return the forest of trials with a score."""
        rows = np.asarray(
            [[coded(score.configuration[name], entry) for name, entry in space.items()] for score in scored]
        )
        forest = RandomForestRegressor(n_estimators=TREES, min_samples_leaf=2, random_state=0, n_jobs=1)
        return cls(space, rows, forest.fit(rows, [score.score for score in scored]))

    def partial(self, name: str) -> tuple[list[Any], Array]:
        """Return values of a hyperparameter and the mean prediction at each: Friedman (2001), partial dependence."""
        values, codes = self._grid(name, STEPS)
        return values, np.asarray([self._mean({name: code}) for code in codes])

    def partial_of_two(self, x: str, y: str) -> tuple[list[Any], list[Any], Array]:
        """Return values of two hyperparameters, and the mean predictions (values of y, values of x)."""
        (across, columns), (up, rows) = self._grid(x, STEPS_OF_TWO), self._grid(y, STEPS_OF_TWO)
        pairs = [{x: column, y: row} for row in rows for column in columns]
        moved = np.concatenate([self._moved(pair) for pair in pairs])
        means = self.forest.predict(moved).reshape(len(pairs), -1).mean(axis=1)
        return across, up, means.reshape(len(rows), len(columns))

    def ablation(self, start: Mapping[str, Any], end: Mapping[str, Any]) -> list[tuple[str, float]]:
        """Return the path from one configuration to another: what changes next, and the prediction after it.

        Each step takes over the value that the forest expects most of: Biedenkapp et al. (2017), "Efficient parameter
        importance analysis via ablation with surrogates". The first entry is the start, whose name is empty.
        """
        now, goal = (np.asarray([coded(of[name], entry) for name, entry in self.space.items()]) for of in (start, end))
        names, path = list(self.space), [("", float(self.forest.predict(now[None])[0]))]
        while len(open_ := np.flatnonzero(now != goal)):
            tried = np.repeat(now[None], len(open_), axis=0)
            tried[np.arange(len(open_)), open_] = goal[open_]
            predicted = self.forest.predict(tried)
            best = int(np.argmax(predicted))
            now = tried[best]
            path.append((names[open_[best]], float(predicted[best])))
        return path

    def _mean(self, fixed: Mapping[str, float]) -> float:
        return float(self.forest.predict(self._moved(fixed)).mean())

    def _moved(self, fixed: Mapping[str, float]) -> Array:
        moved, names = self.rows.copy(), list(self.space)
        for name, code in fixed.items():
            moved[:, names.index(name)] = code
        return moved

    def _grid(self, name: str, steps: int) -> tuple[list[Any], list[float]]:
        """Return values of a hyperparameter over its range, and as numbers."""
        entry = self.space[name]
        if entry["type"] == "categorical":
            return [str(choice) for choice in entry["choices"]], [float(at) for at in range(len(entry["choices"]))]
        ends = coded(entry["lower"], entry), coded(entry["upper"], entry)
        codes = np.linspace(*ends, steps).tolist()
        return [math.exp(code) if entry["log"] else code for code in codes], codes


def coded(value: Any, entry: Mapping[str, Any]) -> float:
    """Return a hyperparameter's value as a number: its place among the choices, or its logarithm where that counts."""
    if entry["type"] == "categorical":
        return float(place_among(value, entry["choices"]))
    return math.log(float(value)) if entry["log"] else float(value)

"""Where results lie below the working folder: each level once, to build paths from and to read them back."""

import re
from functools import cache
from pathlib import Path

RESULTS = "results"
MARKETS = f"{RESULTS}/markets"
SWEEPS = f"{RESULTS}/sweeps"
OF_CONTROLS = f"{RESULTS}/controls"

MARKET = f"{MARKETS}/{{market}}"
FEATURES = f"{MARKET}/features"
SEALED = f"{MARKET}/sealed"
FOLD = f"{MARKET}/folds/fold_{{fold}}"
LATEST = f"{MARKET}/latest"
OPENINGS = f"{MARKET}/openings.jsonl"
BASELINE_RETURNS = f"{MARKET}/baselines/fold_{{fold}}.parquet"
SWEEP = f"{SWEEPS}/{{sweep}}"
ROUND = f"{SWEEP}/round_{{round}}"
TRIAL = f"{ROUND}/trial_{{trial}}"
RUN = f"{TRIAL}/fold_{{fold}}/seed_{{seed}}"
# What a run makes, by the flags of the verbs that train.
FILES_OF_RUN = {
    "policy": "policy.pt",
    "sharpe": "sharpe.json",
    "returns": "returns.parquet",
    "weights": "weights.parquet",
    "curves": "curves.parquet",
}
PREREGISTRATION = f"{SWEEP}/preregistration.json"
BACKTEST = f"{SWEEP}/backtest"
CANDIDATE = f"{BACKTEST}/{{candidate}}"
BACKTEST_RUN = f"{CANDIDATE}/seed_{{seed}}"
MANIFEST = "proposals.json"
# The name of the machine on which the last Snakemake of a folder began.
MACHINE = ".snakemake/machine"

NUMBER, NAME = "0|[1-9][0-9]*", "[a-z0-9_]+"
WINDOW = "_window_"
CONSTRAINTS = {
    **dict.fromkeys(("market", "sweep", "candidate"), NAME),
    **dict.fromkeys(("round", "trial", "fold", "seed"), NUMBER),
}


def levels_below(root: Path) -> dict[str, str]:
    """Return every level by the name of its constant, as it is where results lie in another folder."""
    return {
        name: (root / value).as_posix()
        for name, value in globals().items()
        if isinstance(value, str) and value.partition("/")[0] == RESULTS
    }


def root_of(results: Path) -> Path:
    """Return the folder in which a folder of results lies, which may be a link.

    Raises:
        ValueError: the folder has another name than every path in it says.

    """
    if results.absolute().name != RESULTS:
        raise ValueError(f"{results} is no folder of results: it is called {RESULTS!r}, whatever folder it lies in")
    return results.absolute().parent


def from_results(path: Path) -> str:
    """Return a path from the folder of results on, whatever folder it lies in; a path that is none of theirs whole."""
    found = re.match(rf"(?:.*/)?({RESULTS}(?:/(?:sweeps|markets)/.*|/[^/]*)?)$", path.as_posix())
    return found[1] if found else path.as_posix()


def read_back(level: str, path: Path) -> dict[str, str]:
    """Return the values of a level's wildcards in a path to its folder.

    Args:
        level: one of this module's constants.
        path: a path that ends as the level does; what stands before ``results`` does not matter.

    Raises:
        ValueError: the path does not end so.

    """
    found = _pattern(level).search(path.as_posix())
    if found is None:
        raise ValueError(f"{path} does not lie where {level} says")
    return found.groupdict()


def of_window(name: str, number: int) -> str:
    """Return what a market or a sweep is called before a window of the test days."""
    return f"{name}{WINDOW}{number}"


def whole(name: str) -> str:
    """Return what a market or a sweep of one window is called as a whole; any other keeps its name."""
    return re.sub(f"{WINDOW}(?:{NUMBER})$", "", name)


def fold_and_seed(run: Path) -> tuple[int, int]:
    """Return fold and seed of a run from a path to its folder, or to a file in it."""
    found = read_back(below(RUN, TRIAL), run.parent if run.suffix else run)
    return int(found["fold"]), int(found["seed"])


def run_of(trial: Path, fold: int, seed: int) -> Path:
    """Return the folder of a trial's run from the trial's."""
    return trial / below(RUN, TRIAL).format(fold=fold, seed=seed)


def candidate_of(run: Path) -> str:
    """Return the candidate of a backtest's run from a path to a file in the run's folder."""
    return read_back("{candidate}/seed_{seed}", run.parent)["candidate"]


def folders(level: str, root: Path = Path(), **known: object) -> list[Path]:
    """Return the folders of a level that exist, in the order of their names, numbers as numbers.

    Args:
        level: one of this module's constants.
        root: the working folder.
        known: values of some of its wildcards; the others may be anything that such names are. A copy beside them,
            ``round_1.bak`` say, is none.

    """
    pattern = re.sub(r"\{(\w+)\}", lambda wildcard: str(known.get(wildcard[1], "*")), level)
    named = (path for path in root.glob(pattern) if _pattern(level).search(path.as_posix()))
    return sorted(named, key=lambda path: [int(part) if part.isdigit() else part for part in _parts(path)])


def below(level: str, upper: str) -> str:
    """Return a level as it is named from the folder of a level above it."""
    return level.removeprefix(f"{upper}/")


def _parts(path: Path) -> list[str]:
    return re.split(r"(\d+)", path.as_posix())


@cache
def _pattern(level: str) -> re.Pattern[str]:
    constrained = re.sub(r"\{(\w+)\}", lambda name: f"(?P<{name[1]}>{CONSTRAINTS[name[1]]})", level)
    return re.compile(f"(?:^|/){constrained}$")

"""What counts of a folder of results: what its sweeps' settings ask for now, not what larger ones left beside it."""

from pathlib import Path

import pandas as pd

from workflow_scripts.analysis.windows import ENSEMBLES
from workflow_scripts.workflow.files import read_json
from workflow_scripts.workflow.paths import BACKTEST_RUN, PREREGISTRATION, SWEEP, TRIAL, below, folders, read_back


def counted_scores(sweep: Path) -> list[Path]:
    """Return score.json of each trial of a sweep, in the order of proposal.

    Trials that trials.csv lacks although it is as young as they are belong to rounds that were taken back.
    """
    at = {
        (int(place["round"]), int(place["trial"])): trial / "score.json"
        for trial in folders(below(TRIAL, SWEEP), sweep)
        if (trial / "score.json").exists() and (place := read_back(below(TRIAL, SWEEP), trial))
    }
    table = sweep / "trials.csv"
    if not at or not table.exists() or table.stat().st_mtime < max(path.stat().st_mtime for path in at.values()):
        return list(at.values())
    collected = set(pd.read_csv(table, usecols=["round", "trial"]).itertuples(index=False, name=None))
    return [path for place, path in at.items() if place in collected]


def counted_backtest(sweep: Path) -> list[Path]:
    """Return the folders of a sweep's runs on the test days: of the candidates and seeds of its preregistration."""
    runs, preregistration = folders(below(BACKTEST_RUN, SWEEP), sweep), sweep / below(PREREGISTRATION, SWEEP)
    if not preregistration.exists():
        return runs
    stated = read_json(preregistration)
    members = stated.get("ensemble", 1)
    seeds = {name: set(stated["seeds"]) for name in stated["candidates"]}
    if members > 1:
        seeds |= {name: set(stated["seeds"][::members]) for name in ENSEMBLES}
    at = [(run, read_back(below(BACKTEST_RUN, SWEEP), run)) for run in runs]
    return [run for run, place in at if int(place["seed"]) in seeds.get(place["candidate"], ())]

"""The rule diff_market: what a vendor has changed since a market was locked, before anything is made again."""

from pathlib import Path
from shutil import rmtree

from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.bars import read_bars
from workflow_scripts.data.fold_files import fold_bytes
from workflow_scripts.data.market_folds import sealed_of_market, touched_folds
from workflow_scripts.data.markets import SourceFlag, load_market
from workflow_scripts.data.revisions import compare_bars
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.universes import MarketFeatures
from workflow_scripts.workflow.files import damaged, read_json, sha256, write_json
from workflow_scripts.workflow.jobs import command_line, start_job


def diff_market(
    market: SourceFlag,
    bars: Path,
    lock: Path,
    test_start: tuple[str, ...],
    turbulence_days: int,
    settings: FoldSettings,
    diff: Path,
) -> None:
    """Ask for a market's bars again, and write how they differ from the locked ones; these stay as they are.

    Args:
        market: where the bars come from, and which to keep.
        bars: the market's bars.
        lock: their lock.
        test_start: first test day (YYYY-MM-DD), of each window of the test days where there are several.
        turbulence_days: look-back of turbulence in days.
        settings: how the folds are cut.
        diff: the JSON file to write: per ticker the days added, removed and revised, and the folds that they touch.

    """
    log = start_job("diff_market")
    if not bars.exists() or not lock.exists():
        raise ValueError(f"{bars.parent} has no bars with a lock to compare with: run Snakemake first")
    expected = read_json(lock)["sha256"]
    if (found := sha256(bars)) != expected:
        raise ValueError(damaged(bars, f"sha256 {found[:12]}… where {lock.name} has {expected[:12]}…"))
    parts = diff.with_name("diff.parts")
    before, after = read_bars(bars), load_market(market, parts).bars
    for warning in check_bars(after):
        log.warning(warning)
    revisions = compare_bars(before, after)
    lines = revisions.lines()
    for line in lines or ["the vendor has changed nothing since the lock"]:
        log.info(line)
    old, new = (MarketFeatures.of(table, turbulence_days) for table in (before, after))
    known = [old, new]
    if settings.scheme == "combinatorial":
        known = [MarketFeatures.of(table, turbulence_days, by_run=True) for table in (before, after)]
    folds: list[int] = []
    backtest = False
    for first in test_start:
        folds += touched_folds(known[0].before(first), known[1].before(first), settings)
        sealed = [fold_bytes(sealed_of_market(each, first, settings.dropped_days)[0]) for each in (old, new)]
        backtest |= sealed[0] != sealed[1]
    folds = sorted(set(folds))
    write_json(diff, {**revisions.describe(), "folds": folds, "backtest": backtest})
    rmtree(parts, ignore_errors=True)
    log.info(
        f"a download now would make anew: the runs of {f'folds {folds}' if folds else 'no fold'}, and "
        f"{'the' if backtest else 'no'} backtest"
        + (f", of one of {len(test_start)} windows at least" if len(test_start) > 1 and (folds or backtest) else "")
    )


if __name__ == "__main__":
    command_line(diff_market)

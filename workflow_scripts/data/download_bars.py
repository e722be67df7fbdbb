"""The rule download_bars: fetch a market's bars, check them, and lock what came."""

from importlib.metadata import version
from pathlib import Path
from shutil import rmtree

import pandas as pd

from workflow_scripts.data.bar_checks import check_bars
from workflow_scripts.data.bars import MEMBER, read_bars, write_bars
from workflow_scripts.data.markets import SourceFlag, load_market
from workflow_scripts.data.periods import PERIODS_PER_YEAR, periods_of
from workflow_scripts.data.revisions import compare_bars
from workflow_scripts.data.shrinkage import describe_rule
from workflow_scripts.workflow.files import sha256, write_json
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.refreshes import NEVER

PACKAGES = ("numpy", "pandas", "pyarrow", "skfolio")


def download_bars(market: SourceFlag, bars: Path, lock: Path, refreshed: str = NEVER) -> None:
    """Fetch a market's bars, check them, and write them with a lock that says what they are.

    Args:
        market: where the bars come from, and which to keep.
        bars: the parquet file to write.
        lock: the JSON file to write: source, query, versions, row count and sha256 of the bars.
        refreshed: when the user asked for a new download, or "never"; kept in the lock.

    Raises:
        ValueError: what is wrong with the bars, with the market's name and where they come from.

    """
    log = start_job("download_bars")
    parts = bars.with_name("bars.parts")
    try:
        loaded = load_market(market, parts)
        warnings = [*loaded.warnings, *check_bars(loaded.bars)]
    except ValueError as error:
        raise ValueError(f"market {bars.parent.name} ({market.origin}): {error}") from error
    table, note = loaded.bars, loaded.note
    for warning in warnings:
        log.warning(warning)
    if bars.exists():
        for line in _revised(bars, table):
            log.info(line)
    write_bars(table, bars)
    write_json(
        lock,
        {
            "source": market.source,
            "note": note,
            "details": loaded.details,
            "query": market.settings(),
            "versions": {package: version(package) for package in (*PACKAGES, *market.packages)},
            "rows": len(table),
            "tickers": sorted(table["ticker"].unique()),
            "member_since": loaded.member_since,
            "first_day": f"{table['date'].min():%Y-%m-%d}",
            "last_day": f"{table['date'].max():%Y-%m-%d}",
            "calendar": loaded.calendar,
            PERIODS_PER_YEAR: periods_of(table.attrs),
            # The rule alone: a change of turbulence_days must not ask a vendor again. features.json says what was done.
            "turbulence": describe_rule(table["ticker"].nunique(), MEMBER in table),
            "warnings": warnings,
            "refreshed": refreshed,
            "sha256": sha256(bars),
        },
    )
    rmtree(parts, ignore_errors=True)
    log.info(
        f"rows={len(table)} tickers={table['ticker'].nunique()} "
        f"days={table['date'].dt.normalize().nunique()} bars={table['date'].nunique()} ({note})"
    )
    log.info(
        f"periods_per_year={periods_of(table.attrs)}{' (set)' if market.periods_per_year else ''}; the calendar of the "
        f"rows: {loaded.calendar}"
    )


def _revised(bars: Path, table: pd.DataFrame) -> list[str]:
    """Return how bars differ from those that they replace; nothing where these cannot be read."""
    try:
        return compare_bars(read_bars(bars), table).lines()
    except (ValueError, KeyError):
        return []


if __name__ == "__main__":
    command_line(download_bars)

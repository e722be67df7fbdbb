"""The rule compute_features: what agents see of a market, computed once for all jobs."""

from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from workflow_scripts.data.bars import read_bars
from workflow_scripts.data.fold_files import write_fold
from workflow_scripts.data.foresight import foresight
from workflow_scripts.data.look_ahead import require_gaps, require_known, require_same_past
from workflow_scripts.data.market_folds import sealed_of_market
from workflow_scripts.data.universes import MarketFeatures
from workflow_scripts.workflow.files import sha256, write_json
from workflow_scripts.workflow.jobs import command_line, start_job


def compute_features(
    bars: Path,
    features: Path,
    sealed: Path,
    test_start: str,
    turbulence_days: int,
    purge_days: int,
    by_run: bool = False,
    test_stop: str | None = None,
) -> None:
    """Write the features of the days before the test days, and, apart from them, the backtest's fold.

    Args:
        bars: the market's bars.
        features: the file to write (.npz) of the days before the test days, with a description beside it (.json).
        sealed: the fold to write (.npz, .json) that trains on the days before the test days and trades these; the
            backtest alone reads it.
        test_start: first test day (YYYY-MM-DD).
        turbulence_days: look-back of turbulence in days.
        purge_days: days dropped before the test days.
        by_run: whether the folds compute the features of each run of days from its own bars, which are then kept.
        test_stop: first day after the test days (YYYY-MM-DD); none where they end with the market.

    """
    log = start_job("compute_features")
    threadpool_limits(1)  # so that the number of cores is not seen in a last bit
    table = read_bars(bars)
    market = MarketFeatures.of(table, turbulence_days)
    known = (MarketFeatures.of(table, turbulence_days, by_run) if by_run else market).before(test_start)
    require_known(known.dates, test_start)
    if market.whole is not None:  # else each fold has features of its own, and split_folds checks them
        past = MarketFeatures.of(table[table["date"] < pd.Timestamp(test_start)], turbulence_days).whole
        assert past is not None
        require_same_past(market.whole, past)
    known.write(features)
    described = known.describe()
    warnings = list(foresight(table[table["date"] < pd.Timestamp(test_start)]))
    for warning in warnings:
        log.warning(warning)
    write_json(features.with_suffix(".json"), {**described, "warnings": warnings, "sha256": sha256(features)})
    data, description = sealed_of_market(market, test_start, purge_days, test_stop)
    require_known(data.train.dates.tolist(), test_start)
    require_gaps(data, market.dates, purge_days)
    write_fold(data, description, sealed)
    log.info(
        f"features of {described['first_day']}..{described['last_day']} ({described['days']} days), sealed from "
        f"{test_start} on; {described.get('covariance', 'covariances of each fold')}"
    )


if __name__ == "__main__":
    command_line(compute_features)

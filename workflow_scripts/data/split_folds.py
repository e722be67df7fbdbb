"""The rule split_folds: cut a market's days before the test days into walk-forward folds."""

from pathlib import Path

from workflow_scripts.data.fold_files import write_fold
from workflow_scripts.data.market_folds import folds_of_market, warn_of_gap
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.universes import MarketFeatures
from workflow_scripts.workflow.jobs import command_line, start_job


def split_folds(features: Path, folds: Path, settings: FoldSettings) -> None:
    """Write each fold's training and validation window.

    Args:
        features: the market's features of the days before its test days.
        folds: the folder of the folds.
        settings: how the folds are cut.

    """
    log = start_job("split_folds")
    market = MarketFeatures.read(features)
    if gap := warn_of_gap(market.dates, settings):
        log.warning(gap)
    for index, (data, description) in enumerate(folds_of_market(market, settings)):
        write_fold(data, description, folds / f"fold_{index}.npz")
        train, validation = description["train"], description["validation"]
        log.info(
            f"fold={index} train={train['first_day']}..{train['last_day']} ({train['days']} days) "
            f"validation={validation['first_day']}..{validation['last_day']} ({validation['days']} days)"
        )


if __name__ == "__main__":
    command_line(split_folds)

"""The rule split_folds: cut a market's days before the test days into walk-forward folds."""

from pathlib import Path

from workflow_scripts.data.bars import read_bars
from workflow_scripts.data.fold_files import write_fold
from workflow_scripts.data.market_folds import folds_of_market
from workflow_scripts.data.settings import FoldSettings
from workflow_scripts.data.universes import MarketFeatures
from workflow_scripts.workflow.jobs import command_line, start_job


def split_folds(bars: Path, folds: Path, test_start: str, turbulence_days: int, settings: FoldSettings) -> None:
    """Write each fold's training and validation window; the test days are left out.

    Args:
        bars: the market's bars.
        folds: the folder of the folds.
        test_start: first test day (YYYY-MM-DD).
        turbulence_days: look-back of turbulence in days.
        settings: how the folds are cut.

    """
    log = start_job("split_folds")
    features = MarketFeatures.of(read_bars(bars), turbulence_days)
    for index, (data, description) in enumerate(folds_of_market(features, test_start, settings)):
        write_fold(data, description, folds / f"fold_{index}.npz")
        train, validation = description["train"], description["validation"]
        log.info(
            f"fold={index} train={train['first_day']}..{train['last_day']} ({train['days']} days) "
            f"validation={validation['first_day']}..{validation['last_day']} ({validation['days']} days)"
        )


if __name__ == "__main__":
    command_line(split_folds)

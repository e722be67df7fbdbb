"""The rule restore_trials: configurations of a kept round that were lost, from the round's manifest."""

from pathlib import Path

from workflow_scripts.workflow.files import read_json, write_text
from workflow_scripts.workflow.jobs import command_line, start_job


def restore_trials(manifest: Path, trials: tuple[int, ...]) -> None:
    """Write the configurations of trials as they were proposed.

    Args:
        manifest: the round's proposals.json.
        trials: places in the round of the trials to restore.

    """
    log = start_job("restore_trials")
    kept = read_json(manifest)["trials"]
    for trial in trials:
        write_text(manifest.parent / f"trial_{trial}" / "config.yaml", kept[trial]["config"])
        log.info(f"trial={trial} restored from {manifest}")


if __name__ == "__main__":
    command_line(restore_trials)

"""The rule collect_controls: what the verdicts on all markets of known truth say, as a table and as counts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.analysis.controls import cpu_seconds, row_of, sentences, summary
from workflow_scripts.sweeps.daily import Daily, read_daily
from workflow_scripts.training.sharpe import sharpe_or_none
from workflow_scripts.workflow.files import read_json, whole_file, write_json
from workflow_scripts.workflow.jobs import command_line, start_job
from workflow_scripts.workflow.paths import whole


def collect_controls(
    controls: str, settings: str, verdicts: tuple[Path, ...], table: Path, counts: Path, oracles: tuple[Path, ...] = ()
) -> None:
    """Write a row for each market of known truth, and what is counted over them.

    Args:
        controls: JSON of each market's name, kind, strength, signal_strength and seed.
        settings: JSON of what the counts state beside them: the sweep, by what it was reduced, the confidence.
        verdicts: verdict.json of the sweep on each, in the same order.
        table: the CSV file to write.
        counts: the JSON file to write.
        oracles: daily returns of the oracle of each planted market; with several windows of the test days, of each.

    """
    log = start_job("collect_controls")
    stated: dict[str, Any] = json.loads(settings)
    of_oracle: dict[str, list[Daily]] = {}
    for path in oracles:
        of_oracle.setdefault(whole(path.parent.name), []).append(read_daily(path))
    rows = []
    for control, path in zip(json.loads(controls), verdicts, strict=True):
        earned = of_oracle.get(control["name"], [])
        excess = np.concatenate([table.excess() for table in earned]) if earned else None
        oracle = None if excess is None else sharpe_or_none(excess, earned[0].periods_per_year)
        results, name = path.parents[2], control["name"]
        folders = [folder for room in ("markets", "sweeps") for folder in (results / room).glob(f"{name}*")]
        own = [folder for folder in folders if whole(folder.name) == name]
        rows.append(row_of(control, read_json(path), oracle, cpu_seconds(*own)))
    made = pd.DataFrame(rows)
    with whole_file(table) as beside:
        made.to_csv(beside, index=False)
    content = summary(made, stated["confidence"])
    write_json(counts, {**stated, **content})
    for sentence in sentences(content):
        log.info(sentence)


if __name__ == "__main__":
    command_line(collect_controls)

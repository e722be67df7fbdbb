"""Check results that come from another folder or machine against the digests that stand beside them."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from workflow_scripts.workflow.files import read_json, sha256
from workflow_scripts.workflow.jobs import command_line
from workflow_scripts.workflow.paths import BACKTEST_RUN, MANIFEST, MARKET, OF_CONTROLS, ROUND, RUN, folders
from workflow_scripts.workflow.policies import is_damaged

PARQUET_ENDS_WITH = b"PAR1"


def adopt_results(root: Path = Path()) -> None:
    """Say which results are not what their digests say; where all are, Snakemake may be told to take them as they are.

    Args:
        root: the working folder, in which ``results/`` lies, with those of the controls in it.

    """
    checked, wrong = 0, []
    for path, fault in (*faults(root), *faults(root / OF_CONTROLS)):
        checked += 1
        wrong += [f"{path}: {fault}"] if fault else []
    if not checked:
        sys.exit(f"there are no results in {root.absolute() / 'results'}")
    if wrong:
        sys.exit("\n".join([*wrong, f"{len(wrong)} of {checked} files are not as they were made: delete these first"]))
    print(f"{checked} files are as their digests say")


def faults(root: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield each file that can be checked, and what is wrong with it, if anything is."""
    for market in folders(MARKET, root):
        beside = [market / "features.json", market / "sealed.json", *sorted(market.glob("folds/fold_*.json"))]
        for described in (market / "data.lock.json", *beside):
            content = described.with_suffix(".npz") if described in beside else market / "bars.parquet"
            if described.exists() and content.exists():
                expected = read_json(described)["sha256"]
                yield content, None if sha256(content) == expected else f"its sha256 is not that of {described.name}"
    for round_ in folders(ROUND, root):
        if (round_ / MANIFEST).exists():
            for trial, proposed in enumerate(read_json(round_ / MANIFEST)["trials"]):
                config = round_ / f"trial_{trial}" / "config.yaml"
                if config.exists():
                    kept = hashlib.sha256(config.read_bytes()).hexdigest() == proposed["sha256"]
                    yield config, None if kept else f"is not what {round_ / MANIFEST} proposed"
    for run in (*folders(RUN, root), *folders(BACKTEST_RUN, root)):
        policy = run / "policy.pt"
        if policy.exists():
            yield policy, "is truncated" if is_damaged(policy) else None
        for table in sorted(run.glob("[!.]*.parquet")):
            yield table, None if table.read_bytes().endswith(PARQUET_ENDS_WITH) else "is truncated"


if __name__ == "__main__":
    command_line(adopt_results)

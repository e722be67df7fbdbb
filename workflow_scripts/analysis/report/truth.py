"""What the same settings found where the truth is known."""

from pathlib import Path

from workflow_scripts.analysis.known_truth import folder_of_truth, known_truths
from workflow_scripts.analysis.report.elements import Block, Note, Section
from workflow_scripts.analysis.report.page import Part
from workflow_scripts.analysis.report.trading import BENCHMARK, TUNED, growth
from workflow_scripts.analysis.report.tree import read_market, read_sweeps
from workflow_scripts.sweeps.daily import read_daily
from workflow_scripts.workflow.wording import several

SHOWN = (TUNED, "default", BENCHMARK)


def truth_part(results: Path) -> Part | None:
    """Return what was found on the first control of each strength; none where there are no controls."""
    sections = []
    for known in known_truths(results):
        (sweep,) = read_sweeps(folder_of_truth(results), [known.name])
        oracle = read_market(sweep.root, known.name).folder / "oracle.parquet"
        returns = {name: sweep.test_returns[name] for name in SHOWN if name in sweep.test_returns}
        if oracle.exists():
            returns["oracle"] = read_daily(oracle)
        more = f" The first of {several(known.markets, 'market')}." if known.markets > 1 else ""
        blocks: list[Block] = [Note(known.sentence + more), *([growth(returns)] if returns else [])]
        sections.append(Section(known.title, blocks, known.name))
    return Part("Where the truth is known", "known-truth", sections) if sections else None

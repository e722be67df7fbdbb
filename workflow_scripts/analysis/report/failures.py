"""What did not work: trials without a score, runs without a Sharpe ratio, candidates that could not be judged."""

from collections import Counter

from workflow_scripts.analysis.report.elements import Block, Note, Section, Table
from workflow_scripts.analysis.report.search import label_of
from workflow_scripts.analysis.report.tree import Sweep
from workflow_scripts.training.sharpe import read_result


def failures_section(sweep: Sweep) -> Section:
    """Return the failures of a sweep, the most frequent reason first."""
    rows: list[tuple[str, str, str, str]] = []
    for score in sweep.scores:
        rows += [
            (label_of(score), f"fold {run['fold']}, seed {run['seed']}", run["status"], run["reason"])
            for run in score.runs
            if run["reason"]
        ]
    for name, runs in sweep.backtests.items():
        for run in runs:
            result = read_result(run.folder / "sharpe.json")
            if result.reason:
                rows.append((name, f"test days, seed {run.seed}", result.status, result.reason))
    judged = (sweep.verdict or {}).get("not_judged", {})
    rows += [(name, "verdict", "not judged", reason) for name, reason in judged.items()]
    if not rows:
        return Section("Failures", [Note("None: every run has a result, and every candidate was judged.")], "failures")
    often = Counter(reason for *_, reason in rows).most_common()
    blocks: list[Block] = [
        Table("Reasons", ("reason", "times"), often),
        Table("Where", ("trial or candidate", "run", "status", "reason"), rows, every=len(rows) > 20),
    ]
    return Section("Failures", blocks, "failures")

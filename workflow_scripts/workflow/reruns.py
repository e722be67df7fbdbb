"""How many jobs of each rule would run, and why, and which of them may yet be spared."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

UPSTREAM = "Input files updated by another job"
MEANINGS = {
    "Missing output files": "a file is missing",
    UPSTREAM: "a file it reads is made anew",
    "Updated input files": "a file it reads has changed",
    "Code has changed since last execution": "the rule's code has changed",
    "Params have changed since last execution": "its settings or its code have changed",
    "Set of input files has changed since last execution": "it reads other files than before",
    "Forced execution": "asked for",
}
KNOWN = re.compile(f"(?:^|; )({'|'.join(MEANINGS)})")  # a reason goes on to quote params, which may hold anything


@dataclass(frozen=True)
class Job:
    """A job of a dry run.

    Attributes:
        rule: its rule.
        reason: why Snakemake would run it, in its words.
        is_checkpoint: whether equal bytes of what it makes spare the jobs that read them.

    """

    rule: str
    reason: str
    is_checkpoint: bool = False


def explain(jobs: Iterable[Job]) -> list[str]:
    """Return a line a rule.

    A job that runs only because a file it reads is made anew is spared where that file comes out with the same bytes
    from a checkpoint; how many will be is known only then.
    """
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    spared: Counter[str] = Counter()
    checkpoints = False
    for job in jobs:
        checkpoints |= job.is_checkpoint
        words = KNOWN.findall(job.reason) or [job.reason.partition(":")[0]]
        for word in words:
            reasons[job.rule][MEANINGS.get(word, word)] += 1
        if words == [UPSTREAM]:
            spared[job.rule] += 1
        reasons[job.rule]["jobs"] += 1
    lines = []
    for rule, counted in reasons.items():
        count = counted.pop("jobs")
        why = ", ".join(f"{reason} ({times})" if times < count else reason for reason, times in counted.most_common())
        maybe = f"; {spared[rule]} may be spared by equal bytes" if spared[rule] and checkpoints else ""
        lines.append(f"{rule:28}{count:>6}  {why}{maybe}")
    return lines

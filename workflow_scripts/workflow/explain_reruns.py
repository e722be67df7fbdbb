"""Say, before anything starts, how many jobs of each rule would run and why, and which of them may yet be spared."""

import re
import subprocess
import sys
from collections import Counter, defaultdict

JOB = re.compile(r"^(?:local)?(rule|checkpoint) (\w+):\n((?: {4}.*\n)+)", re.MULTILINE)
REASON = re.compile(r"^    reason: (.*)$", re.MULTILINE)
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


def explain(dry_run: str) -> list[str]:
    """Return a line a rule for what Snakemake's dry run says.

    A job that runs only because a file it reads is made anew is spared where that file comes out with the same bytes
    from a checkpoint; how many will be is known only then.
    """
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    spared: Counter[str] = Counter()
    checkpoints = False
    for kind, rule, body in JOB.findall(dry_run):
        if rule == "all":
            continue
        checkpoints |= kind == "checkpoint"
        found = REASON.search(body)
        words = [part.split(":")[0].strip() for part in found[1].split("; ")] if found else []
        for word in words:
            reasons[rule][MEANINGS.get(word, word)] += 1
        if words == [UPSTREAM]:
            spared[rule] += 1
        reasons[rule]["jobs"] += 1
    if not reasons:
        return ["nothing to be done"]
    lines = []
    for rule, counted in reasons.items():
        jobs = counted.pop("jobs")
        why = ", ".join(f"{reason} ({count})" if count < jobs else reason for reason, count in counted.most_common())
        maybe = f"; {spared[rule]} may be spared by equal bytes" if spared[rule] and checkpoints else ""
        lines.append(f"{rule:28}{jobs:>6}  {why}{maybe}")
    return lines


def main() -> None:
    """Ask Snakemake for a dry run with the arguments given, and explain it."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", *sys.argv[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout)
    print("\n".join(explain(done.stdout)))


if __name__ == "__main__":
    main()

"""From Snakemake's events to lines: a line per finished trial, a bar below them, failures with their reasons.

The workflow that runs is on Python's path once its Snakefile is read; this package may lie in another checkout. What it
needs of the workflow it therefore imports late.
"""

import re
from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from logging import ERROR, WARNING, LogRecord
from pathlib import Path
from time import localtime, strftime
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from workflow_scripts.sweeps.history import Score
    from workflow_scripts.workflow.time_left import TimeLeft

# What Snakemake says of itself. What it says of the user's files, and what rules say, is shown.
OF_ITSELF = re.compile(
    "Assuming unrestricted shared|Building DAG|Using shell: |Provided (cores|resources|remote nodes)|Rules claiming|"
    r"Group jobs: |Conda environments: |Singularity containers: |Select jobs|Execute \d+ jobs|DAG of jobs will be|"
    "Updating checkpoint|Exiting because a job|Shutting down, this might|Reasons:|This was a dry-run|The run involves|"
    r"Some jobs were triggered|Rules with provenance|Elapsed time|Processed \d+ potential|Job rate limit|"
    r"Removing (temporary|output files of failed)|Cannot restore |Job [-0-9a-f]+ has been submitted|SLURM run ID|$"
)
RESTART = re.compile(r"Trying to restart job (\d+)\.$")
RESTART_OF_GROUP = re.compile(r"Trying to restart job [-0-9a-f]{36}\.$")
WHOLE_LOG = re.compile(r"Complete log\(s\): (.+)")
ENDED = "it ended with exit status {} and no error"
NOT_SUBMITTED = (
    "it has no log: the cluster took no such allocation, or kept nothing of it; ask it with sbatch --test-only and the "
    "partition, GPU, memory and time of slurm/config.yaml"
)
# How jobs end that Ctrl-C ends, which who pressed it knows: in Python, at once, or with a checkpoint.
STOPPED = ("KeyboardInterrupt", "killed by SIGINT", ENDED.format(130))
HOW_IT_ENDED = re.compile(r"died with <Signals\.(\w+)|returned non-zero exit status (\d+)")
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+ (.*)")
# File and line of the rule that raised an error say nothing of what is wrong with a configuration.
RAISED_BY_A_RULE = re.compile(r'\AWorkflowError( in file "[^"]*", line \d+)?:\n')
RAISED_BY_AN_INPUT = re.compile(
    r"\AInputFunctionException in rule .*\n  (?:WorkflowError:\n    |ValueError: )(.+?)\nWildcards:", re.DOTALL
)
OF_A_TRACEBACK = re.compile(r'\n  File "[^"]*", line \d+, in .*')

LOCKED = (
    "error: another Snakemake works in this folder, or was killed in it: wait for its end; where none is alive, go on "
    "with make resume (snakemake --unlock, then the same command)"
)

ORDER = ("market", "sweep", "round", "trial", "candidate", "fold", "seed")
NAMES = ("market", "sweep", "candidate")
COLUMNS = {
    "time": 8,
    "sweep": 5,
    "trials": 6,
    "round": 5,
    "trial": 5,
    "score": 7,
    "against default (±95 %)": 23,
    "best so far": 24,
    "time left": 0,
}
OF_A_TRIAL = ("train_agent", "continue_agent", "score_trial")
BACKTEST_LINES = 5
SILENCE_SECONDS = 300
GOOD, BAD, MUTED = "green", "bold red", "dim"


@dataclass
class Job:
    """A job that Snakemake has started, and how often."""

    rule: str
    wildcards: Mapping[str, str]
    log: str = ""
    attempt: int = 1

    def __str__(self) -> str:
        """Return the rule and its place, from the outermost wildcard to the innermost."""
        known = [key for key in ORDER if key in self.wildcards]
        place = [self.wildcards[key] if key in NAMES else f"{key} {self.wildcards[key]}" for key in known]
        return " ".join([self.rule, *place])


class Screen:
    """What a person sees of a run.

    Args:
        stream: where it goes.
        colour: whether a terminal gets colours; NO_COLOR forbids them too.
        quiet: what Snakemake was told not to say (--quiet).
        dry_run: whether nothing runs; then the reasons of the jobs are shown.

    """

    def __init__(self, stream: TextIO, colour: bool = True, quiet: Collection[str] = (), dry_run: bool = False):
        self.console = Console(file=stream, no_color=None if colour else True, highlight=False, emoji=False)
        self.silent, self.quiet, self.dry_run = "all" in quiet, bool(quiet), dry_run
        self.jobs: dict[int, Job] = {}
        self.reasons: list[tuple[str, str, bool]] = []
        self.plan: dict[str, dict[str, Any]] = {}
        self.scores: dict[str, dict[tuple[int, int], Score]] = {}
        self.counted: Counter[str] = Counter()
        self.finished: Counter[str] = Counter()
        self.failed = self.done = self.total = 0
        self.failed_groups: deque[int] = deque()
        self.began = self.now = self.said = 0.0
        self.left: TimeLeft | None = None
        self.how_it_ended = ""
        self.whole_log = ""
        self.report: Path | None = None
        self.has_header = self.stopped = False
        self.bar: Progress | None = None
        self.task = TaskID(0)

    def take(self, record: LogRecord) -> None:
        """Show an event, or keep what it says."""
        self.now = record.created
        known = {
            None: self._message,
            LogEvent.RUN_INFO: self._start,
            LogEvent.JOB_INFO: self._job_started,
            LogEvent.JOB_FINISHED: self._job_finished,
            LogEvent.JOB_ERROR: self._job_failed,
            LogEvent.GROUP_ERROR: self._group_failed,
            LogEvent.PROGRESS: self._progress,
            LogEvent.ERROR: self._error,
        }
        event = getattr(record, "event", None)
        if event in known:
            known[event](record)

    def give_up(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()

    def close(self) -> None:
        """Say how it ended and what to do next; take the bar away."""
        self.give_up()
        if self.dry_run:
            self._explain()
        elif self.total and not self.quiet:
            from workflow_scripts.workflow.wording import several, spell

            took, in_full = spell(self.now - self.began), f"; in full: {self.whole_log}" if self.whole_log else ""
            if not self.stopped:
                self._say(f"done: {several(self.done, 'job')} in {took}{in_full}", GOOD)
                if self.report is not None:
                    self._say(f"the report, for a browser: {self.report}")
            else:
                failed = f", {self.failed} failed" if self.failed else ""
                self._say(
                    f"stopped after {took}: {self.done} of {several(self.total, 'job')} done{failed}{in_full}", BAD
                )
                self._say("what is done is kept: the same command goes on from there" + self._remedy())

    def _remedy(self) -> str:
        return ", once the cause is mended" if self.failed else ""

    def _say(self, text: str, style: str = "") -> None:
        """Write a line, however wide: only a terminal breaks it."""
        self.console.print(Text(text, style=style), soft_wrap=True)
        self.said = self.now

    def _message(self, record: LogRecord) -> None:
        """Show what a rule says, and what Snakemake says that concerns the user's files."""
        if hasattr(record, "sweeps"):
            self.plan = record.sweeps
        text = record.getMessage()
        if found := WHOLE_LOG.match(text):
            log = Path(found[1])
            self.whole_log = str(log.relative_to(Path.cwd()) if log.is_relative_to(Path.cwd()) else log)
        elif (found := RESTART.match(text)) and (job := self.jobs.get(int(found[1]))):
            self.failed -= 1
            job.attempt += 1
            self._say(f"again   {job}: attempt {job.attempt}", MUTED)
        elif RESTART_OF_GROUP.match(text) and self.failed_groups:
            self.failed -= self.failed_groups.popleft()
        elif not OF_ITSELF.match(text) and not self.silent:
            self._say(text, {WARNING: "yellow", ERROR: BAD}.get(record.levelno, ""))

    def _start(self, record: LogRecord) -> None:
        if self.dry_run:
            return
        from workflow_scripts.workflow.time_left import TimeLeft
        from workflow_scripts.workflow.wording import several

        counted: Counter[str] = Counter(record.stats)  # type: ignore[attr-defined]
        self.total, self.began = counted.pop("total", 0), self.now
        self.counted, self.left = counted, TimeLeft(counted)
        if self.quiet:
            return
        trained, backtested = counted["train_agent"] + counted["continue_agent"], counted["backtest_incumbent"]
        of_trials = f" of {several(counted['score_trial'], 'trial')}" if counted["score_trial"] else ""
        parts = [several(trained, "run") + of_trials] if trained else []
        parts += [f"{several(backtested, 'run')} of the backtest"] if backtested else []
        rest = f": {', '.join(parts)}, {several(self.total - trained - backtested, 'other')}" if parts else ""
        self._say(f"{several(self.total, 'job')} to do{rest}")
        if counted["score_trial"]:
            for name, sweep in self.plan.items():
                self._say(f"{name}: {sweep['about']}")
            self.scores = self._scores_before()
        if self.console.is_terminal and self.counted["plan"] == 0:
            self._show_bar()

    def _show_bar(self) -> None:
        self.bar = Progress(
            BarColumn(bar_width=30),
            TextColumn("{task.completed} of {task.total} jobs"),
            TextColumn("[dim]{task.description}"),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            refresh_per_second=2,
            transient=True,
        )
        self.task = self.bar.add_task("", total=self.total, left="")
        self.bar.start()

    def _update_bar(self) -> None:
        if self.bar is not None and self.left is not None:
            running = Counter(rule for rule, _ in self.left.running.values())
            doing = ", ".join(f"{count} × {rule}" for rule, count in running.most_common(3))
            left = f"{time} left" if (time := self._time_left()) else ""
            self.bar.update(self.task, completed=self.done, total=self.total, description=doing, left=left)

    def _time_left(self) -> str:
        from workflow_scripts.workflow.wording import spell

        if self.left is None:
            return ""
        return spell(self.left.seconds(self.now, self.total - self.done - len(self.left.running)))

    def _and_left(self) -> str:
        return f"; {left} left" if (left := self._time_left()) else ""

    def _job_started(self, record: LogRecord) -> None:
        job: Any = record
        if self.dry_run:
            self.reasons.append((job.rule_name, job.reason, job.is_checkpoint))
            return
        before = self.jobs.get(job.jobid)
        log = next(iter(job.log), "")
        if job.rule_name in OF_A_TRIAL:
            place = int(job.wildcards["round"]), int(job.wildcards["trial"])
            self.scores.get(job.wildcards["sweep"], {}).pop(place, None)
        self.jobs[job.jobid] = Job(job.rule_name, dict(job.wildcards), log, before.attempt if before else 1)
        if self.left is not None:
            self.left.start(job.jobid, job.rule_name, self.now)
        self._update_bar()

    def _progress(self, record: LogRecord) -> None:
        self.done, self.total = record.done, record.total  # type: ignore[attr-defined]
        self._update_bar()

    def _job_finished(self, record: LogRecord) -> None:
        number = record.job_id  # type: ignore[attr-defined]
        self._end(number)
        job = self.jobs.get(number)
        if job is None or self.quiet:
            return
        self.finished[job.rule] += 1
        if self.bar is None and self.now - self.said > SILENCE_SECONDS:
            self._say(f"{self._clock()}  {self.done} of {self.total} jobs{self._and_left()}")
        if job.rule == "score_trial":
            self._show_trial(job)
        elif job.rule == "backtest_incumbent":
            done, all_of_them = self.finished[job.rule], self.counted[job.rule]
            if done * BACKTEST_LINES // all_of_them > (done - 1) * BACKTEST_LINES // all_of_them:
                self._say(f"{self._clock()}  backtest: {done} of {all_of_them} runs{self._and_left()}")
        elif job.rule == "download_bars" and not self._is_brief():
            self._show_market(job)
        elif job.rule == "judge_sweep":
            self._show_verdict(job)
        elif job.rule == "write_report":
            page = Path(job.log).with_name("report.html")
            self.report = page if page.exists() else None  # it may have gone to a bucket

    def _is_brief(self) -> bool:
        """Whether only the lines are shown that tell most: a pipe keeps every line, and of several sweeps many."""
        return len(self.plan) > 1 and not self.console.is_terminal

    def _end(self, job: int, well: bool = True) -> None:
        if self.left is not None:
            self.left.end(job, self.now, well)

    def _clock(self) -> str:
        return strftime("%H:%M:%S", localtime(self.now))

    def _show_market(self, job: Job) -> None:
        """Show what the log says came out: how many days of how many tickers."""
        path = Path(job.log)
        found = LOG_LINE.findall(path.read_text(encoding="utf-8", errors="replace")) if path.is_file() else []
        for line in found:
            if line.startswith("rows="):
                self._say(f"{self._clock()}  {job.wildcards['market']}: {line}")

    def _show_trial(self, job: Job) -> None:
        # The checkout that runs is on Python's path by now; this package may have come with another one.
        from workflow_scripts.analysis.standing import read_default, standing
        from workflow_scripts.sweeps.history import read_score

        sweep, place = job.wildcards["sweep"], (int(job.wildcards["round"]), int(job.wildcards["trial"]))
        path = Path(job.log).with_name("score.json")
        folder = path.parents[2]  # a sweep's, of a round's, of the trial's
        scores = self.scores.setdefault(sweep, {})
        if not path.exists():  # it went to a bucket
            self._say(f"{self._clock()}  {job}: its score is not on this machine")
            return
        scores[place] = read_score(path)
        stands = standing(place, list(scores.values()), read_default(folder))
        planned, count = self.plan.get(sweep, {}).get("trials"), len(scores)
        if planned and len(self.plan) == 1:  # those that are there to be made anew do not count yet
            count = min(count, planned - (self.counted[job.rule] - self.finished[job.rule]))
        if stands.ok and self._is_brief() and not stands.is_best and count != planned:
            return
        row = [self._clock(), sweep, f"{count}/{planned}" if planned else f"{count}", *map(str, place)]
        row += [stands.score, stands.against_default, stands.best] if stands.ok else [stands.score]
        style = GOOD if stands.is_best else "" if stands.ok else BAD
        self._show_row([*row, self._time_left()] if stands.ok else row, style)

    def _scores_before(self) -> "dict[str, dict[tuple[int, int], Score]]":
        """Return the trials that earlier runs scored; one that is made anew leaves when its first job starts.

        The screen lags behind Snakemake, which may have scored some by now: those come with their own events.
        """
        from workflow_scripts.analysis.standing import read_scores

        return {
            name: {(score.round, score.trial): score for score in read_scores(Path(sweep["folder"]), self.began)}
            for name, sweep in self.plan.items()
        }

    def _show_row(self, cells: list[str], style: str) -> None:
        width = max(map(len, (*self.plan, "sweep")))
        widths = {**COLUMNS, "sweep": width}
        if not self.has_header:
            self.has_header = True
            self._say("  ".join(name.ljust(widths[name]) for name in COLUMNS).rstrip(), MUTED)
        self._say(
            "  ".join(cell.ljust(size) for cell, size in zip(cells, widths.values(), strict=False)).rstrip(), style
        )

    def _show_verdict(self, job: Job) -> None:
        from workflow_scripts.workflow.files import read_json

        path = Path(job.log).with_name("verdict.json")
        if path.exists():
            self._say(f"{self._clock()}  {job.wildcards['sweep']}: {read_json(path)['sentence']}", "bold")

    def _job_failed(self, record: LogRecord) -> None:
        failed: Any = record
        if not failed.indent:  # a job of a group says nothing of its own
            job = self.jobs.get(failed.jobid) or Job(failed.rule_name, {})
            self._end(failed.jobid, well=False)
            logs = [_kept(log, job.attempt) for log in failed.log]
            self._show_failure(str(job), logs, failed.rule_msg or self.how_it_ended)
        self.how_it_ended = ""

    def _group_failed(self, record: LogRecord) -> None:
        """Show the jobs of a group whose logs end with an error; where none does, the group's own log."""
        group: Any = record
        before = self.failed
        for job in group.job_error_info:
            self._end(job["jobid"], well=False)
        jobs = [str(self.jobs.get(job["jobid"]) or job["rule_name"]) for job in group.job_error_info]
        logs = [job["log"] for job in group.job_error_info]
        to_blame = [(job, log) for job, log in zip(jobs, logs, strict=True) if _reason(log) is not None]
        for job, log in to_blame:
            self._show_failure(job, log, "")
        if not to_blame:
            of = f" ({jobs[0]}{f' and {len(jobs) - 1} more' if jobs[1:] else ''})" if jobs else ""
            why = "the machine stopped it" if group.aux_logs else NOT_SUBMITTED
            self._show_failure(f"group {group.groupid}{of}", group.aux_logs, why)
        self.failed_groups.append(self.failed - before)

    def _show_failure(self, what: str, logs: list[str], otherwise: str) -> None:
        reason = _reason(logs) or otherwise or "it ended without a word"
        if reason in STOPPED:
            return
        self.failed += 1
        self._say(f"failed  {what}: {reason}", BAD)
        if logs:
            self._say(f"        log: {logs[0]}")

    def _error(self, record: LogRecord) -> None:
        text = record.getMessage().strip()
        if found := HOW_IT_ENDED.search(text):
            signal, status = found.groups()
            self.how_it_ended = f"killed by {signal}" if signal else ENDED.format(status)
            return
        self.stopped = True
        if RAISED_BY_A_RULE.match(text):
            text = "error: " + OF_A_TRACEBACK.sub("", RAISED_BY_A_RULE.sub("", text))
        elif found := RAISED_BY_AN_INPUT.match(text):
            text = f"error: {found[1]}"
        elif text.startswith("LockException:"):
            text = LOCKED
        if "At least one job did not complete" not in text:
            self._say(text, BAD)

    def _explain(self) -> None:
        if not self.reasons or self.silent:
            return
        from workflow_scripts.workflow.reruns import Job as Rerun
        from workflow_scripts.workflow.reruns import explain
        from workflow_scripts.workflow.wording import several

        jobs = [Rerun(*reason) for reason in self.reasons]
        self._say(f"{several(len(jobs), 'job')} would run, of these rules for these reasons:")
        for line in explain(jobs):
            self._say(line)


def _kept(log: str, attempt: int) -> str:
    """Return the log of an attempt that stays when the next one begins, where the job keeps one."""
    kept = Path(log).with_suffix(f".attempt_{attempt}{Path(log).suffix}")
    return str(kept) if kept.exists() else log


def _reason(logs: list[str]) -> str | None:
    """Return the line with which a job's log ends, where that is an error and no line of its work."""
    for log in logs[:1]:
        path = Path(log)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        last = next((line.strip() for line in reversed(lines) if line.strip()), None)
        if last is not None and not LOG_LINE.match(last):
            return last
    return None

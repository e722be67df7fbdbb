"""Show how far the sweeps are, from their files alone: live, until q is pressed, or once."""

import select
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from datetime import datetime
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from workflow_scripts.analysis.progress import Plan, Progress, Results, Run, SweepProgress, words
from workflow_scripts.analysis.standing import difference, number, place
from workflow_scripts.config.model import read_config
from workflow_scripts.config.yaml_files import load_yaml
from workflow_scripts.sweeps.objectives import label
from workflow_scripts.workflow.jobs import command_line
from workflow_scripts.workflow.paths import from_results, root_of
from workflow_scripts.workflow.wording import several, spell

REPORT, PAGE_SECONDS = "workflow_scripts.analysis.write_report", 60
BARS = "▁▂▃▄▅▆▇█"
# How much of each is shown, so that a picture fits a terminal of 80 columns.
CURVE_POINTS, CURVES_OF_A_RUN, CURVES, RUNS, FAILURES = 7, 2, 4, 8, 5


def watch_results(
    results: Path = Path("results"),
    config: Path | None = None,
    once: bool = False,
    seconds: float = 5.0,
    html: Path | None = None,
) -> None:
    """Show sweeps, rounds, trials, speed, time left, the best so far, running trainings and the last failures.

    Args:
        results: the folder of the results; it may be another machine's, on a shared disk.
        config: the configuration that says what is planned; none takes the config.yaml beside the results.
        once: whether to print one picture and end.
        seconds: between two looks.
        html: a page to write of what there is, every minute in which a training ended.

    """
    root = root_of(results)
    plans, note = read_plans((config or root / "config.yaml").absolute(), root)
    if not (results / "sweeps").exists() and not plans:
        sys.exit(f"there are no sweeps in {results}, and {note}: name the folder with --results")
    tree = Results(root, plans)
    console = Console()
    if once or not (console.is_terminal and sys.stdin.isatty()):
        console.print(picture(tree.look(), note, time.time()))
        return
    with keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        page = Page(results, html) if html is not None else None
        while True:
            progress = tree.look()
            notes = [note, page.keep_up(progress, time.monotonic()) if page is not None else ""]
            live.update(picture(progress, "\n".join(filter(None, notes)), time.time()), refresh=True)
            if pressed(seconds) in ("q", "Q", "\x03"):
                return


class Page:
    """The report, written anew by a process of its own while somebody watches.

    Args:
        results: the folder of the results.
        html: the page to write.

    """

    def __init__(self, results: Path, html: Path):
        self.html = html
        self.command = [sys.executable, "-m", REPORT, "--results", str(results), "--report", str(html)]
        self.process: subprocess.Popen[str] | None = None
        self.began: float | None = None
        self.of: Progress | None = None
        self.error = ""

    def keep_up(self, progress: Progress, now: float) -> str:
        """Start to write the page where it is older than a minute and than the last training; say how it stands.

        Args:
            progress: what there is.
            now: seconds of a clock that never goes back.

        """
        written = self.process is None or self.process.poll() is not None
        stale = self.of is None or self.of.last_change != progress.last_change
        if written and stale and (self.began is None or now - self.began >= PAGE_SECONDS):
            self.began, self.of = now, progress
            self.process = subprocess.Popen(
                self.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8"
            )
            written = False
        if not written or self.process is None:
            return f"{self.html} is being written"
        if self.process.returncode == 0:
            return f"{self.html} is of {clock(self.html.stat().st_mtime)}"
        if self.process.stderr is not None and not self.process.stderr.closed:
            self.error = (self.process.stderr.read().strip().splitlines() or ["no reason is known"])[-1]
            self.process.stderr.close()
        return f"{self.html} cannot be written: {self.error}"


@contextmanager
def keys() -> Iterator[Callable[[float], str | None]]:
    """Yield a function that waits up to so many seconds for a key and returns it; the terminal stays as it was."""
    before = termios.tcgetattr(sys.stdin)

    def pressed(seconds: float) -> str | None:
        return sys.stdin.read(1) if select.select([sys.stdin], [], [], seconds)[0] else None

    try:
        tty.setcbreak(sys.stdin)
        yield pressed
    except KeyboardInterrupt:
        pass
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def read_plans(config: Path, root: Path) -> tuple[dict[str, Plan], str]:
    """Return what a configuration says of each sweep of a working folder, and what there is to say of it itself."""
    if not config.exists():
        return {}, f"there is no {config.name} beside it, so that only what has begun is known"
    try:
        with chdir(root):  # search spaces may lie there
            settings = read_config(load_yaml(config))
    except ValueError as error:
        return {}, f"{config.name} cannot be read, so that only what has begun is known: {error}"
    candidates, seeds = settings.top.backtest.top + 2, len(settings.top.seeds.final)
    plans = {
        name: Plan([(round_.size, round_.runs) for round_ in sweep.schedule], candidates * seeds)
        for name, sweep in settings.sweeps.items()
    }
    # A sweep that is repeated before several windows of the test days has itself nothing but its verdict.
    return {**{name: Plan([], 0) for name in settings.judged}, **plans}, ""


def picture(progress: Progress, note: str, now: float) -> Group:
    """Return what is shown: first how far it is, then each sweep, the running trainings, and what failed."""
    parts: list[RenderableType] = [headline(progress, now)]
    parts += [Text(note, style="yellow")] if note else []
    for sweep in progress.sweeps:
        parts += ["", *sweep_lines(sweep)]
    if progress.running:
        parts += ["", running_table(progress.running[:RUNS])]
        if len(progress.running) > RUNS:
            parts.append(f"  and {len(progress.running) - RUNS} more")
    if progress.silent:
        parts += ["", Text("ended without a word; make resume goes on from there", style="bold yellow")]
        parts += [f"  {words(run.folder)}" for run in progress.silent[:RUNS]]
    if progress.failures:
        parts += ["", Text("last failures", style="bold red")]
        for failure in progress.failures[:FAILURES]:
            parts.append(Text(f"  {clock(failure.when)} {failure.what}: {failure.reason}"))
            parts.append(Text(f"           {from_results(failure.file)}", style="dim"))
    return Group(*parts)


def headline(progress: Progress, now: float) -> Text:
    """Return in a line whether something runs, how fast, and for how long yet."""
    if progress.running:
        said = f"{several(len(progress.running), 'training')} running"
        said += f", {progress.runs_a_minute:.2g} end per minute" if progress.runs_a_minute else ""
        said += f", about {spell(progress.seconds_left)} left" if progress.seconds_left else ""
    else:
        left = [sweep.runs_left for sweep in progress.sweeps if sweep.runs_left is not None]
        said = "all trainings have ended" if left and not any(left) else "no training goes on"
        said += f"; the last one ended at {clock(progress.last_change)}" if progress.last_change else ""
    return Text(f"{clock(now)}  {said}", style="bold")


def sweep_lines(sweep: SweepProgress) -> list[RenderableType]:
    """Return a sweep's rounds, its best trial and its verdict."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("round", "trials", "running", "no score", "runs"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for each in sweep.rounds:
        all_runs = each.trials * each.runs if each.trials and each.runs else None
        cells = [str(each.number), of(each.done, each.trials), str(each.running or ""), str(each.without_score or "")]
        table.add_row(*cells, of(each.runs_done, all_runs), bar(each.runs_done, all_runs))
    table.add_row(
        "backtest",
        "",
        "",
        "",
        of(sweep.backtest_done, sweep.backtest_runs),
        bar(sweep.backtest_done, sweep.backtest_runs),
    )
    lines: list[RenderableType] = [Text(f"{sweep.name}  {sweep.about}", style="bold")]
    if sweep.rounds:
        lines.append(table)
    if sweep.best is not None:
        score = number(sweep.best.score) + (f" ± {sweep.interval:#.3g}" if sweep.interval is not None else "")
        against = f", against the default {difference(sweep.against_default)}" if sweep.against_default else ""
        lines.append(f"best so far: {place(sweep.best)}: {label(sweep.objective)} {score}{against} (±: 95 % interval)")
    if sweep.verdict is not None:
        lines.append(f"verdict: {sweep.verdict}")
    return lines


def running_table(runs: list[Run]) -> Table:
    """Return how far trainings are, and their learning curves as far as their logs go."""
    names = list(dict.fromkeys(name for run in runs for name in list(run.curves)[:CURVES_OF_A_RUN]))[:CURVES]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("running", "steps", *names):
        table.add_column(heading, no_wrap=True)
    for run in runs:
        curves = [
            f"{curve(run.curves[name])} {run.curves[name][-1]:.2g}" if name in run.curves else "" for name in names
        ]
        table.add_row(words(run.folder), f"{run.steps / run.budget:.0%}" if run.budget else "starts", *curves)
    return table


def curve(values: list[float]) -> str:
    """Return numbers as a line of bars from the lowest to the highest of them."""
    latest = values[-CURVE_POINTS:]
    low, high = min(latest), max(latest)
    return "".join(BARS[round((value - low) / (high - low) * (len(BARS) - 1)) if high > low else 0] for value in latest)


def bar(done: int, planned: int | None) -> RenderableType:
    """Return a bar, where it is known how long it has to be."""
    return ProgressBar(total=planned, completed=done, width=24) if planned else ""


def of(done: int, planned: int | None) -> str:
    """Return ``3/12``, or ``3`` where it is not known of how many."""
    return str(done) if planned is None else f"{done}/{planned}"


def clock(seconds: float) -> str:
    """Return the time of a day of this machine."""
    return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")


if __name__ == "__main__":
    command_line(watch_results)

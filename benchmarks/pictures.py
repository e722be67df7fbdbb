"""The pictures of docs/ that show the shipped sweep: the screen of a run, make watch, the report, three plots.

A fresh clone runs ``make run`` in a terminal. What that and ``make watch`` show is drawn while the last round trains,
and at the end. ``python benchmarks/pictures.py`` (eight CPU minutes; of what is committed; Chromium draws the report).
"""

import io
import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from shutil import copyfile

import tyro
from rich.console import Console
from rich.text import Text

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.browser import Browser

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SWEEP = "results/sweeps/ppo_smac"
PLANTED = "results/controls/results/sweeps/control_own_strong_0"
ROWS, COLUMNS = 50, 120
RUN, WATCH = "make -o setup run", "make -o setup watch ONCE=1"
# The last of three rounds trains, and has for some seconds.
HALF_WAY, SECONDS = re.compile(r"ppo_smac  8/12 .*× train_agent", re.DOTALL), 5.0
# The bar is drawn anew in its line; at its end the cursor goes up and erases it.
ERASED, GONE = "\x1b[2K", re.compile(r"[^\n]*\n(\x1b\[\?25h|\r)*\x1b\[1A\x1b\[2K")
OTHER_CONTROLS = re.compile(r"\x1b\[[?\d;]*[A-Za-ln-z]|\r")
# rich would have a browser fetch its font.
FETCHED = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Terminal:
    """A command that believes to stand in a terminal.

    Attributes:
        written: what it has written so far.

    """

    def __init__(self, command: str, folder: Path):
        self.written = ""
        self._ours, its = pty.openpty()
        termios.tcsetwinsize(its, (ROWS, COLUMNS))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self._process = subprocess.Popen(
            shlex.split(command), cwd=folder, stdin=its, stdout=its, stderr=its, env=environment
        )
        os.close(its)

    def read(self, until: re.Pattern[str] | None = None, and_seconds: float = 0.0) -> str:
        """Read up to what a pattern finds, and for some seconds more; without one to the end. Return all so far.

        Raises:
            ChildProcessError: the command failed, or ended before.

        """
        stop = None
        while stop is None or time.monotonic() < stop:
            try:
                self.written += os.read(self._ours, 1 << 16).decode(errors="replace")
            except OSError:  # its end of the terminal is closed
                if self._process.wait() or until is not None:
                    raise ChildProcessError(self.written[-2000:]) from None
                break
            if stop is None and until is not None and until.search(self.written):
                stop = time.monotonic() + and_seconds
        return self.written


def lines(written: str) -> list[Text]:
    """Return the lines that stand on a terminal after all that was written to it."""
    kept = GONE.sub("", written).rstrip().split("\n")
    return [Text.from_ansi(OTHER_CONTROLS.sub("", line.rpartition(ERASED)[2])) for line in kept]


def draw(path: Path, title: str, written: str) -> None:
    """Write a picture (.svg) of a terminal's last lines."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in lines(written)[-ROWS:]:
        console.print(line, highlight=False)
    svg = FETCHED.sub("", console.export_svg(title=title, unique_id=path.stem))
    path.write_text("\n".join(map(str.rstrip, svg.splitlines())) + "\n", encoding="utf-8")
    print(path.relative_to(ROOT))


def main(folder: Path | None = None) -> None:
    """Run the shipped sweep in a clone of what is committed, and draw what it shows.

    Args:
        folder: a new folder for the clone, which stays; none: a temporary one.

    """
    with tempfile.TemporaryDirectory() as temporary:
        clone = folder or Path(temporary, "foldsweep")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        (clone / ".venv").symlink_to(ROOT / ".venv")
        run = Terminal(RUN, clone)
        draw(DOCS / "screen_running.svg", "make run", run.read(HALF_WAY, SECONDS))
        draw(DOCS / "watch.svg", "make watch", Terminal(WATCH, clone).read())
        draw(DOCS / "screen.svg", "make run", run.read())
        for plot in ("equity", "importance"):
            copyfile(clone / SWEEP / f"{plot}.svg", DOCS / f"{plot}.svg")
        copyfile(clone / PLANTED / "equity.svg", DOCS / "planted.svg")
        with Browser(1200, 1000) as browser:
            browser.open(clone / "results/report.html")
            browser.run("ready.then(() => drawAll())")
            browser.screenshot(DOCS / "report.png")


if __name__ == "__main__":
    tyro.cli(main)

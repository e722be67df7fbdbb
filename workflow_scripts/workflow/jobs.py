"""How every verb begins and ends: its command line, its log, its error line, its tie to Snakemake."""

import atexit
import io
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import partial, wraps
from pathlib import Path
from types import TracebackType
from typing import Any

import tyro

from workflow_scripts.workflow.files import die_with_parent
from workflow_scripts.workflow.flags import wrong_flags
from workflow_scripts.workflow.usage import write_usage

REFUSALS = (ValueError, OSError)


@contextmanager
def kept_log(attempt: int | None) -> Iterator[None]:
    """Keep the log of an attempt that fails in the block, or is killed there, as ``….attempt_1.log`` beside it.

    Snakemake removes a job's log before it tries the job again. A second name for the file stays, whatever ends the
    process; it goes where the block comes to its end. The first attempt removes those of an earlier start.

    Args:
        attempt: number of the attempt, from 1; none keeps nothing, nor does output that goes to no file.

    """
    log = Path(f"/proc/self/fd/{sys.stderr.fileno()}").resolve() if attempt is not None else None
    if log is None or not log.is_file():
        yield
        return
    if attempt == 1:
        for before in log.parent.glob(f"{log.stem}.attempt_*{log.suffix}"):
            before.unlink()
    kept = log.with_name(f"{log.stem}.attempt_{attempt}{log.suffix}")
    with suppress(OSError):  # a file system without second names
        kept.unlink(missing_ok=True)
        kept.hardlink_to(log)
    yield
    kept.unlink(missing_ok=True)


def start_job(name: str, usage: Path | None = None) -> logging.Logger:
    """Return the logger of a job; from here on an error of the input ends the process with one line.

    Args:
        name: the verb.
        usage: file that receives, when the process ends, what it took.

    Log lines go to stderr, which Snakemake's rules send to the job's log file. A ``ValueError`` or ``OSError`` says
    what is wrong with an input, so that its traceback would only hide it; any other exception keeps its own.
    """
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S", level=logging.INFO, force=True
    )
    die_with_parent()
    sys.excepthook = _explain
    if usage is not None:
        atexit.register(write_usage, usage)
    return logging.getLogger(name)


def command_line(verb: Callable[..., None]) -> None:
    """Run a verb with the flags that were typed; a flag that it does not have is named before what is missing.

    Its help spells the command as one types it, not as a file's path. An error of the input ends it with one line.
    """
    spec = sys.modules["__main__"].__spec__
    name = f"python -m {spec.name}" if spec is not None else None

    @wraps(verb)
    def ready(*values: Any, **named: Any) -> Callable[[], None]:
        return partial(verb, *values, **named)

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
            with suppress(OSError):  # of a warm worker, whose output is another file than when it began
                stream.reconfigure(errors="replace")  # a terminal that has no ± shows a ?
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            run = tyro.cli(ready, prog=name)
    except SystemExit:
        if said.getvalue():
            wrong = wrong_flags(sys.argv[1:], _help(ready))
            sys.stderr.write("".join(f"{line}\n" for line in wrong) + said.getvalue())
        raise
    sys.excepthook = _explain
    run()


def _help(verb: Callable[..., Any]) -> str:
    with redirect_stdout(io.StringIO()) as page, suppress(SystemExit):
        tyro.cli(verb, args=["--help"])
    return page.getvalue()


def _explain(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, REFUSALS):
        logging.getLogger(__name__).debug("refused", exc_info=(kind, error, traceback))
        sys.stderr.write(f"{kind.__name__}: {error}\n")
    else:
        sys.__excepthook__(kind, error, traceback)

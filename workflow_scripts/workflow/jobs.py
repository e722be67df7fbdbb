"""How every verb begins and ends: its log, its error line, its tie to Snakemake."""

import logging
import sys
from types import TracebackType

from workflow_scripts.workflow.files import die_with_parent

REFUSALS = (ValueError, OSError)


def start_job(name: str) -> logging.Logger:
    """Return the logger of a job; from here on an error of the input ends the process with one line.

    Log lines go to stderr, which Snakemake's rules send to the job's log file. A ``ValueError`` or ``OSError`` says
    what is wrong with an input, so that its traceback would only hide it; any other exception keeps its own.
    """
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S", level=logging.INFO, force=True
    )
    die_with_parent()
    sys.excepthook = _explain
    return logging.getLogger(name)


def _explain(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, REFUSALS):
        logging.getLogger(__name__).debug("refused", exc_info=(kind, error, traceback))
        sys.stderr.write(f"{kind.__name__}: {error}\n")
    else:
        sys.__excepthook__(kind, error, traceback)

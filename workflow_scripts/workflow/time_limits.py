"""An end for what may take too long."""

import faulthandler
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INSIST_SECONDS = 5.0


@contextmanager
def time_limit(minutes: float, reason: str, grace_seconds: float = 60.0) -> Iterator[None]:
    """Raise TimeoutError in the block when its time is up.

    It strikes between two steps of the interpreter. Where compiled code does not come to its end in the seconds of
    grace after that, the process ends with exit status 1, and says in which line it was.

    Args:
        minutes: the time, in wall minutes.
        reason: what the error says.
        grace_seconds: how long compiled code may still take.

    """

    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(reason)

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 60 * minutes, INSIST_SECONDS)
    faulthandler.dump_traceback_later(60 * minutes + grace_seconds, exit=True)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)

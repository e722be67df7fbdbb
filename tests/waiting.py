"""Waits of tests: for a condition, so that no test depends on how fast the machine is."""

import time
from collections.abc import Callable
from typing import TypeVar

# Seconds. Only a test that fails waits as long: what is waited for takes a few on an idle machine.
PATIENCE = 300

Found = TypeVar("Found")


def wait_for(condition: Callable[[], Found], otherwise: Callable[[], str] = lambda: "") -> Found:
    """Return what a condition returns, as soon as that is true.

    Raises:
        AssertionError: it was not within ``PATIENCE`` seconds; ``otherwise`` returns what to say then.

    """
    until = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < until, f"not within {PATIENCE} seconds: {otherwise()}"
        time.sleep(0.05)
    return found

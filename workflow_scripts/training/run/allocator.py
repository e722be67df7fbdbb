"""Memory that a run has freed stays its own."""

import ctypes

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NEVER = -1


def keep_freed_memory() -> None:
    """Keep glibc from handing large freed blocks back to the kernel, as it does by default.

    An update takes and frees the same hundreds of MB again and again where there are many tickers: to get their pages
    anew costs a third of such a run. Other C libraries have no ``mallopt``, and go on as they do.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, NEVER)

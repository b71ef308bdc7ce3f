"""Keeps the C library from handing large blocks back to the kernel between steps."""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # malloc.h of glibc


def keep_freed_memory() -> bool:
    """Let freed activations be reused instead of returned; for a whole process.

    A training step on the CPU frees and takes the same hundreds of megabytes again and
    again; glibc maps blocks that large anew each time, and the kernel clears every page.
    Switching that off made steps of the fast net about an eighth faster. A process should
    decide this for itself, so the command does it and the library does not.

    Returns:
        Whether it took effect: only with glibc on Linux.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False  # another C library
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 << 20))
    taken = [mallopt(key, value) for key, value in settings]
    return all(taken)

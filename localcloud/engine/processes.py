"""Processes that must not outlive their owner."""

import ctypes
import signal
import sys

# https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(with_signal: int = signal.SIGTERM) -> None:
    """Called in a child before it executes: the kernel ends it when its parent ends. Nothing happens outside Linux."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(with_signal))

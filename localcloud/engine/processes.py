"""Processes that must not outlive their owner."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

# https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
PR_SET_PDEATHSIG = 1
POLL_S = 0.5
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(with_signal: int = signal.SIGTERM) -> None:
    """Called in a child before it executes: the kernel ends it when its parent ends. Nothing happens outside Linux."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(with_signal))


def end_with_parent(before: Callable[[], None] = lambda: None) -> None:
    """Called when a process starts: it ends soon after its parent has, however that ended; `before` is called first.

    The kernel's own signal would follow the thread that forked, and the engine, a Go program, ends threads as it likes.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_S)
        before()
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()

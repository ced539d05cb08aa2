"""Processes that must not outlive their owner, and which one a process id stands for."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

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


def started_at(pid: int) -> str | None:
    """When a process started, as text that no other process of this id ever has; None when there is none.

    Ids begin anew when a machine does, and are used again. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    if sys.platform != "linux":
        told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
        return told or None
    try:
        # The command's name, in brackets, may have blanks and brackets; the time is the 20th field after it.
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {ticks}"

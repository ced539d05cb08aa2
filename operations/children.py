"""Runs a command as if it had been typed by itself: it gets every signal once, and does not outlive this process.

Pulumi waits at the first ^C for what is under way and writes its state, and ends at once at the second. Whoever starts
it must neither end before it, nor end it, nor keep a signal from it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

# https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(SystemExit):
    """A signal ended this process, after its child had ended: the exit code is 128 + its number, as shells have it."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


@contextmanager
def attended(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """The running command, for as long as the block lasts; `options` are those of Popen. It has ended afterwards.

    On a terminal ^C reaches the command as well as this process; any other signal is passed on. Raises, when the
    command has ended, KeyboardInterrupt if there was a ^C, and Ended for another signal.
    """
    on_terminal = os.isatty(0)
    received: list[int] = []
    with subprocess.Popen(
        command,
        # Without a terminal nobody but this process sends it a signal: a group of its own keeps it from getting two.
        process_group=None if on_terminal else 0,
        preexec_fn=_interrupted_with_parent if _may_prepare() else None,
        **options,
    ) as child:

        def pass_on(number: int, frame: FrameType | None) -> None:
            received.append(number)
            if number != signal.SIGINT or not on_terminal:
                # A service's own SIGTERM means for Pulumi what ^C means: wait for what is under way, then end.
                child.send_signal(signal.SIGINT)

        with _handled(pass_on):
            yield child
            child.wait()
    if signal.SIGINT in received:
        raise KeyboardInterrupt
    if received:
        raise Ended(received[0])


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    """The signals go to the handler while the block runs; outside the main thread nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in PASSED_ON}
    try:
        yield
    finally:
        for number, handled in previous.items():
            signal.signal(number, handled)


def _may_prepare() -> bool:
    # The kernel's signal follows the thread that forked, and Python between fork and exec wants no other thread.
    return _LIBC is not None and threading.current_thread() is threading.main_thread()


def _interrupted_with_parent() -> None:
    """In the child, before it executes: when this process is killed, the kernel sends the child a ^C."""
    assert _LIBC is not None
    _LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))

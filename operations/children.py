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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

# https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
# What a command is sent for what arrives here. SIGHUP would kill Pulumi in the middle; SIGTERM it takes like ^C.
GRACEFUL: Mapping[int, int] = {
    signal.SIGINT: signal.SIGINT,
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGHUP: signal.SIGTERM,
}


class Ended(SystemExit):
    """A signal ended this process: the exit code is 128 + its number, as shells have it."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


@contextmanager
def attended(
    command: Sequence[str], signals: Mapping[int, int] = GRACEFUL, **options: Any
) -> Iterator[subprocess.Popen[Any]]:
    """The running command, for as long as the block lasts; it has ended afterwards. `options` are those of Popen.

    On a terminal ^C reaches the command as well as this process; any other signal is passed on as `signals` say.
    Raises, when the command has ended, KeyboardInterrupt if there was a ^C, and Ended for another signal.
    """
    on_terminal = os.isatty(0)
    received: list[int] = []
    started: list[subprocess.Popen[Any]] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for child in started:
            _send(child, signals, number, on_terminal)

    # The handlers come first: no signal may end this process between the start of the command and its wait.
    with (
        handled(pass_on),
        subprocess.Popen(
            command,
            # Without a terminal nobody but this process sends it signals: a group of its own keeps it from getting two.
            process_group=None if on_terminal else 0,
            preexec_fn=_end_with_parent if _LIBC is not None and _in_main_thread() else None,
            **{"stdin": None if on_terminal else subprocess.DEVNULL, **options},
        ) as child,
    ):
        started.append(child)
        for early in received:
            _send(child, signals, early, on_terminal)
        yield child
        child.wait()
    if signal.SIGINT in received:
        raise KeyboardInterrupt
    if received:
        raise Ended(received[0])


def exit_code(child: "subprocess.Popen[Any]") -> int:
    """The code of a command that has ended, or 128 + the signal that ended it, as shells report it."""
    return int(child.returncode if child.returncode >= 0 else 128 - child.returncode)


def _send(child: "subprocess.Popen[Any]", signals: Mapping[int, int], number: int, on_terminal: bool) -> None:
    if on_terminal and number != signal.SIGINT:
        child.send_signal(signals[number])
    elif not on_terminal and child.poll() is None:
        os.killpg(child.pid, signals[number])


@contextmanager
def handled(handler: Any, numbers: Sequence[int] = tuple(GRACEFUL)) -> Iterator[None]:
    """These signals go to the handler while the block runs; outside the main thread nothing changes."""
    if not _in_main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def end(number: int, frame: FrameType | None) -> NoReturn:
    """A handler that ends this process as an error would: what is held is released on the way out."""
    raise Ended(number)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _end_with_parent() -> None:
    """In the child, before it executes: when this process is killed, the kernel sends the child a SIGTERM."""
    assert _LIBC is not None
    _LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))

"""One line for each step of set-up: its name, what it does, how far it is, how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

TERMINAL_INTERVAL_S = 0.2
# Where the output is kept in a log, a sign of life now and then is enough.
LOG_INTERVAL_S = 20.0


class Step:
    """A step under way. On a terminal its line is rewritten in place; elsewhere a new one is printed now and then."""

    def __init__(self, name: str, what: str, out: TextIO) -> None:
        self._prefix = f"{name:<14}"
        self._what = what
        self._out = out
        self._terminal = out.isatty()
        self._began = time.monotonic()
        self._shown = 0.0 if self._terminal else self._began

    def progress(self, text: str) -> None:
        """Says how far the step is, such as `412 of 1,800 packages`. May be called as often as one likes."""
        interval = TERMINAL_INTERVAL_S if self._terminal else LOG_INTERVAL_S
        if time.monotonic() - self._shown >= interval:
            self._shown = time.monotonic()
            self._print(f"{self._what}: {text}", end="" if self._terminal else "\n")

    def done(self, result: str) -> None:
        """Prints the step's last line."""
        self._print(result, end="\n")

    def _print(self, text: str, end: str) -> None:
        line = f"{self._prefix}{text} ({time.monotonic() - self._began:.1f} s)"
        start = "\r\033[K" if self._terminal else ""
        print(f"{start}{line}", end=end, file=self._out, flush=True)


@contextmanager
def step(name: str, what: str, out: TextIO | None = None) -> Iterator[Step]:
    """Announces a step and yields it; an exception ends its line, so that the message starts on a new one."""
    current = Step(name, what, out or sys.stderr)
    current.progress("started")
    try:
        yield current
    except BaseException:
        current.done(f"{what}: failed")
        raise

"""Invocations that run one at a time: a scheduler lets one take single steps, or kills it between two."""

from __future__ import annotations

import threading
from _thread import start_new_thread
from collections.abc import Callable


class KilledError(BaseException):
    """The sandbox is gone, whatever the function would do about an error."""


class Actor:
    """An invocation in a thread of its own, which runs only while `step` or `finish` waits for it."""

    def __init__(self, name: str, work: Callable[[Actor], None]) -> None:
        self.name = name
        self.ended = False
        self.before = ""
        self.error: BaseException | None = None
        self._killed = False
        # One thread takes them and the other releases them: semaphores, written in Python, take five times as long.
        self._go, self._parked = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._parked.acquire()
        # A Thread's start waits until it runs, which nobody needs here.
        start_new_thread(self._run, (work,))

    def _run(self, work: Callable[[Actor], None]) -> None:
        self._go.acquire()
        try:
            if not self._killed:
                work(self)
        except BaseException as error:
            self.error = error
        self.ended = True
        self._parked.release()

    def park(self, before: str = "") -> None:
        """Called by the work between two steps; `before` is what it is about to do."""
        self.before = before
        self._parked.release()
        self._go.acquire()
        if self._killed:
            raise KilledError

    def step(self, steps: int = 1) -> None:
        for _ in range(steps):
            if not self.ended:
                self._go.release()
                self._parked.acquire()

    def finish(self) -> None:
        steps = 0
        while not self.ended:
            steps += 1
            assert steps < 20_000, f"{self.name} does not end"
            self.step()

    def kill(self) -> None:
        self._killed = True
        self.finish()

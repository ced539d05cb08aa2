"""Keeps the use of a table's capacity below a bound, over all threads together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["RateLimit"]


class RateLimit:
    """At most `units_per_s` capacity units a second; None sets no bound. `clock` and `sleep` are in seconds."""

    def __init__(
        self,
        units_per_s: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.spent = 0.0
        self._rate = units_per_s
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()
        self._lock = threading.Lock()

    def spend(self, units: float) -> None:
        """Account for a call that used so many units, and wait until the next one may be made."""
        with self._lock:
            self.spent += units
            if self._rate is None:
                return
            now = self._clock()
            # Time in which nothing was used is not saved up: capacity that bursts is throttled elsewhere.
            self._free_at = max(self._free_at, now) + units / self._rate
            wait_s = self._free_at - now
        if wait_s > 0:
            self._sleep(wait_s)

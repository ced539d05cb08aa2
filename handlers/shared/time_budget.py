"""How long an invocation may go on trying."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["LambdaContext", "TimeBudget"]

# https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ (full jitter)
BASE_DELAY_S = 0.05
MAX_DELAY_S = 5.0

# The last call may take a connect and a read timeout (handlers.shared.clients); the log line and the reply come after.
# A function with a short timeout keeps back a quarter of it.
RESERVE_S = 10.0
RESERVE_SHARE = 0.25


class LambdaContext(Protocol):
    """The part of Lambda's context object that the handlers use.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    aws_request_id: str
    function_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


def wait(delay_s: float) -> None:
    """Pause this thread."""
    time.sleep(delay_s)


class TimeBudget:
    """The time left for calls and for the pauses between them, a reserve kept back.

    `remaining_ms` gives the milliseconds until Lambda ends the invocation; `sleep` takes seconds, and is time.sleep
    unless it is given; `uniform` draws a number between its two arguments. Safe to use from several threads.
    """

    def __init__(
        self,
        remaining_ms: Callable[[], int],
        sleep: Callable[[float], None] | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._remaining_ms = remaining_ms
        self._reserve_s = min(RESERVE_S, remaining_ms() / 1000 * RESERVE_SHARE)
        self._sleep = sleep or wait
        self._uniform = uniform

    def left_s(self) -> float:
        """Seconds left for starting calls; negative once the reserve is being used."""
        return self._remaining_ms() / 1000 - self._reserve_s

    def pause(self, attempt: int) -> bool:
        """Sleeps before another attempt (`attempt` counts the failed ones before this, from 0).

        False, without sleeping, when no time would be left after the pause.
        """
        # The exponent is bounded, since an invocation of 15 minutes may try more often than a float has range.
        delay_s = self._uniform(0.0, min(MAX_DELAY_S, BASE_DELAY_S * 2 ** min(attempt, 10)))
        if delay_s >= self.left_s():
            return False
        self._sleep(delay_s)
        return True

"""The one way in which a test waits."""

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_UNSET: Any = object()
TIMEOUT_S = 10.0
# How many times as long everything may take on the target of this run, which says so before the first test.
patience = 1.0

# States that last: nobody who waits for another one would see it. Of Firehose (API_DeliveryStreamDescription), Lambda
# (API_FunctionConfiguration), DynamoDB (API_KinesisDataStreamDestination), and of executions, queries and exports.
LASTING = {"CREATING_FAILED", "DELETING_FAILED", "ENABLE_FAILED", "Failed", "FAILED", "ABORTED", "TIMED_OUT"}
STATES = ("State", "Status")  # what the names of their fields end with


def eventually(
    observe: Callable[[], T],
    *,
    until: Callable[[T], object] = bool,
    equals: Any = _UNSET,
    timeout: float = TIMEOUT_S,
    interval: float = 0.02,
    retry: tuple[type[Exception], ...] = (),
) -> T:
    """Call `observe` until its result is what the test waits for, and return that result.

    The wait is over when `until(result)` holds, or when the result `equals` the given value. An AssertionError inside
    `observe`, or an exception named in `retry`, means "not yet"; any other exception ends the wait at once, and so does
    a state that lasts (`LASTING`). `timeout` and `interval` are in seconds, and the first is what a local cloud takes.
    Raises AssertionError with the last observation when the time is up.
    """
    timeout *= patience
    deadline = time.monotonic() + timeout
    while True:
        try:
            seen: Any = observe()
            done = seen == equals if equals is not _UNSET else until(seen)
        except (AssertionError, *retry) as not_yet:
            seen, done = not_yet, False
        if done:
            return seen
        if lasting := _lasting(seen):
            raise AssertionError(f"{lasting} is a state that lasts; last observed {_shortened(seen)}")
        if time.monotonic() > deadline:
            wanted = f"; wanted {_shortened(equals)}" if equals is not _UNSET else ""
            raise AssertionError(f"not within {timeout:g} s; last observed {_shortened(seen)}{wanted}")
        time.sleep(interval)


def _lasting(seen: object) -> str | None:
    """The lasting state that was observed: a state itself, one of a description, or one of several."""
    if isinstance(seen, Mapping):
        seen = [one for name, one in seen.items() if str(name).endswith(STATES)]
    if isinstance(seen, list):
        return next(filter(None, map(_lasting, seen)), None)
    return seen if isinstance(seen, str) and seen in LASTING else None


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 2000 else f"{text[:1500]} … ({len(text)} characters) … {text[-400:]}"

"""The one way in which a test waits."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

_UNSET: Any = object()


def eventually(
    observe: Callable[[], T],
    *,
    until: Callable[[T], object] = bool,
    equals: Any = _UNSET,
    timeout: float = 10.0,
    interval: float = 0.02,
    retry: tuple[type[Exception], ...] = (),
) -> T:
    """Call `observe` until its result is what the test waits for, and return that result.

    The wait is over when `until(result)` holds, or when the result `equals` the given value. An AssertionError inside
    `observe`, or an exception named in `retry`, means "not yet"; any other exception ends the wait at once. `timeout`
    and `interval` are in seconds. Raises AssertionError with the last observation when the time is up.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            seen: Any = observe()
            done = seen == equals if equals is not _UNSET else until(seen)
        except (AssertionError, *retry) as not_yet:
            seen, done = not_yet, False
        if done:
            return seen
        if time.monotonic() > deadline:
            wanted = f"; wanted {_shortened(equals)}" if equals is not _UNSET else ""
            raise AssertionError(f"not within {timeout:g} s; last observed {_shortened(seen)}{wanted}")
        time.sleep(interval)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 2000 else f"{text[:1500]} … ({len(text)} characters) … {text[-400:]}"

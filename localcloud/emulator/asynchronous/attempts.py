"""Decides what follows from an attempt to process an event. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from dataclasses import dataclass

from localcloud.emulator.asynchronous.settings import Settings

RETRIES_EXHAUSTED = "RetriesExhausted"
TOO_OLD = "EventAgeExceeded"
NO_CONCURRENCY = "ZeroReservedConcurrency"
SUCCESS = "Success"

# AWS waits a minute before the first retry and two before the second.
RETRY_PAUSES_S = (0.5, 1.0)
# AWS: from a second, doubled up to five minutes, while the function is throttled.
FIRST_THROTTLED_PAUSE_S, LONGEST_THROTTLED_PAUSE_S = 0.1, 1.0


@dataclass(frozen=True)
class Retry:
    """Try again after so many seconds."""

    pause_s: float


@dataclass(frozen=True)
class End:
    """No further attempt; `condition` as in the record that destinations get."""

    condition: str


def before_attempt(settings: Settings, age_s: float) -> End | None:
    """Whether an event ends without being sent: too old, or for a function that may not run at all."""
    if settings.reserved_concurrency == 0:
        return End(NO_CONCURRENCY)
    return End(TOO_OLD) if age_s > settings.maximum_age_s else None


def after_failure(settings: Settings, failures: int, age_s: float) -> Retry | End:
    """What follows when the function has failed so many times. An event is dropped once it will be too old."""
    if failures > settings.retries:
        return End(RETRIES_EXHAUSTED)
    pause_s = RETRY_PAUSES_S[min(failures, len(RETRY_PAUSES_S)) - 1]
    return End(TOO_OLD) if age_s + pause_s > settings.maximum_age_s else Retry(pause_s)


def after_throttling(throttled: int) -> Retry:
    """What follows when the function was throttled so many times in a row, which is no failure."""
    return Retry(min(LONGEST_THROTTLED_PAUSE_S, FIRST_THROTTLED_PAUSE_S * 2 ** (throttled - 1)))

"""Decides how a batch that failed goes on: retried, split, or given up.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html and …/services-dynamodb-errors.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.emulator.event_sources.pauses import pause_s
from localcloud.emulator.event_sources.records import StreamRecord
from localcloud.emulator.event_sources.settings import Settings


@dataclass(frozen=True)
class Attempt:
    """Records to be sent together.

    `failures` counts against the retry quota, `invocations` the calls with just these records.
    """

    records: tuple[StreamRecord, ...]
    failures: int = 0
    invocations: int = 0


@dataclass(frozen=True)
class Next:
    """What follows a failed attempt: the attempts to make, in order, after `wait_s`;
    or, without any, what is given up.
    """

    attempts: tuple[Attempt, ...] = ()
    wait_s: float = 0.0
    discarded: Attempt | None = None


def after_failure(attempt: Attempt, failed_from: int, settings: Settings) -> Next:
    """What to do when the records from index `failed_from` on were not processed.

    Records before it are done. A batch is split in two when BisectBatchOnFunctionError is set and it holds more than
    one record, which does not count as a retry; a partial failure splits it at the failed record. Otherwise the rest
    is retried until the quota is used up, which begins anew when there was progress: as recorded, three retries are
    four calls with the failed record alone after the one that found it.
    """
    rest = attempt.records[failed_from:]
    if settings.bisect and len(attempt.records) > 1:
        if failed_from:
            return Next((Attempt(rest),))
        middle = len(rest) // 2
        return Next(tuple(Attempt(half, attempt.failures) for half in (rest[:middle], rest[middle:])))
    if failed_from:  # progress makes it another batch, for which the call counts as little
        return Next((Attempt(rest),), pause_s(1))
    failures = attempt.failures + 1
    following = Attempt(rest, failures, attempt.invocations + 1)
    if settings.maximum_retries is not None and failures > settings.maximum_retries:
        return Next(discarded=following)
    return Next((following,), pause_s(failures))


def too_old(records: Sequence[StreamRecord], maximum_age_s: float | None, now_s: float) -> int:
    """How many of the leading records are older than MaximumRecordAgeInSeconds."""
    if maximum_age_s is None:
        return 0
    for count, record in enumerate(records):
        if now_s - record.arrival_s <= maximum_age_s:
            return count
    return len(records)

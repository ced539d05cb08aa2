"""Objects on their way to S3: how a closed buffer becomes an object, and how long its delivery is tried.

https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html
https://docs.aws.amazon.com/firehose/latest/dev/troubleshooting.html (S3 deliveries are retried for 24 hours)
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from localcloud.emulator.firehose import conversion, failures, monitoring
from localcloud.emulator.firehose.compression import FORMATS
from localcloud.emulator.firehose.destinations import Configuration, Destination
from localcloud.emulator.firehose.errors import DeliveryError
from localcloud.emulator.firehose.identity import Identity
from localcloud.emulator.firehose.partitioning import Keys, Partition
from localcloud.emulator.firehose.prefixes import data_prefix, error_prefix, local_time, object_suffix
from localcloud.emulator.firehose.records import Failure, Record
from localcloud.emulator.storage import StorageError, put_object

logger = logging.getLogger(__name__)

RETENTION_S = 24 * 60 * 60.0
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0

Kind = Literal["data", "error", "backup"]
_METRIC_PREFIX: dict[Kind, str] = {"data": "DeliveryToS3", "error": "DeliveryToS3", "backup": "BackupToS3"}


@dataclass
class Outgoing:
    """An object that waits for delivery. Times are of the monotonic clock, in seconds, but `oldest_ms` since the epoch.

    Objects of one `group` are delivered in order, to where the stream is set to deliver at that time. `records` are
    kept where a failed delivery ends in the error output.
    """

    kind: Kind
    group: Hashable
    key: str
    body: bytes
    record_count: int
    oldest_ms: int
    records: Sequence[Record] = ()
    attempts: int = 0
    created_s: float = field(default_factory=time.monotonic)
    next_attempt_s: float = 0.0
    error: DeliveryError | None = None


def data_object(
    stream: Identity, configuration: Configuration, group: Partition, records: Sequence[Record], keys: Keys
) -> tuple[Outgoing | None, list[Failure]]:
    """The object of a closed buffer, and the records that could not be converted to its format.

    There is no object when no record is left.
    """
    destination = configuration.destination
    failed: list[Failure] = []
    if destination.conversion is not None:
        body, extension, kept, failed = conversion.convert(stream, destination, records)
        if not kept:
            return None, failed
        records = kept
    else:
        compress, extension = FORMATS[destination.compression]
        body = compress(b"".join(record.data for record in records))
    oldest_ms = min(record.arrival_ms for record in records)
    t = local_time(oldest_ms, destination.time_zone)
    suffix = object_suffix(stream.name, configuration.version, t, destination.extension or extension)
    key = data_prefix(destination.prefix, t, keys) + suffix
    kept_records = records if destination.partitioned else ()
    return Outgoing("data", ("data", group), key, body, len(records), oldest_ms, kept_records), failed


def error_object(stream: Identity, configuration: Configuration, kind: str, failed: Sequence[Failure]) -> Outgoing:
    """The object of a closed buffer of failed records, under the error prefix."""
    destination = configuration.destination
    compress, extension = FORMATS[destination.compression]
    oldest_ms = min(failure.record.arrival_ms for failure in failed)
    t = local_time(oldest_ms, destination.time_zone)
    suffix = object_suffix(stream.name, configuration.version, t, destination.extension or extension)
    key = error_prefix(destination.error_prefix, destination.prefix, t, kind) + suffix
    return Outgoing("error", ("error", kind), key, compress(failures.body(failed)), len(failed), oldest_ms)


def backup_object(stream: Identity, configuration: Configuration, records: Sequence[Record]) -> Outgoing:
    """The object of the source records as they came, under the backup's own prefix; its error prefix is ignored.

    https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html (Semantic rules)
    """
    backup = configuration.destination.backup
    assert backup is not None
    compress, extension = FORMATS[backup.compression]
    oldest_ms = min(record.arrival_ms for record in records)
    t = local_time(oldest_ms, backup.time_zone)
    key = data_prefix(backup.prefix, t, {}) + object_suffix(stream.name, configuration.version, t, extension)
    body = compress(b"".join(record.data for record in records))
    return Outgoing("backup", "backup", key, body, len(records), oldest_ms)


class Outbound:
    """The objects that wait for delivery, in order within their group."""

    def __init__(self, stream: Identity) -> None:
        self._stream = stream
        self._waiting: dict[Hashable, deque[Outgoing]] = {}

    def add(self, outgoing: Outgoing) -> None:
        self._waiting.setdefault(outgoing.group, deque()).append(outgoing)

    def waiting_bytes(self) -> int:
        return sum(len(outgoing.body) for queue in self._waiting.values() for outgoing in queue)

    def next_attempt_s(self) -> float | None:
        return min((queue[0].next_attempt_s for queue in self._waiting.values()), default=None)

    def attempt(self, destination: Destination, now_s: float, stopped: Callable[[], bool]) -> list[DeliveryError]:
        """Deliver what is due; returns what went wrong. A failed object holds back those behind it in its group."""
        errors = []
        for group, queue in list(self._waiting.items()):
            while queue and queue[0].next_attempt_s <= now_s and not stopped():
                error = self._put(queue[0], destination)
                if error is not None:
                    errors.append(error)
                    break
                queue.popleft()
            if not queue:
                del self._waiting[group]
        return errors

    def expired(self, now_s: float, destination: Destination) -> list[tuple[Outgoing, DeliveryError]]:
        """Take out the objects that have been tried for long enough.

        With dynamic partitioning the data goes to the error output after the retry duration, otherwise it is kept for
        24 hours. https://docs.aws.amazon.com/firehose/latest/APIReference/API_DynamicPartitioningConfiguration.html
        """
        gone = []
        for group, queue in list(self._waiting.items()):
            limit_s = destination.retry_s if destination.partitioned and queue[0].kind == "data" else RETENTION_S
            while queue and queue[0].error is not None and now_s - queue[0].created_s >= limit_s:
                outgoing = queue.popleft()
                if outgoing.error is not None:
                    gone.append((outgoing, outgoing.error))
            if not queue:
                del self._waiting[group]
        return gone

    def _put(self, outgoing: Outgoing, destination: Destination) -> DeliveryError | None:
        target = destination.backup if outgoing.kind == "backup" and destination.backup else destination
        outgoing.attempts += 1
        outgoing.error = None
        try:
            session = self._stream.session(target.role_arn)
            put_object(
                session,
                target.bucket,
                outgoing.key,
                outgoing.body,
                key_arn=target.key_arn,
                region=self._stream.region,
            )
        except DeliveryError as error:
            outgoing.error = error
        except StorageError as error:
            outgoing.error = DeliveryError.of_storage(error)
        except Exception as error:
            logger.exception("Firehose %s: writing %s failed", self._stream.arn, outgoing.key)
            outgoing.error = DeliveryError("InternalError", f"An internal error occurred: {error}")
        if outgoing.error is not None:
            pause_s = min(FIRST_PAUSE_S * 2 ** (outgoing.attempts - 1), LONGEST_PAUSE_S)
            outgoing.next_attempt_s = time.monotonic() + pause_s
        self._measure(outgoing)
        return outgoing.error

    def _measure(self, outgoing: Outgoing) -> None:
        prefix = _METRIC_PREFIX[outgoing.kind]
        age_s = max(0.0, time.time() - outgoing.oldest_ms / 1000)
        monitoring.measure(self._stream, {f"{prefix}.Success": 0.0 if outgoing.error else 1.0})
        monitoring.measure(self._stream, {f"{prefix}.DataFreshness": age_s}, "Seconds")
        if outgoing.error is None:
            delivered = {f"{prefix}.Records": float(outgoing.record_count), f"{prefix}.ObjectCount": 1.0}
            monitoring.measure(self._stream, delivered)
            monitoring.measure(self._stream, {f"{prefix}.Bytes": len(outgoing.body)}, "Bytes")

"""A delivery stream at work: one thread that buffers, transforms, partitions and delivers the records it is given, in
order.

The thread starts with the first record and waits on a condition when there is nothing to do. Everything is done as the
delivery role, whose permissions are looked up each time.
"""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from localcloud.emulator.firehose import delivery, failures, monitoring, partitioning, transformation
from localcloud.emulator.firehose.buffering import Buffers
from localcloud.emulator.firehose.destinations import Configuration, Destination
from localcloud.emulator.firehose.errors import DeliveryError, RecordError
from localcloud.emulator.firehose.identity import Identity
from localcloud.emulator.firehose.records import Failure, Record

logger = logging.getLogger(__name__)

# AWS stores what it cannot deliver for 24 hours; here memory is the limit, and beyond it puts are refused as on AWS
# when a stream's throughput is exceeded. https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html
MAX_BACKLOG_BYTES = 192 * 1024 * 1024


class Pipeline:
    """Delivers the records of one stream.

    `configuration` returns what the stream is set to now, None when it is gone; it is read anew at every step, so that
    an update takes effect with the next one.
    """

    def __init__(self, stream: Identity, configuration: Callable[[], Configuration | None]) -> None:
        self._stream = stream
        self._configuration = configuration
        self._condition = threading.Condition()
        self._inbox: deque[Record] = deque()
        self._inbox_bytes = 0
        self._held_bytes = 0
        self._changed = False
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._transform: Buffers[None, Record] = Buffers(0, 0)
        self._data: Buffers[partitioning.Partition, tuple[Record, partitioning.Keys]] = Buffers(0, 0)
        self._backup: Buffers[None, Record] = Buffers(0, 0)
        self._errors: Buffers[str, Failure] = Buffers(0, 0)
        self._outbound = delivery.Outbound(stream)

    def put(self, records: Sequence[Record]) -> int:
        """Take in as many of the records as there is room for, in order; returns how many."""
        with self._condition:
            room = MAX_BACKLOG_BYTES - self._held_bytes - self._inbox_bytes
            taken = 0
            for record in records:
                room -= len(record.data)
                if room < 0:
                    break
                self._inbox.append(record)
                self._inbox_bytes += len(record.data)
                taken += 1
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name=f"firehose-{self._stream.name}", daemon=True)
                self._thread.start()
            self._condition.notify()
        return taken

    def reconsider(self) -> None:
        """Look at the configuration again: it has changed, and what waits may be due."""
        with self._condition:
            self._changed = True
            self._condition.notify()

    def stop(self) -> None:
        """Deliver nothing more: deleting a stream deletes its data.

        https://docs.aws.amazon.com/firehose/latest/APIReference/API_DeleteDeliveryStream.html
        """
        with self._condition:
            self._stopped = True
            self._inbox.clear()
            self._condition.notify()

    def _run(self) -> None:
        while (records := self._next()) is not None:
            configuration = self._configuration()
            if configuration is None:
                return
            try:
                self._step(records, configuration)
            except Exception:
                # What came in with this step is lost: a mistake of this code, which must not end the stream.
                logger.exception("Firehose %s: a step failed", self._stream.arn)

    def _next(self) -> list[Record] | None:
        """Wait for records or for a buffer or a retry that is due; None when the stream is to stop."""
        with self._condition:
            self._held_bytes = self._held()
            while not (self._stopped or self._inbox or self._changed):
                due_s = self._next_due_s()
                wait_s = None if due_s is None else due_s - time.monotonic()
                if wait_s is not None and wait_s <= 0:
                    break
                self._condition.wait(wait_s)
            if self._stopped:
                return None
            self._changed = False
            records = list(self._inbox)
            self._inbox.clear()
            self._inbox_bytes = 0
            self._held_bytes += sum(len(record.data) for record in records)
            return records

    def _next_due_s(self) -> float | None:
        times = [buffers.next_due_s() for buffers in (self._transform, self._data, self._backup, self._errors)]
        return min((t for t in (*times, self._outbound.next_attempt_s()) if t is not None), default=None)

    def _held(self) -> int:
        buffers = (self._transform, self._data, self._backup, self._errors)
        return sum(b.buffered_bytes() for b in buffers) + self._outbound.waiting_bytes()

    def _step(self, records: Sequence[Record], configuration: Configuration) -> None:
        destination = configuration.destination
        self._take_hints(destination)
        now_s = time.monotonic()
        if destination.backup is not None:
            for record in records:
                for _, batch in self._backup.add(None, record, len(record.data), now_s):
                    self._outbound.add(delivery.backup_object(self._stream, configuration, batch))
        if destination.deaggregation is not None:
            delimiter = destination.deaggregation
            records = [part for record in records for part in partitioning.split(record, delimiter)]
        for record in self._transformed(records, configuration):
            self._arrange(record, configuration)
        self._seal_due(configuration)
        self._deliver(configuration)

    def _take_hints(self, destination: Destination) -> None:
        for buffers in (self._data, self._errors, self._backup):
            buffers.size_bytes, buffers.interval_s = destination.size_bytes, destination.interval_s
        if destination.backup is not None:
            self._backup.size_bytes = destination.backup.size_bytes
            self._backup.interval_s = destination.backup.interval_s
        if destination.transform is not None:
            self._transform.size_bytes = destination.transform.size_bytes
            self._transform.interval_s = destination.transform.interval_s

    def _transformed(self, records: Sequence[Record], configuration: Configuration) -> Iterator[Record]:
        """The records to deliver: as they came, or what the function made of the batches that are full or due."""
        transform = configuration.destination.transform
        if transform is None:
            # An update may have taken the function away while records waited for it.
            waiting = [record for _, batch in self._transform.due(float("inf")) for record in batch]
            yield from itertools.chain(waiting, records)
            return
        for record in records:
            for _, batch in self._transform.add(None, record, len(record.data), time.monotonic()):
                yield from self._transform_batch(batch, configuration)
        for _, batch in self._transform.due(time.monotonic()):
            yield from self._transform_batch(batch, configuration)

    def _transform_batch(self, batch: list[Record], configuration: Configuration) -> list[Record]:
        destination = configuration.destination
        assert destination.transform is not None
        function_arn = destination.transform.function_arn
        result = transformation.run(
            self._stream, destination.role_arn, destination.transform, batch, configuration.source_arn
        )
        outcome = result.outcome
        succeeded = len(outcome.transformed) + outcome.dropped
        monitoring.measure(
            self._stream,
            {"ExecuteProcessing.Success": 0.0 if result.error else 1.0, "SucceedProcessing.Records": succeeded},
        )
        monitoring.measure(self._stream, {"ExecuteProcessing.Duration": result.duration_s * 1000}, "Milliseconds")
        transformed_bytes = sum(len(record.data) for record in outcome.transformed)
        monitoring.measure(self._stream, {"SucceedProcessing.Bytes": transformed_bytes}, "Bytes")
        reasons = {
            error.code: error.message for _, error in outcome.failed if error.code != "Lambda.ProcessingFailedStatus"
        }
        for code, message in reasons.items():
            self._log(DeliveryError(code, message), configuration, processor=function_arn)
        for record, error in outcome.failed:
            self._fail(failures.processing_failure(record, error, result.attempts, function_arn), configuration)
        return outcome.transformed

    def _arrange(self, record: Record, configuration: Configuration) -> None:
        """Put a record into the buffer of its partition."""
        destination = configuration.destination
        group: partitioning.Partition = ()
        keys: partitioning.Keys = {}
        if destination.partitioned:
            try:
                group, keys = partitioning.partition(record, destination)
                if group not in self._data and len(self._data) >= partitioning.MAX_ACTIVE_PARTITIONS:
                    monitoring.measure(self._stream, {"PartitionCountExceeded": 1})
                    raise RecordError(
                        "DynamicPartitioning.ActivePartitionsLimitExceeded", "Active partitions limit exceeded"
                    )
            except RecordError as error:
                self._fail(failures.processing_failure(record, error, 1), configuration)
                return
        if destination.newline:
            record = replace(record, data=record.data + b"\n")
        for closed, batch in self._data.add(group, (record, keys), len(record.data), time.monotonic()):
            self._seal(closed, batch, configuration)

    def _fail(self, failure: Failure, configuration: Configuration) -> None:
        # The document, with its data in base64, is what is buffered.
        size = len(failure.record.data) * 4 // 3 + 256
        for kind, batch in self._errors.add(failure.output_type, failure, size, time.monotonic()):
            self._outbound.add(delivery.error_object(self._stream, configuration, kind, batch))

    def _seal(
        self,
        group: partitioning.Partition,
        batch: list[tuple[Record, partitioning.Keys]],
        configuration: Configuration,
    ) -> None:
        sealed, failed = delivery.data_object(
            self._stream, configuration, group, [record for record, _ in batch], batch[0][1]
        )
        for failure in failed:
            self._fail(failure, configuration)
        if sealed is not None:
            self._outbound.add(sealed)

    def _seal_due(self, configuration: Configuration) -> None:
        now_s, partitions = time.monotonic(), len(self._data)
        due = self._data.due(now_s)
        if due and configuration.destination.partitioned:
            monitoring.measure(self._stream, {"PartitionCount": partitions})
        for group, entries in due:
            self._seal(group, entries, configuration)
        for _, batch in self._backup.due(now_s):
            self._outbound.add(delivery.backup_object(self._stream, configuration, batch))
        for kind, failed in self._errors.due(now_s):
            self._outbound.add(delivery.error_object(self._stream, configuration, kind, failed))

    def _deliver(self, configuration: Configuration) -> None:
        for error in self._outbound.attempt(configuration.destination, time.monotonic(), lambda: self._stopped):
            self._log(error, configuration)
        for waiting, error in self._outbound.expired(time.monotonic(), configuration.destination):
            failure = RecordError(error.code, error.message)
            for record in waiting.records:
                self._fail(failures.processing_failure(record, failure, waiting.attempts), configuration)

    def _log(self, error: DeliveryError, configuration: Configuration, processor: str | None = None) -> None:
        destination = configuration.destination
        try:
            session = self._stream.session(destination.role_arn)
        except DeliveryError:
            session = None
        monitoring.log_error(
            self._stream,
            session,
            destination.log,
            error,
            destination_arn=f"arn:aws:s3:::{destination.bucket}",
            version=configuration.version,
            processor=processor,
        )

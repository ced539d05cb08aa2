"""Kinesis streams as sources: a thread for each delivery stream that reads its shards and feeds its pipeline.

Read as the role of the source configuration, from LATEST, parents before children; every operation is tried again for
ever.
https://docs.aws.amazon.com/firehose/latest/dev/writing-with-kinesis-streams.html
https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any

from localcloud.emulator import kinesis
from localcloud.emulator.access.authorization import AccessDenied, require
from localcloud.emulator.access.keys import KmsError
from localcloud.emulator.firehose import kpl, monitoring, streams
from localcloud.emulator.firehose.errors import DeliveryError
from localcloud.emulator.firehose.identity import Identity
from localcloud.emulator.firehose.records import KinesisOrigin, Record, new_record_id
from localcloud.emulator.key_use.streams import require_stream_key
from localcloud.emulator.shard_ranges import ShardRange

logger = logging.getLogger(__name__)

# https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html (Grant Firehose access to a Kinesis data
# stream)
_ACTIONS = ("kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords")
READ_RECORDS = 10_000
READ_BYTES = 4 * 1024 * 1024
# One read takes what came in meanwhile, as AWS's readers, which ask once a second, do.
READ_PAUSE_S = 0.1
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 2.0

_lock = threading.Lock()
_sources: dict[str, "Source"] = {}


class Source:
    """Reads the source stream of one delivery stream until it is stopped."""

    def __init__(self, stored: dict[str, Any]) -> None:
        self._stored = stored
        self._stream: Identity = streams.identity_of(stored)
        self._arn: str = stored["kinesis_source"]["KinesisStreamARN"]
        self._role_arn: str = stored["kinesis_source"]["RoleARN"]
        self._positions: dict[str, int] = self._latest()
        self._finished: set[str] = set()
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._pause_s = FIRST_PAUSE_S
        self._unsubscribe = kinesis.subscribe(self._arn, self._news.set)
        threading.Thread(target=self._run, name=f"firehose-source-{self._stream.name}", daemon=True).start()

    def _latest(self) -> dict[str, int]:
        """Where each shard ends at the moment: shards that come later are read from their start."""
        try:
            return {shard.shard_id: shard.end for shard in kinesis.shards(self._arn)}
        except kinesis.StreamNotFoundError:
            return {}

    def stop(self) -> None:
        self._stopping.set()
        self._unsubscribe()
        self._news.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            try:
                self._read()
                self._pause_s = FIRST_PAUSE_S
                self._news.wait()
                self._stopping.wait(READ_PAUSE_S)
            except DeliveryError as error:
                self._log(error)
                self._stopping.wait(self._pause_s)
                self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
            except Exception:
                logger.exception("Firehose %s: reading %s failed", self._stream.arn, self._arn)
                self._stopping.wait(LONGEST_PAUSE_S)

    def _read(self) -> None:
        """Read everything that there is. Raises DeliveryError when the role or the stream refuses."""
        unread = True
        while unread and not self._stopping.is_set():
            unread = False
            self._require_access()
            try:
                shards = kinesis.shards(self._arn)
                known = {shard.shard_id for shard in shards}
                for shard in shards:
                    open_parents = [p for p in shard.parent_ids if p in known and p not in self._finished]
                    if shard.shard_id in self._finished or open_parents:
                        continue
                    unread = self._read_shard(shard) or unread
            except kinesis.StreamNotFoundError as error:
                raise DeliveryError(
                    "Kinesis.ResourceNotFound", f"The Kinesis stream {self._arn} was not found."
                ) from error

    def _require_access(self) -> None:
        session = self._stream.session(self._role_arn, "Kinesis.AccessDenied")
        region = self._arn.split(":")[3]
        try:
            for action in _ACTIONS:
                require(session, action, self._arn, region=region)
            require_stream_key(session, self._arn, "kms:Decrypt")
        except (AccessDenied, KmsError) as refused:
            raise DeliveryError("Kinesis.AccessDenied", str(refused)) from refused

    def _read_shard(self, shard: ShardRange) -> bool:
        """Take one batch from a shard; whether there may be more to read."""
        shard_id, position = shard.shard_id, self._positions.get(shard.shard_id, 0)
        if position > shard.end:  # the stream was deleted and made again
            position = shard.start
        batch = kinesis.read(self._arn, shard_id, position, READ_RECORDS, READ_BYTES)
        records = [record for read in batch.records for record in _records(shard_id, read)]
        if records:
            self._hand_over(records)
            monitoring.measure(self._stream, {"DataReadFromKinesisStream.Records": float(len(batch.records))})
            size_bytes = float(sum(len(read.data) for read in batch.records))
            monitoring.measure(self._stream, {"DataReadFromKinesisStream.Bytes": size_bytes}, "Bytes")
            monitoring.measure(self._stream, {"KinesisMillisBehindLatest": float(batch.behind_ms)}, "Milliseconds")
        self._positions[shard_id] = batch.next_position
        if batch.ended:
            self._finished.add(shard_id)
        return bool(batch.records) or batch.ended

    def _hand_over(self, records: Sequence[Record]) -> None:
        """Give records to the pipeline; while it is full the stream keeps the rest."""
        pipeline = streams.pipeline_of(self._stored)
        waiting = list(records)
        while waiting and not self._stopping.is_set():
            del waiting[: pipeline.put(waiting)]
            if waiting:
                self._stopping.wait(FIRST_PAUSE_S)

    def _log(self, error: DeliveryError) -> None:
        configuration = streams.configuration_of(self._stored)
        if configuration is None:
            return
        try:
            session = self._stream.session(configuration.destination.role_arn)
        except DeliveryError:
            session = None
        monitoring.log_error(
            self._stream,
            session,
            configuration.destination.log,
            error,
            destination_arn=f"arn:aws:s3:::{configuration.destination.bucket}",
            version=configuration.version,
        )


def _records(shard_id: str, read: kinesis.Record) -> list[Record]:
    """The user records of a Kinesis record: those of the KPL's aggregate, or the record itself.

    https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html (Firehose de-aggregates the records)
    """
    arrival_ms = int(read.arrival_s * 1000)
    return [
        Record(
            data=data,
            arrival_ms=arrival_ms,
            record_id=new_record_id(),
            origin=KinesisOrigin(shard_id, key, read.sequence_number, arrival_ms),
        )
        for key, data in kpl.user_records(read.partition_key, read.data)
    ]


def start(stored: dict[str, Any]) -> None:
    """Begin to read, if the stored stream has a Kinesis source and delivers to S3."""
    if stored.get("kinesis_source") and streams.s3_destination(stored) is not None:
        with _lock:
            _sources[stored["arn"]] = Source(stored)


def stop(arn: str) -> None:
    with _lock:
        source = _sources.pop(arn, None)
    if source is not None:
        source.stop()


def stop_all() -> None:
    """The local cloud is reset."""
    with _lock:
        sources = list(_sources.values())
        _sources.clear()
    for source in sources:
        source.stop()

"""Where a mapping reads: the shards of a Kinesis stream (directly or as an enhanced fan-out consumer), or a table's
stream.

A source knows positions, shards and the form of its events; who may read it is decided in `access`.
"""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ministack.core.arn import parse_arn

from localcloud.emulator import fast_json, kinesis
from localcloud.emulator.event_sources.records import StreamRecord
from localcloud.emulator.shard_ranges import ShardRange
from localcloud.emulator.table_streams import change_records
from localcloud.emulator.table_streams import log as table_log
from localcloud.emulator.table_streams.shards import Shard as StreamShard

# The JSON of a Kinesis record around its data and partition key, and of each escaped character.
_KINESIS_ENVELOPE_BYTES = 700


class SourceNotFoundError(LookupError):
    """The stream, the consumer or the shard is not there."""


class SourceReplacedError(SourceNotFoundError):
    """Another stream has taken the name; what was read before says nothing about it."""


@dataclass(frozen=True)
class Chunk:
    """What a read gave: `ended` when the shard is closed and read to its end."""

    records: list[StreamRecord]
    next_position: int
    ended: bool


class Source(Protocol):
    """A stream with ordered shards. Its methods raise SourceNotFoundError and may be called from any thread."""

    arn: str
    batch_info: str

    def shards(self) -> list[ShardRange]: ...

    def has_news(self, shard_id: str, position: int) -> bool:
        """Whether a read could give a record or the end of the shard; cheap."""

    def read(self, shard_id: str, position: int, limit: int) -> Chunk: ...

    def position_at(self, shard_id: str, timestamp_s: float) -> int: ...

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back, quickly, whenever there may be something new; returns what ends that."""


class KinesisSource:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""

    batch_info = "KinesisBatchInfo"

    def __init__(self, arn: str, role_arn: Callable[[], str]) -> None:
        self.arn = arn
        self.stream_arn = stream_of_consumer(arn) or arn
        self._role_arn = role_arn
        self._stream = self._find()
        self._region = parse_arn(arn).region

    def shards(self) -> list[ShardRange]:
        self._find()
        return kinesis.shards(self.stream_arn)

    def has_news(self, shard_id: str, position: int) -> bool:
        return self._find() is not self._stream or kinesis.has_news(self._stream, shard_id, position)

    def read(self, shard_id: str, position: int, limit: int) -> Chunk:
        if self._find() is not self._stream:
            self._stream = self._find()
            raise SourceReplacedError(self.stream_arn)
        try:
            batch = kinesis.read(self.stream_arn, shard_id, position, limit)
        except kinesis.StreamNotFoundError as error:
            raise SourceNotFoundError(str(error)) from None
        role_arn = self._role_arn()
        records = [self._record(shard_id, record, role_arn) for record in batch.records]
        return Chunk(records, batch.next_position, batch.ended)

    def position_at(self, shard_id: str, timestamp_s: float) -> int:
        return kinesis.position_at(self.stream_arn, shard_id, timestamp_s)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        return kinesis.subscribe(self.stream_arn, callback)

    def _find(self) -> dict[str, Any]:
        try:
            stream = kinesis.find(self.stream_arn)
        except kinesis.StreamNotFoundError:
            raise SourceNotFoundError(f"Stream {self.stream_arn} not found.") from None
        if self.arn != self.stream_arn and not _consumer_exists(self.arn):
            raise SourceNotFoundError(f"Consumer {self.arn} not found.")
        return stream

    def _record(self, shard_id: str, record: kinesis.Record, role_arn: str) -> StreamRecord:
        event = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": record.sequence_number,
                "data": base64.b64encode(record.data).decode(),
                "approximateArrivalTimestamp": record.arrival_s,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard_id}:{record.sequence_number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": role_arn,
            "awsRegion": self._region,
            "eventSourceARN": self.arn,
        }
        size = _KINESIS_ENVELOPE_BYTES + len(self.arn) + 6 * len(record.partition_key) + len(record.data) * 4 // 3 + 4
        return StreamRecord(
            record.position, record.sequence_number, record.partition_key, record.arrival_s, size, event
        )


class DynamoDbSource:
    """A table's stream. https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""

    batch_info = "DDBStreamBatchInfo"

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self._spec = parse_arn(arn)
        self._log()

    def shards(self) -> list[ShardRange]:
        log = self._log()
        return [
            ShardRange(
                one.shard_id,
                (one.parent_id,) if one.parent_id else (),
                not one.is_open,
                log.start_of(one),
                log.end_of(one),
            )
            for one in log.shards
        ]

    def has_news(self, shard_id: str, position: int) -> bool:
        log = self._log()
        shard = self._shard(log, shard_id)
        return not shard.is_open or position < log.end_of(shard)

    def read(self, shard_id: str, position: int, limit: int) -> Chunk:
        log = self._log()
        found = log.read(self._shard(log, shard_id), position, limit)
        records = [self._record(at, event) for at, event in found.records]
        return Chunk(records, found.next_position, found.ended)

    def position_at(self, shard_id: str, timestamp_s: float) -> int:
        raise ValueError("AT_TIMESTAMP is not a starting position of DynamoDB Streams.")

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        return change_records.subscribe(self._spec.account_id, self._spec.region, callback)

    def _log(self) -> table_log.Log:
        try:
            return table_log.find(self.arn)
        except table_log.StreamNotFoundError as error:
            raise SourceNotFoundError(str(error)) from None

    def _shard(self, log: table_log.Log, shard_id: str) -> StreamShard:
        try:
            return log.shard(shard_id)
        except table_log.ShardNotFoundError:
            raise SourceNotFoundError(f"Shard {shard_id} of {self.arn} not found.") from None

    def _record(self, position: int, event: dict[str, Any]) -> StreamRecord:
        change = event["dynamodb"]
        arrival_s = float(change.get("ApproximateCreationDateTime", time.time()))
        # An item's size in the table bounds neither its JSON nor the escapes in it: measure.
        size = len(fast_json.dumps(event)) + 1
        return StreamRecord(
            position, change["SequenceNumber"], json.dumps(change["Keys"], sort_keys=True), arrival_s, size, event
        )


def stream_of_consumer(arn: str) -> str | None:
    """The stream of an enhanced fan-out consumer's ARN; None for any other ARN."""
    stream_arn, marker, _ = arn.partition("/consumer/")
    return stream_arn if marker and ":kinesis:" in arn else None


def _consumer_exists(arn: str) -> bool:
    from ministack.services import kinesis as store

    spec = parse_arn(arn)
    return store._consumers.get_scoped(spec.account_id, spec.region, arn) is not None


def source_of(arn: str, role_arn: Callable[[], str]) -> Source:
    """The source of an event source ARN. Raises SourceNotFoundError."""
    return KinesisSource(arn, role_arn) if ":kinesis:" in arn else DynamoDbSource(arn)

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
from ministack.core.responses import request_scope

from localcloud.emulator import kinesis
from localcloud.emulator.event_sources import change_records
from localcloud.emulator.event_sources.records import StreamRecord

# The JSON of a Kinesis record around its data and partition key, and of each escaped character.
_KINESIS_ENVELOPE_BYTES = 700


class SourceNotFoundError(LookupError):
    """The stream, the consumer or the shard is not there."""


class SourceReplacedError(SourceNotFoundError):
    """Another stream has taken the name; what was read before says nothing about it."""


@dataclass(frozen=True)
class SourceShard:
    """A shard with its first position and the one after its last; `closed` means that no more come."""

    shard_id: str
    parent_ids: tuple[str, ...]
    closed: bool
    start: int
    end: int


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

    def shards(self) -> list[SourceShard]: ...

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

    def shards(self) -> list[SourceShard]:
        self._find()
        found = kinesis.shards(self.stream_arn)
        return [SourceShard(one.shard_id, one.parent_ids, one.closed, one.start, one.end) for one in found]

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
    """A table's stream, which is one shard here. https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""

    batch_info = "DDBStreamBatchInfo"

    def __init__(self, arn: str) -> None:
        from ministack.services import dynamodb_streams

        spec = parse_arn(arn)
        self.arn = arn
        self._scope = (spec.account_id, spec.region)
        self._table = spec.resource.split("/")[1]
        self._shard_id = dynamodb_streams._DEFAULT_SHARD_ID
        self._records()

    def shards(self) -> list[SourceShard]:
        records, start, closed = self._records()
        return [SourceShard(self._shard_id, (), closed, start, start + len(records))]

    def has_news(self, shard_id: str, position: int) -> bool:
        records, start, closed = self._records()
        return closed or position < start + len(records)

    def read(self, shard_id: str, position: int, limit: int) -> Chunk:
        records, start, closed = self._records()
        first = max(position, start)
        found = records[first - start : first - start + limit]
        following = first + len(found)
        ended = closed and following >= start + len(records)
        return Chunk([self._record(first + at, event) for at, event in enumerate(found)], following, ended)

    def position_at(self, shard_id: str, timestamp_s: float) -> int:
        raise ValueError("AT_TIMESTAMP is not a starting position of DynamoDB Streams.")

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        return change_records.subscribe(*self._scope, callback)

    def _records(self) -> tuple[list[dict[str, Any]], int, bool]:
        """The records that can be read, the position of the first, and whether the stream was closed."""
        from ministack.services import dynamodb

        account_id, region = self._scope
        table = dynamodb._tables.get_scoped(account_id, region, self._table)
        if table and table.get("LatestStreamArn") == self.arn and table["StreamSpecification"].get("StreamEnabled"):
            start = dynamodb.stream_start_position(self._table, account_id=account_id, region=region)
            return dynamodb.stream_live_records(self._table, account_id=account_id, region=region), start, False
        with request_scope(account_id, region):
            closed = dynamodb.closed_stream(self.arn)
        if closed is None:
            raise SourceNotFoundError(f"Stream {self.arn} not found.")
        return closed["records"], closed["trimmed"], True

    def _record(self, position: int, event: dict[str, Any]) -> StreamRecord:
        change = event["dynamodb"]
        arrival_s = float(change.get("ApproximateCreationDateTime", time.time()))
        # An item's size in the table bounds neither its JSON nor the escapes in it: measure.
        size = len(json.dumps(event, separators=(",", ":")).encode()) + 1
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

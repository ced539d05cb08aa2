"""Puts what a table holds into the stream of its changes, in records that never beat a newer change.

Such a record goes the way of every change, so that one function decides what reaches the lake, and in what form. It
says SNAPSHOT in place of INSERT, that it is not DynamoDB's (`eventSource`), and a time from which on the stream has
every change. An item read later than that time may be newer than it says: whatever changed it after that time is in the
stream, and is the same or newer. Nothing older can come after it, as long as clocks differ by less than LEEWAY_S.
"""

import json
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from operations.errors import OperationError
from operations.instruments.raw import Item
from operations.instruments.tables import Table

EVENT_SOURCE = "tributary:snapshot"
# DynamoDB calls the time of a change approximate, and this machine has a clock of its own.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
LEEWAY_S = 5.0

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4_500_000
MAX_RECORD_BYTES = 1_048_576
# A shard takes 1 MB and 1,000 records a second; the changes themselves need theirs.
# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
SHARE = 0.5
BYTES_PER_SHARD_S, RECORDS_PER_SHARD_S = 1_000_000, 1_000
LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class Snapshot:
    """Makes the records of a table's items as they are at `time_s`, in seconds since 1970."""

    table: str
    keys: Sequence[str]
    region: str
    time_s: float

    def of_item(self, item: Item) -> dict[str, Any]:
        """The record of an item that is there."""
        return self._record("SNAPSHOT", {name: item[name] for name in self.keys}, {"NewImage": item})

    def of_absence(self, key: Item) -> dict[str, Any]:
        """The record that there is no item of this key."""
        return self._record("REMOVE", key, {})

    def _record(self, event: str, key: Item, images: dict[str, Item]) -> dict[str, Any]:
        return {
            "awsRegion": self.region,
            "eventID": f"snapshot-{uuid.uuid4()}",
            "eventName": event,
            "userIdentity": None,
            "recordFormat": "application/json",
            "tableName": self.table,
            "dynamodb": {
                "ApproximateCreationDateTime": int(self.time_s * 1_000_000),
                "Keys": key,
                **images,
                "ApproximateCreationDateTimePrecision": "MICROSECOND",
            },
            "eventSource": EVENT_SOURCE,
        }


def moment(
    table: Table,
    stream_arn: str,
    stack: str,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """The time for a snapshot of what is read from now on, once the stream has had every change for LEEWAY_S.

    Raises OperationError when the table does not stream to it.
    """
    client = table.dynamodb.client
    found = client.describe_kinesis_streaming_destination(TableName=table.name)["KinesisDataStreamDestinations"]
    status = next((one["DestinationStatus"] for one in found if one["StreamArn"] == stream_arn), None)
    if status not in ("ACTIVE", "UPDATING"):
        raise OperationError(
            f"`{table.name}` does not stream its changes to {stream_arn} (it says {status or 'nothing'}): what is read "
            f"now could not be joined to them. `tributary up {stack}` enables it; then type the same command again."
        )
    began = clock()
    sleep(LEEWAY_S)
    return began


class StreamWriter:
    """Puts records into a Kinesis stream, several to a call, within a share of what its shards take.

    `kinesis` is a client; it may be called from one thread only.
    """

    def __init__(self, kinesis: Any, stream_arn: str, shards: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self.records = 0
        self._kinesis = kinesis
        self._stream_arn = stream_arn
        self._bytes_per_s = shards * BYTES_PER_SHARD_S * SHARE
        self._records_per_s = shards * RECORDS_PER_SHARD_S * SHARE
        self._sleep = sleep
        self._free_at_s = time.monotonic()

    def put(self, records: Iterable[tuple[str, bytes]], on_records: Callable[[int], None] = lambda _: None) -> None:
        """Put records, each with its partition key. Raises OperationError when the stream does not take one."""
        for batch in _batches(records):
            self._wait(len(batch), sum(len(data) for _, data in batch))
            self._put(batch)
            self.records += len(batch)
            on_records(len(batch))

    def _wait(self, records: int, size_bytes: int) -> None:
        now = time.monotonic()
        if self._free_at_s > now:
            self._sleep(self._free_at_s - now)
        needs_s = max(size_bytes / self._bytes_per_s, records / self._records_per_s)
        self._free_at_s = max(now, self._free_at_s) + needs_s

    def _put(self, batch: list[tuple[str, bytes]]) -> None:
        attempt = 0
        while batch:
            answer = self._kinesis.put_records(
                StreamARN=self._stream_arn, Records=[{"Data": data, "PartitionKey": key} for key, data in batch]
            )
            replies = answer["Records"]
            codes = {reply["ErrorCode"] for reply in replies if reply.get("ErrorCode")}
            if codes - {"ProvisionedThroughputExceededException", "InternalFailure"}:
                raise OperationError(
                    f"{self._stream_arn} refused records: {', '.join(sorted(codes))}. Put that right, then type the "
                    "same command again."
                )
            batch = [one for one, reply in zip(batch, replies, strict=True) if reply.get("ErrorCode")]
            if batch:
                self._sleep(random.uniform(0, min(LONGEST_PAUSE_S, 0.1 * 2 ** min(attempt, 10))))
                attempt += 1


def stream_writer(kinesis: Any, stream_arn: str) -> StreamWriter:
    """A writer for a stream with as many shards as it has now."""
    summary = kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"]
    return StreamWriter(kinesis, stream_arn, int(summary["OpenShardCount"]))


def as_entry(record: dict[str, Any]) -> tuple[str, bytes]:
    """A record with its partition key, which is the same for every record of an item.

    Raises OperationError when Kinesis does not take a record of this size.
    """
    data = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True)
    if len(data) > MAX_RECORD_BYTES:
        raise OperationError(f"the item {key} makes a record of {len(data)} bytes, and Kinesis takes 1 MiB.")
    return md5(key.encode(), usedforsecurity=False).hexdigest(), data


def _batches(records: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    size_bytes = 0
    for key, data in records:
        if len(batch) == MAX_BATCH_RECORDS or (batch and size_bytes + len(data) > MAX_BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append((key, data))
        size_bytes += len(data) + len(key)
    if batch:
        yield batch

"""Puts what a table holds into the stream of its changes: see handlers/shared/snapshots.py for the records.

Nothing older than a snapshot's moment can come after it, as long as clocks differ by less than LEEWAY_S.
"""

import json
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from handlers.shared.put_records import Entry, batches
from handlers.shared.snapshots import Snapshot, entry_of
from operations.errors import OperationError
from operations.instruments.tables import Table

__all__ = ["Pace", "Snapshot", "StreamWriter", "as_entry", "moment", "pace_of", "stream_writer"]

# DynamoDB calls the time of a change approximate, and this machine has a clock of its own.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds.html
LEEWAY_S = 5.0

# A shard takes 1 MB and 1,000 records a second; the changes themselves need theirs.
# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
SHARE = 0.5
BYTES_PER_SHARD_S, RECORDS_PER_SHARD_S = 1_000_000, 1_000
LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class Pace:
    """What may be put into a stream in a second."""

    bytes_per_s: float
    records_per_s: float

    def divided(self, parts: int) -> "Pace":
        """What one of so many may put."""
        return Pace(self.bytes_per_s / parts, self.records_per_s / parts)


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
    """Puts records into a Kinesis stream, several to a call, at a pace.

    `kinesis` is a client; it may be called from one thread only.
    """

    def __init__(self, kinesis: Any, stream_arn: str, pace: Pace, sleep: Callable[[float], None] = time.sleep) -> None:
        self.records = 0
        self._kinesis = kinesis
        self._stream_arn = stream_arn
        self._pace = pace
        self._sleep = sleep
        self._free_at_s = time.monotonic()

    def put(self, records: Iterable[tuple[str, bytes]], on_records: Callable[[int], None] = lambda _: None) -> None:
        """Put records, each with its partition key. Raises OperationError when the stream does not take one."""
        for batch in batches({"Data": data, "PartitionKey": key} for key, data in records):
            self._wait(len(batch), sum(len(entry["Data"]) for entry in batch))
            self._put(batch)
            self.records += len(batch)
            on_records(len(batch))

    def _wait(self, records: int, size_bytes: int) -> None:
        now = time.monotonic()
        if self._free_at_s > now:
            self._sleep(self._free_at_s - now)
        needs_s = max(size_bytes / self._pace.bytes_per_s, records / self._pace.records_per_s)
        self._free_at_s = max(now, self._free_at_s) + needs_s

    def _put(self, batch: list[Entry]) -> None:
        attempt = 0
        while batch:
            answer = self._kinesis.put_records(StreamARN=self._stream_arn, Records=batch)
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


def pace_of(kinesis: Any, stream_arn: str) -> Pace:
    """A share of what the shards take that a stream has now."""
    summary = kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"]
    shards = int(summary["OpenShardCount"])
    return Pace(shards * BYTES_PER_SHARD_S * SHARE, shards * RECORDS_PER_SHARD_S * SHARE)


def stream_writer(kinesis: Any, stream_arn: str) -> StreamWriter:
    """A writer for a stream, at the pace of its shards."""
    return StreamWriter(kinesis, stream_arn, pace_of(kinesis, stream_arn))


def as_entry(record: dict[str, Any]) -> tuple[str, bytes]:
    """A record with its partition key. Raises OperationError when Kinesis does not take a record of this size."""
    try:
        entry = entry_of(record)
    except ValueError as error:
        key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True)
        raise OperationError(f"the item {key} {error}.") from None
    return entry["PartitionKey"], entry["Data"]

"""Puts records into a Kinesis stream, until every single one is in it."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from operations.errors import OperationError

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsResultEntryTypeDef

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
MAX_RECORDS = 500
MAX_BYTES = 5 * 1024 * 1024
ATTEMPTS = 12
FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 5.0


@dataclass(frozen=True)
class Record:
    """What a producer puts: `data` is at most 1 MiB together with the partition key."""

    partition_key: str
    data: bytes


@dataclass(frozen=True)
class Sent:
    """A record with the place that the stream gave it."""

    record: Record
    shard_id: str
    sequence_number: str


def _ignore(count: int) -> None:
    """The default for `on_sent`: nobody watches."""


def send(
    kinesis: "KinesisClient", stream_name: str, records: Iterable[Record], on_sent: Callable[[int], None] = _ignore
) -> list[Sent]:
    """Put all records; what PutRecords refuses is put again with full-jitter backoff. `on_sent` gets counts.

    Raises OperationError when a record is refused twelve times.
    """
    sent: list[Sent] = []
    for batch in _batches(records):
        waiting: Sequence[Record] = batch
        for attempt in range(ATTEMPTS):
            answer = kinesis.put_records(
                StreamName=stream_name,
                Records=[{"Data": record.data, "PartitionKey": record.partition_key} for record in waiting],
            )
            taken, refused = _sorted(waiting, answer["Records"])
            sent += taken
            on_sent(len(taken))
            if not refused:
                break
            waiting = refused
            time.sleep(random.uniform(0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt)))
        else:
            code = next(entry["ErrorCode"] for entry in answer["Records"] if "ErrorCode" in entry)
            raise OperationError(
                f"stream `{stream_name}` refused {len(waiting)} records {ATTEMPTS} times ({code}). Raise `shardCount` "
                "in the stack file of its account, or send more slowly."
            )
    return sent


def _sorted(
    records: Sequence[Record], entries: "Sequence[PutRecordsResultEntryTypeDef]"
) -> tuple[list[Sent], list[Record]]:
    """What the stream took, and what it refused: the answer has one entry for each record, in order."""
    taken = [
        Sent(record, entry["ShardId"], entry["SequenceNumber"])
        for record, entry in zip(records, entries, strict=True)
        if "ErrorCode" not in entry
    ]
    return taken, [record for record, entry in zip(records, entries, strict=True) if "ErrorCode" in entry]


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    remaining = iter(records)
    kept: list[Record] = []
    while batch := [*kept, *islice(remaining, MAX_RECORDS - len(kept))]:
        size, end = 0, 0
        for record in batch:
            size += len(record.data) + len(record.partition_key.encode())
            if size > MAX_BYTES and end:
                break
            end += 1
        kept = batch[end:]
        yield batch[:end]

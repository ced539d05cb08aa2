"""What Lambda hands over of a stream, and what it wants back: records and their data, shards, the first failure.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html, .../with-ddb.html (example events)
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = [
    "DYNAMODB_STREAM",
    "KINESIS_STREAM",
    "PART",
    "Failure",
    "Record",
    "Reply",
    "StreamSource",
    "data_of",
    "part_suffix",
    "shard_of",
]

Record = Mapping[str, Any]
Reply = dict[str, list[dict[str, str]]]

# What says which record of an aggregate stands by itself: the name that the Kinesis Client Library has for it.
# https://github.com/awslabs/amazon-kinesis-client (KinesisClientRecord.subSequenceNumber)
PART = "subSequenceNumber"


class Failure(NamedTuple):
    """The first entry that is not applied: the index of its record in the event, its index in an aggregate, and why."""

    position: int
    part: int
    reason: str


class StreamSource(NamedTuple):
    """Where a kind of stream keeps what Lambda's checkpoint and the metrics need: a part of the record, and in it the
    sequence number and the time in seconds since 1970. `shard` gives a record's shard where the event says it, and
    `alone` makes of an aggregate a record that holds only its part of that index."""

    part: str
    sequence_number: str
    time_s: str
    shard: Callable[[Record], str | None]
    alone: Callable[[Record, int], Record] = lambda record, _part: record


def shard_of(record: Record) -> str:
    """The shard of a Kinesis record: its eventID is `<shard>:<sequence number>`."""
    event_id: str = record["eventID"]
    return event_id.partition(":")[0]


KINESIS_STREAM = StreamSource("kinesis", "sequenceNumber", "approximateArrivalTimestamp", shard_of)
DYNAMODB_STREAM = StreamSource("dynamodb", "SequenceNumber", "ApproximateCreationDateTime", lambda _record: None)


def data_of(kinesis: Mapping[str, Any]) -> bytes:
    """The data of a Kinesis record as Lambda passes it. Raises ValueError for what is not base64."""
    try:
        return a2b_base64(kinesis["data"])
    except Error:
        raise ValueError("its data is not base64") from None


def part_suffix(part: int) -> str:
    """What tells the name of an aggregate's record from that of its siblings, in the order of their indexes."""
    return f".{part:07}"

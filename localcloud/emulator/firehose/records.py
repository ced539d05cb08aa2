"""The records that travel through a delivery stream."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

_numbers = itertools.count(1)


@dataclass(frozen=True)
class KinesisOrigin:
    """Where a record read from a Kinesis stream comes from; transformation functions see it as
    `kinesisRecordMetadata`.
    """

    shard_id: str
    partition_key: str
    sequence_number: str
    arrival_ms: int


@dataclass(frozen=True)
class Record:
    """One record: `data` as it was put or transformed, `arrival_ms` in milliseconds since the epoch.

    `record_id` identifies it to a transformation function; `partition_keys` are what that function returned as
    `metadata.partitionKeys`.
    """

    data: bytes
    arrival_ms: int
    record_id: str = ""
    origin: KinesisOrigin | None = None
    partition_keys: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """A record that goes to the error output, with the type of the error (`processing-failed`, …) and its document.

    `document` has the fields of the documented error output, in their order.
    https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
    """

    record: Record
    output_type: str
    document: Mapping[str, object]


def new_record_id() -> str:
    """An id as Firehose gives it to a record: a long decimal number, rising."""
    return f"{next(_numbers):056d}"

"""Decides which lines go into which Firehose record.

Firehose bills every record as if it were a multiple of 5 KB long, so that five lines of 1 KB in one record cost a
fifth of five records. It joins records without a delimiter, so the object in S3 is the same either way.
https://aws.amazon.com/firehose/pricing/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from handlers.firehose_forwarder.lines import line_of
from handlers.shared.errors import RecordError
from handlers.shared.images import new_images
from handlers.shared.ordered import Entry

__all__ = ["MAX_BATCH_BYTES", "MAX_BATCH_RECORDS", "MAX_RECORD_BYTES", "entries_of", "packed", "removals"]

# https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
MAX_RECORD_BYTES = 1000 * 1024
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024


def entries_of(records: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    """The lines of the new images of DynamoDB stream records; removals have none and are passed over.

    Raises RecordError at the first record that has no new image or whose line is too long for Firehose.
    """
    for position, image in new_images(records):
        if image is None:
            continue
        line = line_of(image)
        if len(line) > MAX_RECORD_BYTES:
            raise RecordError(position, f"its line has {len(line)} bytes, a Firehose record holds {MAX_RECORD_BYTES}")
        yield Entry(position, position, line)


def removals(records: Iterable[Mapping[str, Any]]) -> int:
    """How many of the stream records are removals."""
    return sum(record["eventName"] == "REMOVE" for record in records)


def packed(lines: Iterable[Entry], pack_bytes: int) -> Iterator[Entry]:
    """Joins neighbouring lines to records of at most `pack_bytes`; a longer line stays alone.

    A record has the position of its first line, so that a failure sends all of its lines again. A RecordError of
    `lines` is raised only after the record gathered before it was taken.
    """
    pack: list[bytes] = []
    position = size_bytes = 0
    try:
        for line in lines:
            if pack and size_bytes + len(line.body) > pack_bytes:
                yield Entry(position, position, b"".join(pack))
                pack, size_bytes = [], 0
            if not pack:
                position = line.position
            pack.append(line.body)
            size_bytes += len(line.body)
    except RecordError:
        if pack:
            yield Entry(position, position, b"".join(pack))
        raise
    if pack:
        yield Entry(position, position, b"".join(pack))

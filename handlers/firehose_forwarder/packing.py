"""Decides which lines go into which Firehose record.

Firehose bills every record as if it were a multiple of 5 KB long, so that five lines of 1 KB in one record cost a
fifth of five records. It joins records without a delimiter, so the object in S3 is the same either way.
https://aws.amazon.com/firehose/pricing/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from handlers.firehose_forwarder.lines import line_of
from handlers.shared.images import new_image
from handlers.shared.ordered import Entry
from handlers.shared.poison import Poison, undecidable

__all__ = ["MAX_BATCH_BYTES", "MAX_BATCH_RECORDS", "MAX_RECORD_BYTES", "entries_of", "packed", "removals"]

# https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
MAX_RECORD_BYTES = 1000 * 1024
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024


def entries_of(records: Iterable[Mapping[str, Any]]) -> Iterator[Entry | Poison]:
    """The lines of the new images of DynamoDB stream records; removals have none and are passed over.

    Poison is a record that has no new image, or whose line is too long for Firehose.
    """
    for position, record in enumerate(records):
        try:
            image = new_image(record)
            line = b"" if image is None else line_of(image)
            if len(line) > MAX_RECORD_BYTES:
                raise ValueError(f"its line has {len(line)} bytes, a Firehose record holds {MAX_RECORD_BYTES}")
        except Exception as error:
            yield undecidable(position, error)
            continue
        if line:
            yield Entry(position, position, line)


def removals(records: Iterable[Mapping[str, Any]]) -> int:
    """How many of the stream records are removals."""
    return sum(record.get("eventName") == "REMOVE" for record in records)


def packed(lines: Iterable[Entry | Poison], pack_bytes: int) -> Iterator[Entry | Poison]:
    """Joins neighbouring lines to records of at most `pack_bytes`; a longer line stays alone. Poison passes through.

    A record has the position of its first line, so that a failure sends all of its lines again.
    """
    pack: list[Entry] = []
    size_bytes = 0
    for line in lines:
        if isinstance(line, Poison):
            # It comes after the lines before it: what is before a failure has to be durable.
            if pack:
                yield _joined(pack)
                pack, size_bytes = [], 0
            yield line
            continue
        if pack and size_bytes + len(line.body) > pack_bytes:
            yield _joined(pack)
            pack, size_bytes = [], 0
        pack.append(line)
        size_bytes += len(line.body)
    if pack:
        yield _joined(pack)


def _joined(pack: Sequence[Entry]) -> Entry:
    first = pack[0]
    return first if len(pack) == 1 else first._replace(body=b"".join(line.body for line in pack), joined=tuple(pack))

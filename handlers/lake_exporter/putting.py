"""Puts an export's items into the stream of the table's changes, which brings them to the lake."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from handlers.shared.export_files import Write
from handlers.shared.export_places import Refused, Tally
from handlers.shared.images import Image
from handlers.shared.put_records import Entry, NotTakenError, batches, put_batch
from handlers.shared.rate_limit import RateLimit
from handlers.shared.settings import required
from handlers.shared.snapshots import Snapshot, entry_of
from handlers.shared.streams import Failure
from handlers.shared.time_budget import TimeBudget

__all__ = ["ADVICE", "Stream", "put_to", "stream_arn"]

ADVICE = "Make those items smaller, or bring them by a change of their own; then run the backfill again."


def stream_arn() -> str:
    """The stream of the table's changes. Raises SettingsError."""
    return required(os.environ, "STREAM_ARN", "the ARN of the stream of the table's changes")


@dataclass(frozen=True)
class Stream:
    """A Kinesis stream, and how many bytes and records a second this file may put into it."""

    client: Any
    arn: str
    bytes: RateLimit
    records: RateLimit


def put_to(stream: Stream, snapshot: Snapshot, budget: TimeBudget) -> Write:
    """Puts rows as records of a snapshot while there is time; refuses those that are too large for Kinesis."""

    def write(rows: Iterator[tuple[int, Image]]) -> tuple[Tally, Failure | None]:
        tally, positions = Tally(), []

        def entries() -> Iterator[Entry]:
            for position, row in rows:
                record = snapshot.of_item(row)
                try:
                    entry = entry_of(record)
                except ValueError as error:
                    tally.refused.append(Refused(position, record["dynamodb"]["Keys"], str(error)))
                    continue
                positions.append(position)
                yield entry

        for batch in batches(entries()):
            first = positions[tally.written]
            if budget.left_s() <= 0:
                return tally, Failure(first, 0, "the invocation's time ran out")
            size_bytes = sum(len(entry["Data"]) for entry in batch)
            try:
                put_batch(stream.client, stream.arn, batch, budget)
            except NotTakenError as error:
                return tally, Failure(first, 0, str(error))
            tally.written += len(batch)
            stream.bytes.spend(size_bytes)
            stream.records.spend(len(batch))
        return tally, None

    return write

"""Puts records into a Kinesis stream, as many to a call as it takes, and again those that it did not take.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from handlers.shared.errors import Cause, cause_of, describe
from handlers.shared.time_budget import TimeBudget

__all__ = ["MAX_BATCH_BYTES", "MAX_BATCH_RECORDS", "MAX_RECORD_BYTES", "Entry", "NotTakenError", "batches", "put_batch"]

MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4_500_000
MAX_RECORD_BYTES = 1_048_576

# What PutRecords takes: Data, PartitionKey and what else it may have.
Entry = dict[str, Any]


class NotTakenError(RuntimeError):
    """Records that the stream did not take; `hopeless` when another attempt would not help."""

    def __init__(self, reason: str, hopeless: bool) -> None:
        super().__init__(reason)
        self.hopeless = hopeless


def batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """The entries in groups that one call takes."""
    batch: list[Entry] = []
    size_bytes = 0
    for entry in entries:
        entry_bytes = len(entry["Data"]) + len(entry["PartitionKey"])
        if len(batch) == MAX_BATCH_RECORDS or (batch and size_bytes + entry_bytes > MAX_BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(entry)
        size_bytes += entry_bytes
    if batch:
        yield batch


def put_batch(client: Any, stream_arn: str, batch: list[Entry], budget: TimeBudget) -> int:
    """Put what one call takes; how many calls that took. Raises NotTakenError when there is no time, or no hope."""
    calls = attempt = 0
    while batch:
        calls += 1
        try:
            left = _put(client, stream_arn, batch)
            reason = f"Kinesis did not take {len(left)} of {len(batch)} records"
        except Exception as error:
            reason, left = describe(error), batch
            if cause_of(error) is not Cause.TRANSIENT:
                raise NotTakenError(reason, hopeless=True) from error
        attempt = attempt if len(left) < len(batch) else attempt + 1
        batch = left
        if batch and not budget.pause(attempt):
            raise NotTakenError(f"{reason}, and the invocation's time ran out", hopeless=False)
    return calls


def _put(client: Any, stream_arn: str, batch: list[Entry]) -> list[Entry]:
    """One call; what is left of the batch."""
    response = client.put_records(StreamARN=stream_arn, Records=batch)
    if not response["FailedRecordCount"]:
        return []
    return [entry for entry, reply in zip(batch, response["Records"], strict=True) if reply.get("ErrorCode")]

"""Puts records back to the Kinesis stream that they came from, to be transformed by a later invocation.

Firehose takes no direct puts for a delivery stream that reads a Kinesis stream, so there is no shorter way.
https://docs.aws.amazon.com/firehose/latest/dev/writing-with-kinesis-streams.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handlers.lake_transformer.changes import SEQUENCE
from handlers.shared.errors import Cause, cause_of, describe
from handlers.shared.time_budget import TimeBudget

__all__ = ["PutBackError", "put_back"]

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
MAX_BATCH_RECORDS = 500
MAX_BATCH_BYTES = 4_500_000
# A record that would be too large with its number goes back without it: changes of one moment may change places then.
MAX_MARKED_BYTES = 1_048_576 - 256

Entry = dict[str, Any]


class PutBackError(RuntimeError):
    """Records could not be put back: the invocation fails, and Firehose makes it again."""


def put_back(client: Any, stream_arn: str, records: Sequence[Mapping[str, Any]], budget: TimeBudget) -> int:
    """Puts Firehose's records back, each with the sequence number that it had at first; how many calls that took.

    Raises PutBackError when the stream does not take them while there is time.
    """
    calls = 0
    for batch in _batches(records):
        attempt = 0
        while batch:
            calls += 1
            try:
                left = _put(client, stream_arn, batch)
                reason = f"Kinesis did not take {len(left)} of {len(batch)} records"
            except Exception as error:
                reason, left = describe(error), batch
                if cause_of(error) is not Cause.TRANSIENT:
                    raise PutBackError(f"{_MESSAGE.format(stream_arn)}: {reason}") from error
            attempt = 0 if len(left) < len(batch) else attempt + 1
            batch = left
            if batch and not budget.pause(attempt):
                raise PutBackError(f"{_MESSAGE.format(stream_arn)}: {reason}, and the invocation's time ran out")
    return calls


_MESSAGE = (
    "what does not fit into one answer could not be put back to {} (the function's role needs kinesis:PutRecords on "
    "it, and kms:GenerateDataKey on its key)"
)


def _put(client: Any, stream_arn: str, batch: list[Entry]) -> list[Entry]:
    response = client.put_records(StreamARN=stream_arn, Records=batch)
    if not response["FailedRecordCount"]:
        return []
    return [entry for entry, reply in zip(batch, response["Records"], strict=True) if reply.get("ErrorCode")]


def _batches(records: Sequence[Mapping[str, Any]]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size_bytes = 0
    for record in records:
        entry = _entry(record)
        if len(batch) == MAX_BATCH_RECORDS or (batch and size_bytes + len(entry["Data"]) > MAX_BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(entry)
        size_bytes += len(entry["Data"])
    if batch:
        yield batch


def _entry(record: Mapping[str, Any]) -> Entry:
    origin = record["kinesisRecordMetadata"]
    data = base64.b64decode(record["data"])
    # Before everything else: of two members with one name the last one counts, which is the first that was put in.
    member = f'{{"{SEQUENCE}":"{origin["sequenceNumber"]}",'.encode()
    marked = member + data.lstrip()[1:]
    return {"Data": marked if len(marked) <= MAX_MARKED_BYTES else data, "PartitionKey": origin["partitionKey"]}

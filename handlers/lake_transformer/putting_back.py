"""Puts records back to the Kinesis stream that they came from, to be transformed by a later invocation.

Firehose takes no direct puts for a delivery stream that reads a Kinesis stream, so there is no shorter way.
https://docs.aws.amazon.com/firehose/latest/dev/writing-with-kinesis-streams.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from handlers.lake_transformer.changes import SEQUENCE
from handlers.shared.put_records import MAX_RECORD_BYTES, Entry, NotTakenError, batches, put_batch
from handlers.shared.time_budget import TimeBudget

__all__ = ["PutBackError", "put_back"]

# A record that would be too large with its number goes back without it: changes of one moment may change places then.
MAX_MARKED_BYTES = MAX_RECORD_BYTES - 256


class PutBackError(RuntimeError):
    """Records could not be put back: the invocation fails, and Firehose makes it again."""


def put_back(client: Any, stream_arn: str, records: Sequence[Mapping[str, Any]], budget: TimeBudget) -> int:
    """Puts Firehose's records back, each with the sequence number that it had at first; how many calls that took.

    Raises PutBackError when the stream does not take them while there is time.
    """
    calls = 0
    for batch in batches(map(_entry, records)):
        try:
            calls += put_batch(client, stream_arn, batch, budget)
        except NotTakenError as error:
            raise PutBackError(
                f"what does not fit into one answer could not be put back to {stream_arn} (the function's role needs "
                f"kinesis:PutRecords on it, and kms:GenerateDataKey on its key): {error}"
            ) from error
    return calls


def _entry(record: Mapping[str, Any]) -> Entry:
    origin = record["kinesisRecordMetadata"]
    data = base64.b64decode(record["data"])
    # Before everything else: of two members with one name the last one counts, which is the first that was put in.
    member = f'{{"{SEQUENCE}":"{origin["sequenceNumber"]}",'.encode()
    marked = member + data.lstrip()[1:]
    return {"Data": marked if len(marked) <= MAX_MARKED_BYTES else data, "PartitionKey": origin["partitionKey"]}

"""A stream record on its way to a function: where it is in its shard, what it is ordered by, and the event it becomes.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html and …/with-ddb.html show the events.
"""

from dataclasses import dataclass
from typing import Any

from localcloud.emulator import fast_json

# https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html: a batch's payload is at most 6 MB
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
_ENVELOPE_BYTES = len('{"Records":[]}')


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """`position` counts in the shard; records of one `key` stay in order; `size_hint` is at least the JSON's bytes."""

    position: int
    sequence_number: str
    key: str
    arrival_s: float
    size_hint: int
    event: dict[str, Any]


def within_payload(records: list[StreamRecord]) -> int:
    """How many of the leading records fit into one invocation; at least one."""
    if sum(record.size_hint for record in records) < MAX_PAYLOAD_BYTES:
        return len(records)
    total = _ENVELOPE_BYTES
    for count, record in enumerate(records):
        total += len(fast_json.dumps(record.event)) + 1
        if count and total > MAX_PAYLOAD_BYTES + 1:
            return count
    return len(records)

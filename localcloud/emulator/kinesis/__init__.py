"""Kinesis Data Streams: shards that survive resharding, AWS's sequence numbers and limits, and reading in-process.

`streams` is the store, with the reading API for other additions (`read`, `shards`, `subscribe`), of which a shard is a
`shard_log`; `lifecycle`, `by_arn`, `consumers`, `records`, `listing`, `resharding` and `fan_out` answer the public API
from it, to CBOR clients by way of `cbor_clients`.
https://docs.aws.amazon.com/kinesis/latest/APIReference/Welcome.html
"""

from localcloud.emulator.kinesis.shard_log import Record
from localcloud.emulator.kinesis.streams import (
    Batch,
    StreamNotFoundError,
    find,
    has_news,
    position_at,
    put,
    read,
    shards,
    subscribe,
)

__all__ = [
    "Batch",
    "Record",
    "StreamNotFoundError",
    "find",
    "has_news",
    "install",
    "position_at",
    "put",
    "read",
    "shards",
    "subscribe",
]


def install() -> None:
    """Put the store and the API over it in the emulator's place."""
    from localcloud.emulator.kinesis import by_arn, consumers, fan_out, lifecycle, listing, records, resharding

    for part in (lifecycle, by_arn, consumers, records, listing, resharding, fan_out):
        part.install()

"""Shards of a table's stream, each a view of the stream's log: what was written while it was open, of the partition
keys that are its own. Pure.

So a record needs no place of its own in a shard: where it is in the log and its partition key say which one it is in.
Sequence numbers grow along the log, and therefore from a parent to its children.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html#Streams.Processing
"""

import hashlib
import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

HASH_END = 2**128


@dataclass(frozen=True)
class Shard:
    """Records from position `first` of the log up to `last`, exclusive, whose hash is from `low` up to `high`,
    exclusive.

    `last`, `ending_number` and `closed_s` (seconds since the epoch) are None while the shard is open. AWS merges no
    shards of a table's stream, so there is one parent at most.
    """

    shard_id: str
    parent_id: str | None
    first: int
    starting_number: str
    low: int = 0
    high: int = HASH_END
    last: int | None = None
    ending_number: str | None = None
    closed_s: float | None = None

    @property
    def is_open(self) -> bool:
        return self.last is None

    @property
    def takes_all(self) -> bool:
        """Whether everything that is written while it is open is in this shard."""
        return (self.low, self.high) == (0, HASH_END)

    def takes(self, hash_key: int) -> bool:
        return self.low <= hash_key < self.high


def hash_of(partition_key: str) -> int:
    """Where a partition key is among all: AWS does not say how it spreads them, only that an item keeps its place."""
    return int.from_bytes(hashlib.md5(partition_key.encode(), usedforsecurity=False).digest())


def closed(shard: Shard, last: int, ending_number: str, now_s: float) -> Shard:
    """The shard without a future: its records end before `last`."""
    return replace(shard, last=last, ending_number=ending_number, closed_s=now_s)


def children(parent: Shard, count: int, starting_number: str, now_s: float) -> list[Shard]:
    """The shards that take over from a closed one, in `count` equal parts: one child when it merely rolls over."""
    assert parent.last is not None
    width = parent.high - parent.low
    borders = [parent.low + width * at // count for at in range(count + 1)]
    # Ids sort as they were made, a parent's before its children's, however quickly they follow each other.
    made_ms = max(int(now_s * 1000), _made_ms(parent.shard_id) + 1)
    return [
        Shard(_shard_id(made_ms), parent.shard_id, parent.last, starting_number, low, high)
        for low, high in itertools.pairwise(borders)
    ]


def unexpired(shards: Sequence[Shard], log_start: int, cutoff_s: float) -> list[Shard]:
    """Without the shards that were closed before `cutoff_s` and whose records have all left the log."""
    return [one for one in shards if one.closed_s is None or one.closed_s >= cutoff_s or (one.last or 0) > log_start]


def _shard_id(made_ms: int) -> str:
    """As in https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_DescribeStream.html"""
    return f"shardId-{made_ms:020d}-{secrets.token_hex(4)}"


def _made_ms(shard_id: str) -> int:
    return int(shard_id.split("-")[1])

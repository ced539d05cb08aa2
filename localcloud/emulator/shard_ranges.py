"""What can be read of a shard, of a Kinesis stream as of a table's stream: the form in which both show their shards."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShardRange:
    """A shard; records are readable from position `start` up to `end`, exclusive. A closed one gets no more."""

    shard_id: str
    parent_ids: tuple[str, ...]
    closed: bool
    start: int
    end: int

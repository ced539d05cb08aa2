"""One shard of a stream: an append-only log in which a record keeps its position for ever, and what is known about
the shard.

A record is one byte string, so that hundreds of thousands fit into memory; its sequence number follows from its
position. Callers hold the store's lock.
"""

import bisect
import struct
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from localcloud.emulator.kinesis.sequence_numbers import compose

StoredShard = dict[str, Any]

_HEADER = struct.Struct(">dH")  # arrival in seconds since the epoch, length of the partition key


class Record(NamedTuple):
    """One record; `position` counts the records of its shard from 0, `arrival_s` is seconds since the epoch."""

    position: int
    sequence_number: str
    partition_key: str
    data: bytes
    arrival_s: float


def new_shard(index: int, hash_range: tuple[int, int], parents: Mapping[str, StoredShard]) -> StoredShard:
    """A shard for the hash keys of `hash_range`, both ends included.

    Its sequence numbers are above those of its parents.
    """
    now = time.time()
    created_s = max([int(now), *(parent["created_s"] + 1 for parent in parents.values())])
    first, second = [*parents, None, None][:2]
    return {
        "records": [],
        "trimmed": 0,
        "index": index,
        "created_s": created_s,
        "created_at": now,
        "closed_at": None,
        "starting_hash_key": str(hash_range[0]),
        "ending_hash_key": str(hash_range[1]),
        "starting_sequence_number": compose(created_s, index, 0, now),
        "ending_sequence_number": None,
        "parent_shard_id": first,
        "adjacent_parent_shard_id": second,
    }


def close(shard: StoredShard) -> None:
    """Take no more records; what is there stays readable."""
    now = time.time()
    shard["closed_at"] = now
    shard["ending_sequence_number"] = compose(shard["created_s"], shard["index"], end_of(shard) + 1, now)


def is_closed(shard: StoredShard) -> bool:
    return shard["closed_at"] is not None


def parents_of(shard: StoredShard) -> tuple[str, ...]:
    return tuple(parent for parent in (shard["parent_shard_id"], shard["adjacent_parent_shard_id"]) if parent)


def add(shard: StoredShard, partition_key: str, data: bytes) -> str:
    """Append a record that arrives now; returns its sequence number."""
    now, key = round(time.time(), 3), partition_key.encode()
    shard["records"].append(_HEADER.pack(now, len(key)) + key + data)
    return compose(shard["created_s"], shard["index"], end_of(shard), now)


def end_of(shard: StoredShard) -> int:
    """The position after the last record."""
    return int(shard["trimmed"]) + len(shard["records"])


def slice_of(shard: StoredShard, first: int, max_records: int, max_bytes: int) -> list[Record]:
    """Records from a position on, which is not before the trim horizon; the first one whatever its size."""
    found: list[Record] = []
    size = 0
    for position in range(first, min(end_of(shard), first + max_records)):
        packed = shard["records"][position - shard["trimmed"]]
        size += len(packed) - _HEADER.size
        if found and size > max_bytes:
            break
        found.append(_unpack(shard, position, packed))
    return found


def arrival_at(shard: StoredShard, position: int) -> float:
    """When the record at a position arrived, in seconds since the epoch."""
    return _arrival(shard["records"][position - shard["trimmed"]])


def first_since(shard: StoredShard, timestamp_s: float) -> int:
    """The position of the first record that arrived at a time or later."""
    return int(shard["trimmed"]) + bisect.bisect_left(shard["records"], timestamp_s, key=_arrival)


def expire(shard: StoredShard, cutoff: float) -> None:
    """Drop the records that arrived before a time."""
    packed = shard["records"]
    if packed and _arrival(packed[0]) < cutoff:
        expired = bisect.bisect_left(packed, cutoff, key=_arrival)
        del packed[:expired]
        shard["trimmed"] += expired


def _arrival(packed: bytes) -> float:
    return float(_HEADER.unpack_from(packed)[0])


def _unpack(shard: StoredShard, position: int, packed: bytes) -> Record:
    arrival_s, key_bytes = _HEADER.unpack_from(packed)
    data_at = _HEADER.size + key_bytes
    number = compose(shard["created_s"], shard["index"], position + 1, arrival_s)
    return Record(position, number, packed[_HEADER.size : data_at].decode(), packed[data_at:], arrival_s)

"""The store of stream records: shards as append-only logs in which a record keeps its position for ever.

It lives in the emulator's own stream records, so that its public API stays the single truth. A closed shard stays
readable until its records expire:
https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
Other additions read with `read`, `shards` and `subscribe`, from any thread.
"""

import bisect
import hashlib
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from ministack.core.arn import ArnParseError, parse_arn

from localcloud.emulator.kinesis.sequence_numbers import compose
from localcloud.emulator.patching import replaces

HASH_KEY_END = 2**128
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
MAX_READ_RECORDS = 10_000
MAX_READ_BYTES = 10 * 1024 * 1024

Stream = dict[str, Any]
StoredShard = dict[str, Any]

_HEADER = struct.Struct(">dH")
_lock = threading.RLock()
_subscribers: dict[str, set[Callable[[], None]]] = {}


class StreamNotFoundError(LookupError):
    """There is no such stream, or no such shard in it."""


class Record(NamedTuple):
    """One record; `position` counts the records of its shard from 0, `arrival_s` is seconds since the epoch."""

    position: int
    sequence_number: str
    partition_key: str
    data: bytes
    arrival_s: float


@dataclass(frozen=True)
class Shard:
    """A shard; records are readable from position `start` up to `end`, exclusive. A closed one gets no more."""

    shard_id: str
    parent_ids: tuple[str, ...]
    closed: bool
    start: int
    end: int


@dataclass(frozen=True)
class Batch:
    """What a read gave. `ended` means that the shard is closed and read to its end;
    `behind_ms` is MillisBehindLatest.
    """

    records: list[Record]
    next_position: int
    ended: bool
    behind_ms: int


# Reading and writing by ARN ------------------------------------------------------------


def find(stream_arn: str) -> Stream:
    """The emulator's record of a stream, in whichever account. Raises StreamNotFoundError."""
    from ministack.services import kinesis

    try:
        spec = parse_arn(stream_arn)
    except ArnParseError:
        raise StreamNotFoundError(stream_arn) from None
    name = spec.resource.removeprefix("stream/")
    stream: Stream | None = kinesis._streams.get_scoped(spec.account_id, spec.region, name)
    if stream is None or stream["StreamARN"] != stream_arn:
        raise StreamNotFoundError(stream_arn)
    return stream


def shards(stream_arn: str) -> list[Shard]:
    """The stream's shards that hold or may get records, parents before children. Raises StreamNotFoundError."""
    stream = find(stream_arn)
    with _lock:
        expire(stream)
        return [
            Shard(
                shard_id,
                parents_of(shard),
                is_closed(shard),
                shard["trimmed"],
                shard["trimmed"] + len(shard["records"]),
            )
            for shard_id, shard in sorted(stream["shards"].items())
        ]


def read(
    stream_arn: str,
    shard_id: str,
    position: int,
    max_records: int = MAX_READ_RECORDS,
    max_bytes: int = MAX_READ_BYTES,
) -> Batch:
    """Records of a shard from a position on; one behind the trim horizon reads from the horizon.

    Raises StreamNotFoundError.
    """
    stream = find(stream_arn)
    shard = stream["shards"].get(shard_id)
    if shard is None:
        raise StreamNotFoundError(f"{shard_id} of {stream_arn}")
    return read_shard(stream, shard, position, max_records, max_bytes)


def has_news(stream: Stream, shard_id: str, position: int) -> bool:
    """Whether a shard has a record at a position or after it, is closed, or is not there any more."""
    shard = stream["shards"].get(shard_id)
    return shard is None or is_closed(shard) or position < shard["trimmed"] + len(shard["records"])


def put(stream_arn: str, partition_key: str, data: bytes, explicit_hash_key: str | None = None) -> tuple[str, str]:
    """Append a record; returns its shard id and sequence number. Raises StreamNotFoundError."""
    stream = find(stream_arn)
    placed = append(stream, partition_key, data, explicit_hash_key)
    notify(stream)
    return placed


def subscribe(stream_arn: str, callback: Callable[[], None]) -> Callable[[], None]:
    """Call back after every put, reshard and deletion of a stream; returns what ends that.

    The callback runs in the writer's thread, often the emulator's event loop: it may set an event, no more.
    """
    with _lock:
        _subscribers.setdefault(stream_arn, set()).add(callback)

    def unsubscribe() -> None:
        with _lock:
            callbacks = _subscribers.get(stream_arn, set())
            callbacks.discard(callback)
            if not callbacks:
                _subscribers.pop(stream_arn, None)

    return unsubscribe


def position_at(stream_arn: str, shard_id: str, timestamp_s: float) -> int:
    """The position of the first record that arrived at a time or later. Raises StreamNotFoundError."""
    stream = find(stream_arn)
    shard = stream["shards"].get(shard_id)
    if shard is None:
        raise StreamNotFoundError(f"{shard_id} of {stream_arn}")
    return first_since(shard, timestamp_s)


# Within a stream ------------------------------------------------------------


def append(stream: Stream, partition_key: str, data: bytes, explicit_hash_key: str | None = None) -> tuple[str, str]:
    """Append a record without telling subscribers (`notify` does, once for several)."""
    hash_key = int(explicit_hash_key) if explicit_hash_key else hash_of(partition_key)
    with _lock:
        shard_id = route(stream, hash_key)
        shard = stream["shards"][shard_id]
        _expire_shard(shard, time.time() - stream["RetentionPeriodHours"] * 3600)
        now = round(time.time(), 3)
        key = partition_key.encode()
        shard["records"].append(_HEADER.pack(now, len(key)) + key + data)
        index = shard["trimmed"] + len(shard["records"])
        return shard_id, compose(shard["created_s"], shard["index"], index, now)


def writing() -> AbstractContextManager[object]:
    """The lock that keeps a stream's shards as they are: `with writing(): …`. Held for microseconds."""
    return _lock


def notify(stream: Stream) -> None:
    """Tell a stream's subscribers that there is something new."""
    for callback in tuple(_subscribers.get(stream["StreamARN"], ())):
        callback()


def read_shard(stream: Stream, shard: StoredShard, position: int, max_records: int, max_bytes: int) -> Batch:
    found: list[Record] = []
    size = 0
    with _lock:
        _expire_shard(shard, time.time() - stream["RetentionPeriodHours"] * 3600)
        trimmed, packed = shard["trimmed"], shard["records"]
        first = max(position, trimmed)
        for offset in range(first - trimmed, min(len(packed), first - trimmed + max_records)):
            size += len(packed[offset]) - _HEADER.size
            if found and size > max_bytes:
                break
            found.append(_unpack(shard, trimmed + offset, packed[offset]))
        following = first + len(found)
        rest = following - trimmed < len(packed)
        behind_s = time.time() - _arrival(packed[following - trimmed]) if rest else 0.0
        return Batch(found, following, is_closed(shard) and not rest, max(0, int(behind_s * 1000)))


def first_since(shard: StoredShard, timestamp_s: float) -> int:
    with _lock:
        return int(shard["trimmed"]) + bisect.bisect_left(shard["records"], timestamp_s, key=_arrival)


def new_shard(index: int, hash_range: tuple[int, int], parents: Mapping[str, StoredShard]) -> StoredShard:
    """A shard for the hash keys of `hash_range`, both ends included;
    its sequence numbers are above those of its parents.
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
    index = shard["trimmed"] + len(shard["records"]) + 1
    shard["closed_at"] = now
    shard["ending_sequence_number"] = compose(shard["created_s"], shard["index"], index, now)


def is_closed(shard: StoredShard) -> bool:
    return shard["closed_at"] is not None


def parents_of(shard: StoredShard) -> tuple[str, ...]:
    return tuple(parent for parent in (shard["parent_shard_id"], shard["adjacent_parent_shard_id"]) if parent)


def open_shards(stream: Stream) -> dict[str, StoredShard]:
    """The shards that take records, by hash range."""
    taking = [
        (int(shard["starting_hash_key"]), name) for name, shard in stream["shards"].items() if not is_closed(shard)
    ]
    return {name: stream["shards"][name] for _, name in sorted(taking)}


def children_of(stream: Stream, shard_id: str) -> dict[str, StoredShard]:
    return {name: shard for name, shard in stream["shards"].items() if shard_id in parents_of(shard)}


def hash_of(partition_key: str) -> int:
    return int.from_bytes(hashlib.md5(partition_key.encode(), usedforsecurity=False).digest())


def route(stream: Stream, hash_key: int) -> str:
    """The open shard that takes a hash key."""
    routing = stream.get("routing")
    if routing is None:
        taking = open_shards(stream)
        routing = stream["routing"] = ([int(shard["starting_hash_key"]) for shard in taking.values()], list(taking))
    starts, names = routing
    return str(names[bisect.bisect_right(starts, hash_key) - 1])


def expire(stream: Stream) -> None:
    """Drop the records that are older than the retention period, and closed shards that have been empty for as long."""
    cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
    with _lock:
        for shard_id, shard in list(stream["shards"].items()):
            _expire_shard(shard, cutoff)
            if is_closed(shard) and not shard["records"] and shard["closed_at"] < cutoff:
                del stream["shards"][shard_id]


def _expire_shard(shard: StoredShard, cutoff: float) -> None:
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


def uniform_ranges(count: int) -> list[tuple[int, int]]:
    """The hash key space in `count` equal ranges, both ends included."""
    starts = [HASH_KEY_END * at // count for at in range(count + 1)]
    return [(starts[at], starts[at + 1] - 1) for at in range(count)]


# In the emulator ------------------------------------------------------------


def install() -> None:
    @replaces("ministack.services.kinesis", "_build_shards", source="1f27f472c8e8")
    def _build_shards(_original: object, shard_count: int, start_index: int = 0) -> dict[str, StoredShard]:
        ranges = enumerate(uniform_ranges(shard_count), start_index)
        return {f"shardId-{index:012d}": new_shard(index, hash_range, {}) for index, hash_range in ranges}

    @replaces("ministack.services.kinesis", "_expire_records", source="9f3968926430")
    def _expire_records(_original: object, stream: Stream) -> None:
        expire(stream)

    @replaces("ministack.services.kinesis", "_expire_iterators", source="283783a2fb44")
    def _expire_iterators(_original: object) -> None:
        """Iterators say themselves when they were made; none is stored."""

    @replaces("ministack.services.kinesis", "put_record_internal", source="fc637414f1cc")
    def put_record_internal(_original: object, stream_arn: str, partition_key: str, data: bytes) -> bool:
        try:
            put(stream_arn, partition_key, data)
        except StreamNotFoundError:
            return False
        return True

    @replaces("ministack.services.kinesis", "_delete_stream", source="6b369929e015")
    def _delete_stream(original: Callable[[dict[str, Any]], Any], data: dict[str, Any]) -> Any:
        from ministack.services import kinesis

        _, stream = kinesis._resolve_stream(data)
        answer = original(data)
        if stream is not None:
            notify(stream)
        return answer

"""The store of stream records: shards as append-only logs in which a record keeps its position for ever.

It lives in the emulator's own stream records, so that its public API stays the single truth. A closed shard stays
readable until its records expire:
https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
Other additions read with `read`, `shards` and `subscribe`, from any thread.
"""

import bisect
import hashlib
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn

from localcloud.emulator import metrics
from localcloud.emulator.kinesis import shard_log
from localcloud.emulator.kinesis.shard_log import Record, StoredShard, is_closed, parents_of
from localcloud.emulator.shard_ranges import ShardRange

HASH_KEY_END = 2**128
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
MAX_READ_RECORDS = 10_000
MAX_READ_BYTES = 10 * 1024 * 1024

Stream = dict[str, Any]

_lock = threading.RLock()
_subscribers: dict[str, set[Callable[[], None]]] = {}


class StreamNotFoundError(LookupError):
    """There is no such stream, or no such shard in it."""


@dataclass(frozen=True)
class Batch:
    """What a read gave.

    `ended` means that the shard is closed and read to its end; `behind_ms` is MillisBehindLatest.
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


def shards(stream_arn: str) -> list[ShardRange]:
    """The stream's shards that hold or may get records, parents before children. Raises StreamNotFoundError."""
    stream = find(stream_arn)
    with _lock:
        expire(stream)
        return [
            ShardRange(name, parents_of(shard), is_closed(shard), shard["trimmed"], shard_log.end_of(shard))
            for name, shard in sorted(stream["shards"].items())
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
    stream, shard = _find_shard(stream_arn, shard_id)
    return read_shard(stream, shard, position, max_records, max_bytes)


def has_news(stream: Stream, shard_id: str, position: int) -> bool:
    """Whether a shard has a record at a position or after it, is closed, or is not there any more."""
    shard = stream["shards"].get(shard_id)
    return shard is None or is_closed(shard) or position < shard_log.end_of(shard)


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
    _, shard = _find_shard(stream_arn, shard_id)
    with _lock:
        return shard_log.first_since(shard, timestamp_s)


def _find_shard(stream_arn: str, shard_id: str) -> tuple[Stream, StoredShard]:
    stream = find(stream_arn)
    shard = stream["shards"].get(shard_id)
    if shard is None:
        raise StreamNotFoundError(f"{shard_id} of {stream_arn}")
    return stream, shard


# Within a stream ------------------------------------------------------------


def append(stream: Stream, partition_key: str, data: bytes, explicit_hash_key: str | None = None) -> tuple[str, str]:
    """Append a record without telling subscribers (`notify` does, once for several)."""
    hash_key = int(explicit_hash_key) if explicit_hash_key else hash_of(partition_key)
    with _lock:
        shard_id = route(stream, hash_key)
        shard = stream["shards"][shard_id]
        shard_log.expire(shard, _cutoff(stream))
        number = shard_log.add(shard, partition_key, data)
    count(stream, "IncomingRecords", 1)
    count(stream, "IncomingBytes", len(data))
    return shard_id, number


def count(stream: Stream, metric: str, value: float) -> None:
    """https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html (basic stream-level metrics)"""
    _, _, _, region, account_id, _ = stream["StreamARN"].split(":", 5)
    metrics.add(account_id, region, "AWS/Kinesis", metric, value, {"StreamName": stream["StreamName"]})


def writing() -> AbstractContextManager[object]:
    """The lock that keeps a stream's shards as they are: `with writing(): …`. Held for microseconds."""
    return _lock


def notify(stream: Stream) -> None:
    """Tell a stream's subscribers that there is something new."""
    for callback in tuple(_subscribers.get(stream["StreamARN"], ())):
        callback()


def read_shard(stream: Stream, shard: StoredShard, position: int, max_records: int, max_bytes: int) -> Batch:
    """Records of a shard from a position on; see `read`."""
    with _lock:
        shard_log.expire(shard, _cutoff(stream))
        first = max(position, shard["trimmed"])
        found = shard_log.slice_of(shard, first, max_records, max_bytes)
        following = first + len(found)
        rest = following < shard_log.end_of(shard)
        behind_s = time.time() - shard_log.arrival_at(shard, following) if rest else 0.0
        return Batch(found, following, is_closed(shard) and not rest, max(0, int(behind_s * 1000)))


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
    cutoff = _cutoff(stream)
    with _lock:
        for shard_id, shard in list(stream["shards"].items()):
            shard_log.expire(shard, cutoff)
            if is_closed(shard) and not shard["records"] and shard["closed_at"] < cutoff:
                del stream["shards"][shard_id]


def _cutoff(stream: Stream) -> float:
    """The time before which records have expired."""
    return float(time.time() - stream["RetentionPeriodHours"] * 3600)


def uniform_ranges(count: int) -> list[tuple[int, int]]:
    """The hash key space in `count` equal ranges, both ends included."""
    starts = [HASH_KEY_END * at // count for at in range(count + 1)]
    return [(starts[at], starts[at + 1] - 1) for at in range(count)]

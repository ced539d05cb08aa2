"""SplitShard, MergeShards and UpdateShardCount: the parents close and stay readable, the children take what comes
after.

https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html ,
…/kinesis-using-sdk-java-after-resharding.html ,
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
"""

import threading

from localcloud.emulator.kinesis import shard_log, streams
from localcloud.emulator.kinesis.api import Answer, RefusedError, Request, answered, serve, shard_of, stream_of

_lock = threading.Lock()


def split_shard(request: Request) -> Answer:
    stream = _provisioned(request)
    shard_id, at = request["ShardToSplit"], int(request.get("NewStartingHashKey") or 0)
    first, last = _hash_range(_open(stream, shard_id))
    if not first < at <= last:
        raise RefusedError(
            "InvalidArgumentException",
            f"NewStartingHashKey {at} used in SplitShard() on shard {shard_id} in stream {stream['StreamName']} is "
            "not both greater "
            "than one plus the shard's StartingHashKey and less than the shard's EndingHashKey.",
        )
    with _lock:
        _replace(stream, [shard_id], [(first, at - 1), (at, last)])
    streams.notify(stream)
    return answered({})


def merge_shards(request: Request) -> Answer:
    stream = _provisioned(request)
    names = sorted(
        (request["ShardToMerge"], request["AdjacentShardToMerge"]), key=lambda name: _hash_range(_open(stream, name))
    )
    (start, middle), (following, end) = (_hash_range(_open(stream, name)) for name in names)
    if middle + 1 != following:
        raise RefusedError(
            "InvalidArgumentException",
            f"Shards {request['ShardToMerge']} and {request['AdjacentShardToMerge']} in stream "
            f"{stream['StreamName']} are not an "
            "adjacent pair of shards eligible for merging",
        )
    with _lock:
        _replace(stream, [request["ShardToMerge"], request["AdjacentShardToMerge"]], [(start, end)])
    streams.notify(stream)
    return answered({})


def update_shard_count(request: Request) -> Answer:
    stream = _provisioned(request)
    target, current = int(request.get("TargetShardCount") or 0), len(streams.open_shards(stream))
    if target < 1 or target > 2 * current or 2 * target < current:
        raise RefusedError(
            "LimitExceededException",
            f"UpdateShardCount cannot scale stream {stream['StreamName']} from {current} to {target} shards: the "
            "target must be "
            "from half to double the current shard count.",
        )
    with _lock:
        _scale(stream, streams.uniform_ranges(target))
    streams.notify(stream)
    return answered(
        {
            "StreamName": stream["StreamName"],
            "CurrentShardCount": current,
            "TargetShardCount": target,
            "StreamARN": stream["StreamARN"],
        }
    )


def _scale(stream: streams.Stream, targets: list[tuple[int, int]]) -> None:
    """Split at the targets' borders, then merge the pieces of each target, with short-lived shards in between, as
    AWS does.
    """
    for start, _ in targets:
        name = streams.route(stream, start)
        first, last = _hash_range(stream["shards"][name])
        if first != start:
            _replace(stream, [name], [(first, start - 1), (start, last)])
    for start, end in targets:
        while True:
            name = streams.route(stream, start)
            _, last = _hash_range(stream["shards"][name])
            if last == end:
                break
            adjacent = streams.route(stream, last + 1)
            _replace(stream, [name, adjacent], [(start, _hash_range(stream["shards"][adjacent])[1])])


def _replace(stream: streams.Stream, parents: list[str], ranges: list[tuple[int, int]]) -> None:
    """Close the parents and open a child for each range, with nothing put in between."""
    stored = {name: stream["shards"][name] for name in parents}
    with streams.writing():
        for shard in stored.values():
            shard_log.close(shard)
        index = max(shard["index"] for shard in stream["shards"].values())
        for offset, hash_range in enumerate(ranges, start=1):
            child = shard_log.new_shard(index + offset, hash_range, stored)
            stream["shards"][f"shardId-{index + offset:012d}"] = child
        stream.pop("routing", None)


def _provisioned(request: Request) -> streams.Stream:
    stream = stream_of(request)
    if stream.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND":
        raise RefusedError(
            "ValidationException",
            f"Request is invalid. Stream {stream['StreamName']} under account {stream['StreamARN'].split(':')[4]} "
            "is in On-Demand mode.",
        )
    return stream


def _open(stream: streams.Stream, shard_id: str) -> shard_log.StoredShard:
    shard = shard_of(stream, shard_id)
    if shard_log.is_closed(shard):
        raise RefusedError(
            "InvalidArgumentException", f"Shard {shard_id} in stream {stream['StreamName']} is closed already."
        )
    return shard


def _hash_range(shard: shard_log.StoredShard) -> tuple[int, int]:
    return int(shard["starting_hash_key"]), int(shard["ending_hash_key"])


def install() -> None:
    serve("_split_shard", "79e732074645", split_shard)
    serve("_merge_shards", "4440fcd2a9bb", merge_shards)
    serve("_update_shard_count", "79b02ca7148f", update_shard_count)

"""ListShards with its filters, and what DescribeStream and DescribeStreamSummary say about shards.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html , …/API_ShardFilter.html
"""

import json
import time
from collections.abc import Callable
from typing import Any

from localcloud.emulator.kinesis import streams
from localcloud.emulator.kinesis.api import (
    Answer,
    ExpiredTokenError,
    RefusedError,
    Request,
    answered,
    make_token,
    not_in,
    read_token,
    serve,
    stream_of,
)
from localcloud.emulator.kinesis.shard_log import StoredShard, is_closed, parents_of
from localcloud.emulator.patching import replaces

MAX_SHARDS = 1000
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html: "Tokens expire after 300 seconds."
TOKEN_LIFE_S = 300
# "Don't specify StreamName or StreamCreationTimestamp if you specify NextToken because the latter unambiguously
# identifies the stream."
_NOT_BESIDE_A_TOKEN = ("StreamName", "StreamCreationTimestamp", "ExclusiveStartShardId")


def list_shards(request: Request) -> Answer:
    most = min(request.get("MaxResults", MAX_SHARDS), MAX_SHARDS)
    after = request.get("ExclusiveStartShardId")
    if request.get("NextToken") is not None:
        stream_arn, shard_filter, after = _read_token(request)
        request = {"StreamARN": stream_arn, "ShardFilter": shard_filter}
    stream = stream_of(request)
    streams.expire(stream)
    wanted = [name for name in _filtered(stream, request.get("ShardFilter")) if not after or name > after]
    page = wanted[:most]
    answer: dict[str, Any] = {"Shards": [shard_out(name, stream["shards"][name]) for name in page]}
    if len(wanted) > most:
        # The token alone continues the listing, so it carries the stream and the filter.
        answer["NextToken"] = make_token(stream["StreamARN"], request.get("ShardFilter"), page[-1])
    return answered(answer)


def shard_out(shard_id: str, shard: StoredShard) -> dict[str, Any]:
    """A shard as the API shows it; a closed one has an ending sequence number."""
    numbers = {"StartingSequenceNumber": shard["starting_sequence_number"]}
    if shard["ending_sequence_number"]:
        numbers["EndingSequenceNumber"] = shard["ending_sequence_number"]
    parents = zip(("ParentShardId", "AdjacentParentShardId"), parents_of(shard), strict=False)
    return {"ShardId": shard_id, "HashKeyRange": hash_key_range(shard), "SequenceNumberRange": numbers, **dict(parents)}


def child_shards(stream: streams.Stream, shard_id: str) -> list[dict[str, Any]]:
    """ChildShards as GetRecords and SubscribeToShard give them at a shard's end."""
    return [
        {"ShardId": name, "ParentShards": list(parents_of(child)), "HashKeyRange": hash_key_range(child)}
        for name, child in sorted(streams.children_of(stream, shard_id).items())
    ]


def hash_key_range(shard: StoredShard) -> dict[str, str]:
    return {"StartingHashKey": shard["starting_hash_key"], "EndingHashKey": shard["ending_hash_key"]}


def _filtered(stream: streams.Stream, shard_filter: dict[str, Any] | None) -> list[str]:
    """The ids of the shards that a ShardFilter leaves; its times are cut to the trim horizon."""
    names = sorted(stream["shards"])
    if not shard_filter:
        return names
    kind, after, timestamp = (shard_filter.get(key) for key in ("Type", "ShardId", "Timestamp"))
    if kind == "AFTER_SHARD_ID" and not after:
        raise RefusedError("InvalidArgumentException", "A ShardFilter of type AFTER_SHARD_ID needs a ShardId.")
    if kind in ("AT_TIMESTAMP", "FROM_TIMESTAMP") and timestamp is None:
        raise RefusedError("InvalidArgumentException", f"A ShardFilter of type {kind} needs a Timestamp.")
    horizon = time.time() - stream["RetentionPeriodHours"] * 3600
    first_made = [shard["created_at"] for shard in stream["shards"].values() if not parents_of(shard)]
    at = max(float(timestamp or 0), horizon, *first_made)
    rules: dict[str, Callable[[str, StoredShard], bool]] = {
        "AFTER_SHARD_ID": lambda name, _: name > str(after),
        "AT_LATEST": lambda _, shard: not is_closed(shard),
        "FROM_TRIM_HORIZON": lambda *_: True,
        "AT_TRIM_HORIZON": lambda _, shard: _open_at(shard, at),
        "AT_TIMESTAMP": lambda _, shard: _open_at(shard, at),
        "FROM_TIMESTAMP": lambda _, shard: not is_closed(shard) or shard["closed_at"] >= at,
    }
    if kind not in rules:
        raise not_in(kind, "shardFilter.type", list(rules))
    return [name for name in names if rules[kind](name, stream["shards"][name])]


def _open_at(shard: StoredShard, time_s: float) -> bool:
    return bool(shard["created_at"] <= time_s and (not is_closed(shard) or shard["closed_at"] >= time_s))


def _read_token(request: Request) -> list[Any]:
    beside = [name for name in _NOT_BESIDE_A_TOKEN if request.get(name) is not None]
    if beside:
        raise RefusedError("InvalidArgumentException", f"NextToken and {beside[0]} cannot be provided together.")
    try:
        return read_token(request["NextToken"], TOKEN_LIFE_S)
    except ExpiredTokenError:
        raise RefusedError("ExpiredNextTokenException", f"NextToken is older than {TOKEN_LIFE_S} seconds.") from None
    except ValueError:
        raise RefusedError("InvalidArgumentException", "Invalid NextToken.") from None


def install() -> None:
    serve("_list_shards", "d0390d5ca76b", list_shards)

    @replaces("ministack.services.kinesis", "_shard_out", source="3124090ac60f")
    def _shard_out(_original: object, shard_id: str, shard: StoredShard) -> dict[str, Any]:
        return shard_out(shard_id, shard)

    @replaces("ministack.services.kinesis", "_describe_stream_summary", source="a63741b068a7")
    def _describe_stream_summary(original: Callable[[Request], Answer], request: Request) -> Answer:
        """The emulator's answer, counting only the shards that are open."""
        status, headers, body = original(request)
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        answer["StreamDescriptionSummary"]["OpenShardCount"] = len(streams.open_shards(stream_of(request)))
        return answered(answer)

"""Reading a stream by hand."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def administrator(account: Callable[[], str], clients: Callable[[str], Any]) -> Any:
    """The clients of a fresh account's administrator."""
    return clients(account())


@pytest.fixture
def kinesis(administrator: Any) -> Any:
    return administrator.kinesis


@pytest.fixture
def made(
    kinesis: Any, cleanup: Callable[..., object], unique: Callable[[str], str], eventually: Any
) -> Callable[..., str]:
    """`made(shards)` is the name of an active stream."""

    def make(shards: int = 1) -> str:
        name = unique("stream")
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        cleanup(kinesis.delete_stream, StreamName=name, EnforceConsumerDeletion=True)
        active(kinesis, name, eventually)
        return name

    return make


def active(kinesis: Any, name: str, eventually: Any) -> dict[str, Any]:
    """Wait until the stream is active; returns its summary."""
    return eventually(
        lambda: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"],
        until=lambda summary: summary["StreamStatus"] == "ACTIVE",
        timeout=300,
    )


def shards_of(kinesis: Any, name: str, **request: Any) -> dict[str, dict[str, Any]]:
    """Every shard by id. A token is sent alone:
    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html
    """
    answer = kinesis.list_shards(StreamName=name, **request)
    found = answer["Shards"]
    while "NextToken" in answer:
        answer = kinesis.list_shards(NextToken=answer["NextToken"])
        found += answer["Shards"]
    return {shard["ShardId"]: shard for shard in found}


def is_open(shard: dict[str, Any]) -> bool:
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def hash_range(shard: dict[str, Any]) -> tuple[int, int]:
    return int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"])


def iterator(kinesis: Any, name: str, shard_id: str, kind: str = "TRIM_HORIZON", **request: Any) -> str:
    answer = kinesis.get_shard_iterator(StreamName=name, ShardId=shard_id, ShardIteratorType=kind, **request)
    return answer["ShardIterator"]


def read(kinesis: Any, name: str, shard_id: str, kind: str = "TRIM_HORIZON", **request: Any) -> list[dict[str, Any]]:
    """The records of a shard up to its tip."""
    records: list[dict[str, Any]] = []
    following: str | None = iterator(kinesis, name, shard_id, kind, **request)
    while following is not None:
        answer = kinesis.get_records(ShardIterator=following)
        records += answer["Records"]
        following = answer.get("NextShardIterator")
        if not answer["MillisBehindLatest"] and not answer["Records"]:
            break
    return records

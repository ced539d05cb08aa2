"""Splitting, merging and scaling: parents close and stay readable, children take what comes after.

https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html ,
…/kinesis-using-sdk-java-after-resharding.html ,
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
"""

from itertools import pairwise

import pytest
from botocore.exceptions import ClientError

from integration_tests.local_cloud.kinesis.conftest import active, hash_range, is_open, iterator, read, shards_of

pytestmark = pytest.mark.local

LAST_HASH_KEY = 2**128 - 1


def put(kinesis, name, count, start=0):
    """Put numbers under keys of their own; returns the shard of each."""
    entries = [{"Data": str(n).encode(), "PartitionKey": str(n)} for n in range(start, start + count)]
    return [one["ShardId"] for one in kinesis.put_records(StreamName=name, Records=entries)["Records"]]


def numbers(records):
    return [int(record["Data"]) for record in records]


def covered(shards):
    """Whether open shards cover the hash keys without gap or overlap."""
    ranges = sorted(hash_range(shard) for shard in shards.values() if is_open(shard))
    borders = [(-1, -1), *ranges, (LAST_HASH_KEY + 1, LAST_HASH_KEY + 1)]
    return all(one[1] + 1 == other[0] for one, other in pairwise(borders))


def test_a_split_shard_closes_and_its_records_stay_readable(kinesis, made, eventually):
    name = made()
    put(kinesis, name, 10)
    middle = str(2**127)
    kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=middle)
    active(kinesis, name, eventually)
    shards = shards_of(kinesis, name)
    parent, low, high = (shards[f"shardId-00000000000{n}"] for n in range(3))
    assert [is_open(one) for one in (parent, low, high)] == [False, True, True]
    assert {low["ParentShardId"], high["ParentShardId"]} == {"shardId-000000000000"}
    assert (hash_range(low), hash_range(high)) == ((0, 2**127 - 1), (2**127, LAST_HASH_KEY))
    assert int(parent["SequenceNumberRange"]["EndingSequenceNumber"]) < int(
        low["SequenceNumberRange"]["StartingSequenceNumber"]
    )
    placed = put(kinesis, name, 10, start=10)
    assert set(placed) <= {"shardId-000000000001", "shardId-000000000002"}
    old = read(kinesis, name, "shardId-000000000000")
    new = read(kinesis, name, "shardId-000000000001") + read(kinesis, name, "shardId-000000000002")
    assert numbers(old) == list(range(10))
    assert sorted(numbers(new)) == list(range(10, 20))
    assert max(int(one["SequenceNumber"]) for one in old) < min(int(one["SequenceNumber"]) for one in new)


def test_reading_a_closed_shard_ends_with_its_children(kinesis, made, eventually):
    name = made(2)
    placed = put(kinesis, name, 20)
    kinesis.merge_shards(
        StreamName=name, ShardToMerge="shardId-000000000000", AdjacentShardToMerge="shardId-000000000001"
    )
    active(kinesis, name, eventually)
    count = placed.count("shardId-000000000000")
    first = kinesis.get_records(ShardIterator=iterator(kinesis, name, "shardId-000000000000"), Limit=count - 1)
    assert "ChildShards" not in first
    last = kinesis.get_records(ShardIterator=first["NextShardIterator"])
    while last.get("NextShardIterator"):  # the end may come in an answer of its own
        last = kinesis.get_records(ShardIterator=last["NextShardIterator"])
    (child,) = last["ChildShards"]
    assert child["ShardId"] == "shardId-000000000002"
    assert child["ParentShards"] == ["shardId-000000000000", "shardId-000000000001"]
    assert child["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": str(LAST_HASH_KEY)}
    merged = shards_of(kinesis, name)["shardId-000000000002"]
    assert (merged["ParentShardId"], merged["AdjacentParentShardId"]) == (
        "shardId-000000000000",
        "shardId-000000000001",
    )


@pytest.mark.parametrize("counts", [(1, 2, 4), (4, 3, 2, 1), (5, 3, 6), (3, 3)], ids=str)
def test_scaling_gives_even_shards_and_keeps_every_record(counts, kinesis, made, eventually):
    name = made(counts[0])
    sent = 0
    for count in counts[1:]:
        put(kinesis, name, 30, start=sent)
        sent += 30
        answer = kinesis.update_shard_count(StreamName=name, TargetShardCount=count, ScalingType="UNIFORM_SCALING")
        assert answer["TargetShardCount"] == count
        assert active(kinesis, name, eventually)["OpenShardCount"] == count
        shards = shards_of(kinesis, name)
        assert covered(shards)
        sizes = [hash_range(one)[1] - hash_range(one)[0] for one in shards.values() if is_open(one)]
        assert max(sizes) - min(sizes) <= 1
    put(kinesis, name, 30, start=sent)
    found = [n for shard_id in shards_of(kinesis, name) for n in numbers(read(kinesis, name, shard_id))]
    assert sorted(found) == list(range(sent + 30))


def test_a_key_goes_on_in_the_descendant_of_its_shard(kinesis, made, eventually):
    name = made(2)
    for number, count in enumerate((3, 4, 2)):
        kinesis.put_record(StreamName=name, Data=str(number).encode(), PartitionKey="same")
        kinesis.update_shard_count(StreamName=name, TargetShardCount=count, ScalingType="UNIFORM_SCALING")
        active(kinesis, name, eventually)
    kinesis.put_record(StreamName=name, Data=b"3", PartitionKey="same")
    records = [one for shard_id in shards_of(kinesis, name) for one in read(kinesis, name, shard_id)]
    assert numbers(sorted(records, key=lambda one: int(one["SequenceNumber"]))) == [0, 1, 2, 3]


def test_listing_can_be_filtered(kinesis, made, eventually):
    name = made(2)
    before = shards_of(kinesis, name)
    kinesis.update_shard_count(StreamName=name, TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    active(kinesis, name, eventually)
    after = shards_of(kinesis, name)
    created = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamCreationTimestamp"]
    children = set(after) - set(before)

    def listed(**shard_filter):
        return set(shards_of(kinesis, name, ShardFilter=shard_filter))

    assert listed(Type="AT_LATEST") == children
    assert listed(Type="AT_TRIM_HORIZON") == set(before)
    assert listed(Type="FROM_TRIM_HORIZON") == set(after)
    assert listed(Type="AFTER_SHARD_ID", ShardId="shardId-000000000001") == children
    assert listed(Type="FROM_TIMESTAMP", Timestamp=created) == set(after)
    assert set(shards_of(kinesis, name, ExclusiveStartShardId="shardId-000000000003")) == set(sorted(after)[4:])
    assert set(shards_of(kinesis, name, MaxResults=2, ShardFilter={"Type": "AT_LATEST"})) == children


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("update_shard_count", {"TargetShardCount": 5, "ScalingType": "UNIFORM_SCALING"}),
        ("split_shard", {"ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "0"}),
        ("merge_shards", {"ShardToMerge": "shardId-000000000000", "AdjacentShardToMerge": "shardId-000000000000"}),
    ],
)
def test_what_cannot_be_resharded_is_refused(operation, request_, kinesis, made):
    name = made(2)
    with pytest.raises(ClientError) as refused:
        getattr(kinesis, operation)(StreamName=name, **request_)
    assert refused.value.response["Error"]["Code"] in ("InvalidArgumentException", "LimitExceededException")
    assert len(shards_of(kinesis, name)) == 2


def test_a_closed_shard_cannot_be_split_again(kinesis, made, eventually):
    name = made()
    kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    active(kinesis, name, eventually)
    with pytest.raises(ClientError) as refused:
        kinesis.split_shard(StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**126))
    assert refused.value.response["Error"]["Code"] in ("InvalidArgumentException", "ResourceInUseException")

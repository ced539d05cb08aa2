"""A shard's limits, enforced on request: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""

import pytest

pytestmark = pytest.mark.local


def read_often(api, iterator: str, times: int) -> None:
    for _ in range(times):
        api.get_records(ShardIterator=iterator)


def test_a_shard_takes_a_megabyte_a_second(account, clients, stream, faults) -> None:
    mine = account()
    arn, api = stream(mine), clients(mine).kinesis
    records = [{"Data": b"x" * 100_000, "PartitionKey": "k"} for _ in range(20)]
    assert api.put_records(StreamARN=arn, Records=records)["FailedRecordCount"] == 0
    with faults.throughput(account=mine, service="kinesis"):
        answer = api.put_records(StreamARN=arn, Records=records)
        failed = [entry for entry in answer["Records"] if "ErrorCode" in entry]
        assert answer["FailedRecordCount"] == len(failed) == 10
        assert {entry["ErrorCode"] for entry in failed} == {"ProvisionedThroughputExceededException"}
        with pytest.raises(api.exceptions.ProvisionedThroughputExceededException):
            api.put_record(StreamARN=arn, Data=b"x" * 1_000_000, PartitionKey="k")


def test_a_shard_takes_a_thousand_records_a_second(account, clients, stream, faults) -> None:
    mine = account()
    arn, api = stream(mine), clients(mine).kinesis
    records = [{"Data": b"x", "PartitionKey": "k"}] * 500
    with faults.throughput(account=mine):
        failed = [api.put_records(StreamARN=arn, Records=records)["FailedRecordCount"] for _ in range(4)]
    assert failed[0] == 0
    assert sum(failed) > 200


def test_one_shard_does_not_use_up_another(account, clients, stream, faults) -> None:
    mine = account()
    arn, api = stream(mine, 2), clients(mine).kinesis
    low, high = "0", str(2**128 - 1)
    with faults.throughput(account=mine):
        for hash_key in (low, high):
            api.put_record(StreamARN=arn, Data=b"x" * 1_000_000, PartitionKey="k", ExplicitHashKey=hash_key)
        for hash_key in (low, high):
            with pytest.raises(api.exceptions.ProvisionedThroughputExceededException):
                api.put_record(StreamARN=arn, Data=b"x" * 1_000_000, PartitionKey="k", ExplicitHashKey=hash_key)


def test_a_shard_is_read_five_times_a_second(account, clients, stream, faults) -> None:
    mine = account()
    arn, api = stream(mine), clients(mine).kinesis
    shard = api.list_shards(StreamARN=arn)["Shards"][0]["ShardId"]
    start = api.get_shard_iterator(StreamARN=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    with faults.throughput(account=mine):
        read_often(api, start, 5)
        with pytest.raises(api.exceptions.ProvisionedThroughputExceededException):
            read_often(api, start, 5)


def test_a_large_read_is_paid_back_before_the_next(account, clients, stream, faults) -> None:
    mine = account()
    arn, api = stream(mine), clients(mine).kinesis
    for _ in range(8):
        api.put_record(StreamARN=arn, Data=b"x" * 1_000_000, PartitionKey="k")
    shard = api.list_shards(StreamARN=arn)["Shards"][0]["ShardId"]
    start = api.get_shard_iterator(StreamARN=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    with faults.throughput(account=mine):
        assert len(api.get_records(ShardIterator=start)["Records"]) == 8
        with pytest.raises(api.exceptions.ProvisionedThroughputExceededException):
            api.get_records(ShardIterator=start)

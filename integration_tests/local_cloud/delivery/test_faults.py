"""Deliveries on a bad day: S3 that fails for a while, changes that come twice or out of turn."""

import json

import pytest

from integration_tests.local_cloud.delivery.conftest import hints
from integration_tests.support.waiting import eventually

pytestmark = pytest.mark.local


def test_a_failed_write_is_tried_again_and_later_objects_wait_for_it(delivery_stream, faults):
    stream = delivery_stream(BufferingHints=hints(0))

    with faults.error(
        service="s3", operation="PutObject", resource=f"{stream.bucket}/*", account=stream.clients.account_id, count=3
    ) as fault:
        stream.put(b"first")
        eventually(fault.hits, until=lambda hits: hits >= 1)
        stream.put(b"second")
        stream.put(b"third")
        eventually(lambda: b"".join(sorted(stream.objects().values())), equals=b"firstsecondthird", timeout=30)
        assert fault.hits() == 3

    assert stream.metric("DeliveryToS3.Records") == [3.0]


def changes(clients, stream_arn) -> list[int]:
    kinesis = clients.kinesis
    (shard,) = kinesis.list_shards(StreamARN=stream_arn)["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamARN=stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    return [int(json.loads(record["Data"])["dynamodb"]["NewImage"]["n"]["N"]) for record in records]


@pytest.fixture
def written(table, stream, account, clients):
    """`written(count)`: a table that streams to one shard, written this often; returns what reads the shard."""
    account_id = account()
    name, stream_arn = table(account_id)["TableName"], stream(account_id)
    dynamodb = clients(account_id).dynamodb
    dynamodb.enable_kinesis_streaming_destination(TableName=name, StreamArn=stream_arn)

    def write(count):
        for number in range(count):
            dynamodb.put_item(TableName=name, Item={"pk": {"S": "one"}, "n": {"N": str(number)}})
        return lambda: changes(clients(account_id), stream_arn)

    return write


def test_changes_may_come_twice(written, faults):
    with faults.set("duplicate", service="kinesis", rate=0.5, seed=1) as fault:
        seen = written(40)()
        doubled = fault.hits()

    assert 5 < doubled < 35
    assert len(seen) == 40 + doubled
    assert sorted(set(seen)) == list(range(40))


def test_changes_may_come_out_of_turn_but_none_is_lost(written, faults):
    with faults.set("reorder", service="kinesis", rate=0.3, seed=2) as fault:
        read = written(60)
        held = fault.hits()

    seen = eventually(read, until=lambda numbers: len(numbers) == 60)
    assert held > 5
    assert sorted(seen) == list(range(60))
    assert seen != sorted(seen)

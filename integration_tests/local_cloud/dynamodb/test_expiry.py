"""Time to Live: expired items leave the table, and the stream says who deleted them."""

import time

import pytest

pytestmark = pytest.mark.local


def stream_records(clients, stream_arn: str) -> list[dict]:
    streams = clients.dynamodbstreams
    shard = streams.describe_stream(StreamArn=stream_arn)["StreamDescription"]["Shards"][0]["ShardId"]
    start = streams.get_shard_iterator(StreamArn=stream_arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    return streams.get_records(ShardIterator=start["ShardIterator"])["Records"]


def test_expired_items_leave_through_the_stream(account, clients, table, faults) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html"""
    mine = account()
    api, now = clients(mine).dynamodb, int(time.time())
    description = table(mine, view="NEW_AND_OLD_IMAGES")
    name = description["TableName"]
    api.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "gone_after"})
    stamps = {
        "past": {"N": str(now - 60)},
        "future": {"N": str(now + 3600)},
        "text": {"S": str(now - 60)},
        "milliseconds": {"N": str(now * 1000)},
        "six years": {"N": str(now - 6 * 365 * 24 * 3600)},
    }
    for key, stamp in stamps.items():
        api.put_item(TableName=name, Item={"pk": {"S": key}, "gone_after": stamp})
    api.put_item(TableName=name, Item={"pk": {"S": "without"}})
    api.delete_item(TableName=name, Key={"pk": {"S": "without"}})

    assert faults.expire_items(mine, name) == 1

    assert sorted(item["pk"]["S"] for item in api.scan(TableName=name)["Items"]) == sorted(set(stamps) - {"past"})
    removed = [
        record
        for record in stream_records(clients(mine), description["LatestStreamArn"])
        if record["eventName"] == "REMOVE"
    ]
    assert [(record["dynamodb"]["Keys"]["pk"]["S"], record.get("userIdentity")) for record in removed] == [
        ("without", None),
        ("past", {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}),
    ]
    assert removed[1]["dynamodb"]["OldImage"] == {"pk": {"S": "past"}, "gone_after": stamps["past"]}
    assert faults.expire_items(mine, name) == 0


def test_a_table_without_time_to_live_keeps_everything(account, clients, table, faults) -> None:
    mine = account()
    name = table(mine)["TableName"]
    clients(mine).dynamodb.put_item(TableName=name, Item={"pk": {"S": "a"}, "gone_after": {"N": "1"}})
    assert faults.expire_items(mine) == 0

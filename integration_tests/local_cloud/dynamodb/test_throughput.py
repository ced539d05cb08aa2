"""Provisioned capacity, enforced on request: beyond it requests are throttled and batches are processed in part."""

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.local

KB = "x" * 1000


def put_until_throttled(api, table: str, attempts: int = 400, **more) -> int:
    """How many items of a bit less than 1 KB are written, one after another, before one is refused."""
    for number in range(attempts):
        try:
            api.put_item(TableName=table, Item={"pk": {"S": str(number)}, "filler": {"S": KB}, **more})
        except api.exceptions.ProvisionedThroughputExceededException:
            return number
    return attempts


@pytest.fixture
def provisioned(account, clients, table):
    """An account, its DynamoDB client, and the name of a fresh table with 2 write and 2 read units."""
    mine = account()
    units = {"ReadCapacityUnits": 2, "WriteCapacityUnits": 2}
    name = table(mine, BillingMode="PROVISIONED", ProvisionedThroughput=units)["TableName"]
    return mine, clients(mine).dynamodb, name


def test_writes_beyond_the_capacity_are_throttled(provisioned, faults) -> None:
    mine, api, name = provisioned
    with faults.throughput(account=mine, service="dynamodb") as limit:
        written = put_until_throttled(api, name)
        # A new table has saved up what it did not use since it was created: a few seconds' worth here.
        assert 1 <= written < 100
        assert limit.hits() == 1
    assert api.scan(TableName=name)["Count"] == written
    assert put_until_throttled(api, name, attempts=50) == 50


def test_a_batch_is_written_as_far_as_the_capacity_goes(provisioned, faults) -> None:
    mine, api, name = provisioned
    writes = [{"PutRequest": {"Item": {"pk": {"S": f"{n:02d}"}, "filler": {"S": KB * 20}}}} for n in range(25)]
    with faults.throughput(account=mine):
        left = api.batch_write_item(RequestItems={name: writes})["UnprocessedItems"][name]
        with pytest.raises(ClientError, match="ProvisionedThroughputExceededException"):
            api.batch_write_item(RequestItems={name: left})
    stored = [item["pk"]["S"] for item in api.scan(TableName=name)["Items"]]
    assert 1 <= len(stored) < 25
    assert sorted([*stored, *(one["PutRequest"]["Item"]["pk"]["S"] for one in left)]) == [f"{n:02d}" for n in range(25)]


def test_capacity_comes_back(provisioned, faults, eventually) -> None:
    mine, api, name = provisioned
    item = {"pk": {"S": "a"}}
    with faults.throughput(account=mine):
        put_until_throttled(api, name)
        eventually(
            lambda: api.put_item(TableName=name, Item=item),
            retry=(api.exceptions.ProvisionedThroughputExceededException,),
            timeout=10,
        )


def test_reads_beyond_the_capacity_are_throttled(provisioned, faults) -> None:
    mine, api, name = provisioned
    for number in range(20):
        api.put_item(TableName=name, Item={"pk": {"S": str(number)}, "filler": {"S": KB * 40}})
    with faults.throughput(account=mine):
        # 800 KB scanned are 100 units of eventually consistent reads: an overdraft that takes a while to pay back.
        assert api.scan(TableName=name)["Count"] == 20
        with pytest.raises(api.exceptions.ProvisionedThroughputExceededException):
            api.get_item(TableName=name, Key={"pk": {"S": "1"}})
        api.put_item(TableName=name, Item={"pk": {"S": "writes have units of their own"}})


def test_an_index_without_capacity_throttles_its_table(account, clients, table, faults) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/gsi-throttling.html"""
    mine = account()
    api, plenty, scarce = (
        clients(mine).dynamodb,
        *({"ReadCapacityUnits": units, "WriteCapacityUnits": units} for units in (1000, 1)),
    )
    index = {
        "IndexName": "by_user",
        "KeySchema": [{"AttributeName": "user", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        "ProvisionedThroughput": scarce,
    }
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "user")]
    name = table(
        mine,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=plenty,
        GlobalSecondaryIndexes=[index],
        AttributeDefinitions=attributes,
    )["TableName"]
    with faults.throughput(account=mine):
        assert put_until_throttled(api, name, user={"S": "u"}) < 50


def test_tables_on_demand_are_not_throttled(account, clients, table, faults) -> None:
    mine = account()
    name, api = table(mine)["TableName"], clients(mine).dynamodb
    with faults.throughput(account=mine):
        assert put_until_throttled(api, name, attempts=50) == 50


def test_throttles_are_counted_in_cloudwatch(provisioned, clients, faults) -> None:
    import datetime

    mine, api, name = provisioned
    with faults.throughput(account=mine):
        put_until_throttled(api, name)
    now = datetime.datetime.now(datetime.UTC)
    points = clients(mine).cloudwatch.get_metric_statistics(
        Namespace="AWS/DynamoDB",
        MetricName="WriteThrottleEvents",
        Dimensions=[{"Name": "TableName", "Value": name}],
        StartTime=now - datetime.timedelta(minutes=5),
        EndTime=now + datetime.timedelta(minutes=5),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 1


def test_the_answer_holds_the_consumed_capacity_that_was_asked_for(provisioned, faults) -> None:
    mine, api, name = provisioned
    item = {"pk": {"S": "a"}}
    with faults.throughput(account=mine):
        assert "ConsumedCapacity" not in api.put_item(TableName=name, Item=item)
        total = api.put_item(TableName=name, Item=item, ReturnConsumedCapacity="TOTAL")
        assert total["ConsumedCapacity"] == {"TableName": name, "CapacityUnits": 1.0}

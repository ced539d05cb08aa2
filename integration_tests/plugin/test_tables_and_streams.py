"""Tables and streams live their whole life: deployed, left alone, changed behind the back, updated, replaced, gone."""

from collections.abc import Callable

import pytest

from integration_tests.plugin.conftest import Deployed
from integration_tests.plugin.programs import tables

pytestmark = pytest.mark.local

Stacks = Callable[..., Deployed]


EVERYTHING = ("table", "stream", "consumer", "stream-policy", "feed")


def test_a_whole_life(stack: Stacks) -> None:
    deployed = stack()
    dynamodb, kinesis = deployed.clients.dynamodb, deployed.clients.kinesis

    assert deployed.up(tables.program) == dict.fromkeys(EVERYTHING, "create")
    table = dynamodb.describe_table(TableName="orders")["Table"]
    assert (table["TableArn"], table["LatestStreamArn"]) == (deployed.outputs["table"], deployed.outputs["changes"])
    assert dynamodb.describe_time_to_live(TableName="orders")["TimeToLiveDescription"] == {
        "AttributeName": "expires",
        "TimeToLiveStatus": "ENABLED",
    }
    consumers = kinesis.list_stream_consumers(StreamARN=deployed.outputs["stream"])["Consumers"]
    assert [item["ConsumerARN"] for item in consumers] == [deployed.outputs["consumer"]]
    assert deployed.up(tables.program) == {}
    assert deployed.refresh() == {}

    by_hand = {"ReadCapacityUnits": 9, "WriteCapacityUnits": 5}
    dynamodb.update_table(TableName="orders", ProvisionedThroughput=by_hand)
    kinesis.add_tags_to_stream(StreamName="orders", Tags={"by": "hand"})
    assert deployed.refresh() == {"table": "update", "stream": "update"}
    assert deployed.resources["table"]["inputs"]["readCapacity"] == 9
    assert deployed.resources["stream"]["inputs"]["tags"] == {"by": "hand"}

    changed = {"capacity": 7, "view": "NEW_AND_OLD_IMAGES", "shards": 2, "hours": 48}
    assert deployed.up(tables.program, **changed, indexed=True) == {"table": "update", "stream": "update"}
    table = dynamodb.describe_table(TableName="orders")["Table"]
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 7
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["by-mail"]
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["LatestStreamArn"] == deployed.outputs["changes"]
    assert dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == [{"Key": "capacity", "Value": "7"}]
    summary = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]
    assert (summary["OpenShardCount"], summary["RetentionPeriodHours"]) == (2, 48)
    assert kinesis.list_tags_for_stream(StreamName="orders")["Tags"] == []
    assert deployed.refresh() == {}

    assert deployed.up(tables.program, **changed, key="number")["table"] == "replace"
    table = dynamodb.describe_table(TableName="orders")["Table"]
    assert table["KeySchema"] == [{"AttributeName": "number", "KeyType": "HASH"}]

    assert deployed.destroy() == dict.fromkeys(EVERYTHING, "delete")
    assert dynamodb.list_tables()["TableNames"] == []
    assert kinesis.list_streams()["StreamNames"] == []


def test_an_existing_table_is_imported_as_it_is(stack: Stacks) -> None:
    deployed = stack()
    dynamodb = deployed.clients.dynamodb
    dynamodb.create_table(
        TableName="existing",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        Tags=[{"Key": "team", "Value": "data"}],
    )
    dynamodb.put_item(TableName="existing", Item={"id": {"S": "1"}, "at": {"N": "2"}})

    assert deployed.preview(tables.imported, stream_view_type="KEYS_ONLY") == {"table": "update"}  # after the import
    assert deployed.up(tables.imported) == {"table": "import"}
    assert deployed.up(tables.imported) == {}
    assert deployed.refresh() == {}
    assert dynamodb.scan(TableName="existing")["Items"] == [{"id": {"S": "1"}, "at": {"N": "2"}}]


def test_a_protected_table_is_not_deleted(stack: Stacks) -> None:
    deployed = stack()

    deployed.up(tables.protected, protection=True)
    with pytest.raises(Exception, match="could not be deleted"):
        deployed.destroy()
    assert deployed.clients.dynamodb.list_tables()["TableNames"] == ["kept"]

    assert deployed.up(tables.protected, protection=False) == {"table": "update"}
    deployed.destroy()
    assert deployed.clients.dynamodb.list_tables()["TableNames"] == []

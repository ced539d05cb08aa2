"""Tables and streams live their whole life: deployed, left alone, changed behind the back, updated, replaced, gone."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from integration_tests.plugin.conftest import Deployed, policy

pytestmark = pytest.mark.local

Stacks = Callable[..., Deployed]


def program(
    *,
    capacity: int = 5,
    indexed: bool = False,
    view: str = "NEW_IMAGE",
    shards: int = 1,
    hours: int = 24,
    key: str = "id",
) -> Callable[[], None]:
    index = {"name": "by-mail", "hash_key": "mail", "projection_type": "ALL", "read_capacity": 1, "write_capacity": 1}
    attributes = [{"name": key, "type": "S"}, *([{"name": "mail", "type": "S"}] if indexed else [])]

    def deploy() -> None:
        table = aws.dynamodb.Table(
            "table",
            name="orders",
            hash_key=key,
            attributes=attributes,
            read_capacity=capacity,
            write_capacity=5,
            global_secondary_indexes=[index] if indexed else [],
            stream_enabled=True,
            stream_view_type=view,
            ttl={"attribute_name": "expires", "enabled": True},
            point_in_time_recovery={"enabled": True},
            tags={"capacity": str(capacity)},
        )
        stream = aws.kinesis.Stream(
            "stream",
            name="orders",
            shard_count=shards,
            retention_period=hours,
            encryption_type="KMS",
            kms_key_id="alias/aws/kinesis",
        )
        consumer = aws.kinesis.StreamConsumer("consumer", name="copier", stream_arn=stream.arn)
        aws.kinesis.ResourcePolicy(
            "stream-policy",
            resource_arn=stream.arn,
            policy=stream.arn.apply(
                lambda arn: policy(
                    {
                        "Sid": "Read",
                        "Principal": {"AWS": "222222222222"},
                        "Action": "kinesis:ListShards",
                        "Resource": arn,
                    }
                )
            ),
        )
        aws.dynamodb.KinesisStreamingDestination("feed", table_name=table.name, stream_arn=stream.arn)
        pulumi.export("table", table.arn)
        pulumi.export("changes", table.stream_arn)
        pulumi.export("stream", stream.arn)
        pulumi.export("consumer", consumer.arn)

    return deploy


EVERYTHING = ("table", "stream", "consumer", "stream-policy", "feed")


def test_a_whole_life(stack: Stacks) -> None:
    deployed = stack()
    dynamodb, kinesis = deployed.clients.dynamodb, deployed.clients.kinesis

    assert deployed.up(program()) == dict.fromkeys(EVERYTHING, "create")
    table = dynamodb.describe_table(TableName="orders")["Table"]
    assert (table["TableArn"], table["LatestStreamArn"]) == (deployed.outputs["table"], deployed.outputs["changes"])
    assert dynamodb.describe_time_to_live(TableName="orders")["TimeToLiveDescription"] == {
        "AttributeName": "expires",
        "TimeToLiveStatus": "ENABLED",
    }
    consumers = kinesis.list_stream_consumers(StreamARN=deployed.outputs["stream"])["Consumers"]
    assert [item["ConsumerARN"] for item in consumers] == [deployed.outputs["consumer"]]
    assert deployed.up(program()) == {}
    assert deployed.refresh() == {}

    by_hand = {"ReadCapacityUnits": 9, "WriteCapacityUnits": 5}
    dynamodb.update_table(TableName="orders", ProvisionedThroughput=by_hand)
    kinesis.add_tags_to_stream(StreamName="orders", Tags={"by": "hand"})
    assert deployed.refresh() == {"table": "update", "stream": "update"}
    assert deployed.resources["table"]["inputs"]["readCapacity"] == 9
    assert deployed.resources["stream"]["inputs"]["tags"] == {"by": "hand"}

    changed = program(capacity=7, indexed=True, view="NEW_AND_OLD_IMAGES", shards=2, hours=48)
    assert deployed.up(changed) == {"table": "update", "stream": "update"}
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

    rekeyed = program(capacity=7, view="NEW_AND_OLD_IMAGES", shards=2, hours=48, key="number")
    assert deployed.up(rekeyed)["table"] == "replace"
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

    def deploy(**changes: Any) -> Callable[[], None]:
        def run() -> None:
            arguments: dict[str, Any] = {
                "name": "existing", "hash_key": "id", "range_key": "at", "billing_mode": "PAY_PER_REQUEST",
                "attributes": [{"name": "id", "type": "S"}, {"name": "at", "type": "N"}], "stream_enabled": True,
                "stream_view_type": "NEW_IMAGE", "tags": {"team": "data"},
            }  # fmt: skip
            aws.dynamodb.Table("table", **arguments | changes, opts=pulumi.ResourceOptions(import_="existing"))

        return run

    assert deployed.preview(deploy(stream_view_type="KEYS_ONLY")) == {"table": "update"}  # after the import
    assert deployed.up(deploy()) == {"table": "import"}
    assert deployed.up(deploy()) == {}
    assert deployed.refresh() == {}
    assert dynamodb.scan(TableName="existing")["Items"] == [{"id": {"S": "1"}, "at": {"N": "2"}}]


def test_a_protected_table_is_not_deleted(stack: Stacks) -> None:
    deployed = stack()

    def deploy(protected: bool) -> Callable[[], None]:
        def run() -> None:
            aws.dynamodb.Table(
                "table",
                name="kept",
                hash_key="id",
                attributes=[{"name": "id", "type": "S"}],
                billing_mode="PAY_PER_REQUEST",
                deletion_protection_enabled=protected,
            )

        return run

    deployed.up(deploy(protected=True))
    with pytest.raises(Exception, match="could not be deleted"):
        deployed.destroy()
    assert deployed.clients.dynamodb.list_tables()["TableNames"] == ["kept"]

    assert deployed.up(deploy(protected=False)) == {"table": "update"}
    deployed.destroy()
    assert deployed.clients.dynamodb.list_tables()["TableNames"] == []

"""A table with its stream of changes, and a Kinesis stream with a consumer."""

from typing import Any

import pulumi
import pulumi_aws as aws

from integration_tests.plugin.programs.policies import policy


def program(
    *,
    capacity: int = 5,
    indexed: bool = False,
    view: str = "NEW_IMAGE",
    shards: int = 1,
    hours: int = 24,
    key: str = "id",
) -> None:
    index = {
        "name": "by-mail",
        "key_schemas": [{"attribute_name": "mail", "key_type": "HASH"}],
        "projection_type": "ALL",
        "read_capacity": 1,
        "write_capacity": 1,
    }
    attributes = [{"name": key, "type": "S"}, *([{"name": "mail", "type": "S"}] if indexed else [])]

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


def imported(**changes: str) -> None:
    """A table that is there already."""
    arguments: dict[str, Any] = {
        "name": "existing",
        "hash_key": "id",
        "range_key": "at",
        "billing_mode": "PAY_PER_REQUEST",
        "attributes": [{"name": "id", "type": "S"}, {"name": "at", "type": "N"}],
        "stream_enabled": True,
        "stream_view_type": "NEW_IMAGE",
        "tags": {"team": "data"},
    }
    aws.dynamodb.Table("table", **arguments | changes, opts=pulumi.ResourceOptions(import_="existing"))


def protected(protection: bool) -> None:
    """A table that cannot be deleted while `protection` is on."""
    aws.dynamodb.Table(
        "table",
        name="kept",
        hash_key="id",
        attributes=[{"name": "id", "type": "S"}],
        billing_mode="PAY_PER_REQUEST",
        deletion_protection_enabled=protection,
    )

"""An encrypted DynamoDB table that can be restored to any second and is not deleted by mistake."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.settings import Throughput


@dataclass(frozen=True, kw_only=True)
class IndexArgs:
    """A global secondary index on one attribute; `projected` names the attributes it holds, None means all of them."""

    name: str
    hash_key: str
    hash_key_type: str
    throughput: Throughput
    projected: list[str] | None = None


@dataclass(frozen=True, kw_only=True)
class DataTableArgs:
    """`keys` maps attribute names to types (S, N or B): the partition key first, then the sort key if there is one.

    `stream_view` turns on the table's stream with that view type. `cold` is for data that is kept but seldom read.
    `time_to_live` names the attribute that says, in seconds since 1970, when an item expires.
    """

    table_name: str
    keys: dict[str, str]
    throughput: Throughput
    key_arn: pulumi.Input[str]
    indexes: list[IndexArgs]
    stream_view: str | None = None
    deletion_protection: bool = True
    cold: bool = False
    time_to_live: str | None = None
    tags: dict[str, str] | None = None


class DataTable(pulumi.ComponentResource):
    """A table with encryption by a customer key, point-in-time recovery and deletion protection."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    stream_arn: pulumi.Output[str]

    def __init__(self, name: str, args: DataTableArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:DataTable", name, None, opts)

        hash_key, *range_keys = args.keys
        attributes = {**args.keys, **{index.hash_key: index.hash_key_type for index in args.indexes}}
        table = aws.dynamodb.Table(
            f"{name}-table",
            name=args.table_name,
            hash_key=hash_key,
            range_key=range_keys[0] if range_keys else None,
            attributes=[{"name": attribute, "type": kind} for attribute, kind in attributes.items()],
            billing_mode="PAY_PER_REQUEST" if args.throughput == "on-demand" else "PROVISIONED",
            read_capacity=None if args.throughput == "on-demand" else args.throughput.read,
            write_capacity=None if args.throughput == "on-demand" else args.throughput.write,
            global_secondary_indexes=[_index(index) for index in args.indexes] or None,
            stream_enabled=True if args.stream_view else None,
            stream_view_type=args.stream_view,
            table_class="STANDARD_INFREQUENT_ACCESS" if args.cold else "STANDARD",
            server_side_encryption={"enabled": True, "kms_key_arn": args.key_arn},
            point_in_time_recovery={"enabled": True},
            ttl={"enabled": True, "attribute_name": args.time_to_live} if args.time_to_live else None,
            deletion_protection_enabled=args.deletion_protection,
            tags=args.tags,
            # AWS refuses to delete the table; Pulumi refuses to begin with what would delete or replace it.
            opts=pulumi.ResourceOptions(parent=self, protect=args.deletion_protection),
        )

        self.name = table.name
        self.arn = table.arn
        self.stream_arn = table.stream_arn
        self.register_outputs({"name": self.name, "arn": self.arn, "streamArn": self.stream_arn})


def _index(index: IndexArgs) -> aws.dynamodb.TableGlobalSecondaryIndexArgsDict:
    provisioned = None if index.throughput == "on-demand" else index.throughput
    return {
        "name": index.name,
        "key_schemas": [{"attribute_name": index.hash_key, "key_type": "HASH"}],
        "projection_type": "ALL" if index.projected is None else "INCLUDE",
        "non_key_attributes": index.projected,
        "read_capacity": provisioned.read if provisioned else None,
        "write_capacity": provisioned.write if provisioned else None,
    }

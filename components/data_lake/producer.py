"""The side that has the table: its changes go to a bucket of another account."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.data_lake.bulk import RowsPlace
from components.data_lake.catalogue import changes_table
from components.data_lake.layout import Layout
from components.data_lake.settings import ProducerSettings
from components.data_lake.way import LakePlace, deliver, way_side
from components.data_lake.work import WorkBucketArgs, work_bucket
from components.delivery_stream import Conversion
from components.querying import database_name
from components.regions import partition_of

# Exports are asked for again when they are needed.
EXPORT_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class LakeProducerArgs:
    """`bucket_name` and `bucket_key_arn` are what the other side grants; `rows_bucket_name` is the bucket that takes
    rows of exports, None when none is known."""

    settings: ProducerSettings
    account_id: pulumi.Input[str]
    region: str
    bucket_name: pulumi.Input[str]
    bucket_key_arn: pulumi.Input[str]
    rows_bucket_name: pulumi.Input[str] | None = None


class LakeProducer(pulumi.ComponentResource):
    """The table, and the delivery of its changes into another account's bucket."""

    def __init__(self, name: str, args: LakeProducerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:LakeProducer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        side = way_side(name, args, child, key_description=f"Changes on their way to the lake {name}")
        exports = work_bucket(
            name,
            WorkBucketArgs(key_arn=side.key.arn, keep_days=EXPORT_DAYS, force_destroy=not settings.deletion_protection),
            child,
        )
        rows = args.rows_bucket_name
        lake = LakePlace(
            bucket_arn=_bucket_arn(args.region, args.bucket_name),
            key_arn=args.bucket_key_arn,
            conversion=self._columns(name, args) if settings.layout.format == "parquet" else None,
            rows=None
            if rows is None
            else RowsPlace(bucket_arn=_bucket_arn(args.region, rows), key_arn=args.bucket_key_arn),
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            **deliver(name, args, side, lake, exports, child),
            "bucketName": args.bucket_name,
            "bucketKeyArn": args.bucket_key_arn,
            "keyArn": side.key.arn,
            "region": args.region,
        }
        self.register_outputs(self.outputs)

    def _columns(self, name: str, args: LakeProducerArgs) -> Conversion:
        """The columns of the Parquet files: Firehose finds them in its own account's catalogue.

        https://docs.aws.amazon.com/firehose/latest/APIReference/API_SchemaConfiguration.html
        """
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings
        database = aws.glue.CatalogDatabase(f"{name}-columns", name=database_name(f"{name}-columns"), opts=child)
        bucket = pulumi.Output.concat("s3://", args.bucket_name, "/")
        table = changes_table(f"{name}-columns", database.name, settings.layout, settings.keys, bucket, child)
        return Conversion(database=database.name, table=table.name)


def _bucket_arn(region: str, bucket_name: pulumi.Input[str]) -> pulumi.Output[str]:
    return pulumi.Output.concat("arn:", partition_of(region), ":s3:::", bucket_name)


def check_layout(stack: str, layout: Layout, granted: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the consumer's stack grants, when it says the same layout. Raises pulumi.RunError when it does not."""
    own, found = layout.model_dump(by_alias=True), granted["layout"]
    for key in own:
        if own[key] != found.get(key):
            raise pulumi.RunError(
                f"`layout.{key}` is {own[key]!r} here and {found.get(key)!r} in stack `{stack}`: both sides say it "
                f"alike. Correct one of the two files; when that is Pulumi.{stack}.yaml, type `pulumi up -s {stack}` "
                "first."
            )
    return granted

"""The way from a table to the lake's bucket: stream of the changes, transforming function, delivery stream."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.data_lake.settings import ProducingSettings
from components.data_lake.transforming import LakeTransform, LakeTransformArgs
from components.data_lake.watching import consumed_stream_watches, transform_watches
from components.data_lake.way_settings import ExistingTable
from components.delivery_stream import BucketDelivery, BucketDeliveryArgs, Conversion, StreamSource, Transformation
from components.monitoring import delivery_watches, stream_watches, table_watches
from components.stream import DataStream, DataStreamArgs
from components.table import DataTable, DataTableArgs
from components.watch import Watch


@dataclass(frozen=True, kw_only=True)
class ChangeDeliveryArgs:
    """`key_arn` is this side's, `bucket_key_arn` that of the bucket; `conversion` has the columns of Parquet."""

    settings: ProducingSettings
    key_arn: pulumi.Input[str]
    bucket_arn: pulumi.Input[str]
    bucket_key_arn: pulumi.Input[str]
    bucket_ready: Sequence[pulumi.Resource] = ()
    conversion: Conversion | None = None
    account_id: pulumi.Input[str]
    region: str


class ChangeDelivery(pulumi.ComponentResource):
    """Every change of a table becomes a row in a bucket. `watches` say what is worth an alarm."""

    watches: list[Watch]
    stream_arn: pulumi.Output[str]
    outputs: dict[str, pulumi.Input[object]]

    def __init__(self, name: str, args: ChangeDeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:ChangeDelivery", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings, layout = args.settings, args.settings.layout

        table = self._table(name, args)
        stream = DataStream(
            name,
            DataStreamArgs(
                stream_name=settings.stream_name,
                shard_count=None if settings.stream.shard_count == "on-demand" else settings.stream.shard_count,
                retention_hours=settings.stream.retention_hours,
                key_arn=args.key_arn,
                consumers=[],
                deletion_protection=settings.deletion_protection,
            ),
            child,
        )
        transform = LakeTransform(
            f"{name}-transform",
            LakeTransformArgs(
                settings=settings,
                stream_arn=stream.arn,
                key_arn=args.key_arn,
                account_id=args.account_id,
                region=args.region,
            ),
            child,
        )
        delivery = BucketDelivery(
            name,
            BucketDeliveryArgs(
                delivery_stream_name=settings.delivery_name,
                role_name=settings.delivery_role_name,
                source=StreamSource(stream_arn=stream.arn, key_arn=args.key_arn),
                transformation=Transformation(
                    function_arn=transform.arn,
                    buffer_mb=settings.transform.buffer_mb,
                    buffer_seconds=settings.transform.buffer_seconds,
                    retries=settings.transform.retries,
                ),
                bucket_arn=args.bucket_arn,
                bucket_ready=list(args.bucket_ready),
                key_arn=args.bucket_key_arn,
                account_id=args.account_id,
                region=args.region,
                prefix=layout.delivery_prefix,
                error_prefix=layout.error_prefix,
                buffer_mb=settings.delivery.buffer_mb,
                buffer_seconds=settings.delivery.buffer_seconds,
                compression=layout.compression,
                partitioned=layout.partition_by is not None,
                conversion=args.conversion,
                log_retention_days=settings.transform.log_retention_days,
                log_key_arn=args.key_arn,
                # Another one would begin with what arrives after it was made.
                protect=settings.deletion_protection,
            ),
            child,
        )
        aws.dynamodb.KinesisStreamingDestination(
            f"{name}-destination",
            table_name=settings.table.name if table is None else table.name,
            stream_arn=stream.arn,
            approximate_creation_date_time_precision=settings.stream.precision,
            # Firehose begins with what arrives after it was made: no change may come before.
            # https://docs.aws.amazon.com/firehose/latest/dev/writing-with-kinesis-streams.html
            opts=pulumi.ResourceOptions(parent=self, depends_on=[delivery], protect=settings.deletion_protection),
        )

        self.stream_arn = stream.arn
        self.watches = [
            *([] if table is None else table_watches("table", table.name)),
            *stream_watches("stream", stream.name),
            *consumed_stream_watches("stream", stream.name, settings.stream.retention_hours),
            *transform_watches("transform", transform.name, delivery.name),
            *delivery_watches(
                "delivery", delivery.name, settings.delivery.buffer_seconds + settings.transform.buffer_seconds
            ),
        ]
        self.outputs = {
            "tableName": settings.table.name,
            "streamName": stream.name,
            "streamArn": stream.arn,
            "deliveryStreamName": delivery.name,
            "deliveryStreamArn": delivery.arn,
            "deliveryRoleArn": delivery.role_arn,
            "transformName": transform.name,
            "errorLogGroup": f"/aws/kinesisfirehose/{settings.delivery_name}",
        }
        self.register_outputs(self.outputs)

    def _table(self, name: str, args: ChangeDeliveryArgs) -> DataTable | None:
        """The table of this stack; None when it is there already."""
        settings, table = args.settings, args.settings.table
        if isinstance(table, ExistingTable):
            return None
        return DataTable(
            name,
            DataTableArgs(
                table_name=table.table_name,
                keys=settings.keys,
                throughput=table.capacity,
                key_arn=args.key_arn,
                indexes=[],
                deletion_protection=settings.deletion_protection,
            ),
            pulumi.ResourceOptions(parent=self),
        )

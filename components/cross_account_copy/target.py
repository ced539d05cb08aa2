"""The side that receives the copy: table ← trusted writer role, table stream → forwarder → delivery stream → bucket."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.bucket import PrivateBucket, PrivateBucketArgs
from components.code import packaged_code
from components.cross_account_copy.settings import CLICK_STREAM_KEYS, OLDER, TABLE, TargetSettings
from components.delivery_stream import BucketDelivery, BucketDeliveryArgs
from components.event_source import TABLE_KEY_ACTIONS, EventSource, table_source
from components.function import StreamFunction
from components.monitoring import delivery_watches, table_watches
from components.policies import document, statement, trusts_role, uses_key
from components.regions import partition_of
from components.side import Side
from components.table import DataTable, DataTableArgs, IndexArgs

# The copier's writes, and nothing else: no reads, no deletes.
WRITER_ACTIONS = ["dynamodb:BatchWriteItem"]

# The schema that makes a copied record overwrite itself: its own sequence number, spread by two digits of it.
KEYS = {"seqNumbershardIdHash": "S", "sequenceNumber": "S"}


@dataclass(frozen=True, kw_only=True)
class CopyTargetArgs:
    """`account_id` and `region` are where the stack is deployed."""

    settings: TargetSettings
    account_id: pulumi.Input[str]
    region: str


class CopyTarget(pulumi.ComponentResource):
    """The copy's table in this account, written by one role of another account, and its history in a bucket."""

    def __init__(self, name: str, args: CopyTargetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:CopyTarget", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._args = args
        settings = args.settings

        self._side = side = Side(name, args, self._child, key_description=f"Data of the copy {name}")
        key = side.key
        tables = self._tables(name, key.arn)
        role = self._writer_role(name, key.arn, list(tables.values()))
        lake = PrivateBucket(
            f"{name}-lake",
            PrivateBucketArgs(
                key_arn=key.arn,
                bucket_name=settings.bucket_name,
                force_destroy=not settings.deletion_protection,
            ),
            self._child,
        )
        delivery = BucketDelivery(
            name,
            BucketDeliveryArgs(
                delivery_stream_name=settings.delivery.name,
                bucket_arn=lake.arn,
                bucket_ready=lake.ready,
                key_arn=key.arn,
                account_id=args.account_id,
                region=args.region,
                prefix=settings.delivery.prefix,
                error_prefix=settings.delivery.error_prefix,
                buffer_mb=settings.delivery.buffer_mb,
                buffer_seconds=settings.delivery.buffer_seconds,
                compression=settings.delivery.compression,
                log_retention_days=settings.forwarder.log_retention_days,
            ),
            self._child,
        )
        sources = {
            label: table_source(table.stream_arn, key.arn, args.region, protect=settings.deletion_protection)
            for label, table in tables.items()
        }
        forwarder = side.stream_function(
            "forwarder",
            code=packaged_code("firehose_forwarder"),
            role_name=settings.forwarder_role_name,
            settings=settings.forwarder,
            sources=sources,
            environment={
                "DELIVERY_STREAM": delivery.name,
                "PACK_BYTES": str(settings.delivery.pack_bytes),
            },
            statements=[statement(["firehose:PutRecordBatch"], delivery.arn)],
        )
        click_stream = self._click_stream(name, sources)
        monitoring = side.monitoring(
            [
                *delivery_watches("delivery", delivery.name, settings.delivery.buffer_seconds),
                *(watch for label, table in tables.items() for watch in table_watches(label, table.name)),
            ]
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            "writerRoleArn": role.arn,
            "tables": {label: table.name for label, table in tables.items()},
            "region": args.region,
            "deliveryStreamName": delivery.name,
            "bucketName": lake.name,
            "failureBucketName": side.failures.name,
            "forwarderName": forwarder.name,
            "mappingIds": {"forwarder": forwarder.mapping_ids},
            "dashboard": monitoring.dashboard,
        }
        if click_stream is not None:
            self.outputs["clickStreamTableName"] = click_stream[0].name
            self.outputs["clickStreamWriterName"] = click_stream[1].name
        self.register_outputs(self.outputs)

    def _tables(self, name: str, key_arn: pulumi.Input[str]) -> dict[str, DataTable]:
        """The tables the copier writes to: one, or one a week."""
        settings = self._args.settings
        if settings.weekly is None:
            return {TABLE: self._table(f"{name}-table", settings.table_name, key_arn, cold=False)}
        cold = {OLDER, *settings.weekly.older}
        return {
            week: self._table(f"{name}-{week}", table_name, key_arn, cold=week in cold)
            for week, table_name in settings.tables.items()
        }

    def _table(self, name: str, table_name: str, key_arn: pulumi.Input[str], *, cold: bool) -> DataTable:
        settings = self._args.settings
        index = settings.index
        return DataTable(
            name,
            DataTableArgs(
                table_name=table_name,
                keys=KEYS,
                # An old week is seldom read or written: it costs nothing but its storage.
                throughput="on-demand" if cold else settings.capacity,
                key_arn=key_arn,
                indexes=[
                    IndexArgs(
                        name=index.index_name,
                        hash_key=index.attribute,
                        hash_key_type=index.attribute_type,
                        throughput="on-demand" if cold else index.capacity,
                    )
                ]
                if index
                else [],
                # Both images: the click stream and a reconciliation need to see what a change replaced.
                stream_view="NEW_AND_OLD_IMAGES",
                deletion_protection=settings.deletion_protection,
                cold=cold,
            ),
            self._child,
        )

    def _writer_role(self, name: str, key_arn: pulumi.Input[str], tables: list[DataTable]) -> aws.iam.Role:
        """The role that the copier of the other account assumes."""
        settings = self._args.settings
        role = aws.iam.Role(
            f"{name}-writer-role",
            name=settings.writer_role_name,
            assume_role_policy=trusts_role(
                settings.writer.role_arn(partition_of(self._args.region)), settings.external_id
            ),
            opts=self._child,
        )
        aws.iam.RolePolicy(
            f"{name}-writer-policy",
            role=role.name,
            policy=document(
                [
                    statement(WRITER_ACTIONS, [table.arn for table in tables]),
                    uses_key(key_arn, TABLE_KEY_ACTIONS, "dynamodb", self._args.region),
                ]
            ),
            opts=self._child,
        )
        return role

    def _click_stream(self, name: str, sources: dict[str, EventSource]) -> tuple[DataTable, StreamFunction] | None:
        """The per-user table and its writer, where the stack file asks for them."""
        settings = self._args.settings.click_stream
        if settings is None:
            return None
        table = DataTable(
            f"{name}-click-stream",
            DataTableArgs(
                table_name=settings.table_name,
                keys=dict.fromkeys(CLICK_STREAM_KEYS, "S"),
                throughput=settings.capacity,
                key_arn=self._side.key.arn,
                indexes=[],
                deletion_protection=self._args.settings.deletion_protection,
            ),
            self._child,
        )
        writer = self._side.stream_function(
            "click-stream",
            code=packaged_code("click_stream_writer"),
            role_name=settings.role_name,
            settings=settings.function,
            sources=sources,
            environment={"TABLE_NAME": table.name},
            statements=[statement(["dynamodb:BatchWriteItem"], table.arn)],
        )
        return table, writer

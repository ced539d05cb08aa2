"""The side that receives the copy: table ← trusted writer role, table stream → forwarder → delivery stream → bucket."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.bucket import PrivateBucket, PrivateBucketArgs
from components.code import packaged_code
from components.cross_account_copy.settings import CLICK_STREAM_KEYS, OLDER, TABLE, TargetSettings
from components.delivery_stream import BucketDelivery, BucketDeliveryArgs
from components.function import EventSource, StreamFunction, StreamFunctionArgs, reads_table_stream
from components.key import EncryptionKey, EncryptionKeyArgs
from components.monitoring import (
    Monitoring,
    MonitoringArgs,
    Watch,
    delivery_watches,
    function_watches,
    table_watches,
)
from components.policies import Statement, document, statement, trusts_role, uses_key
from components.regions import partition_of
from components.table import DataTable, DataTableArgs, IndexArgs

# The copier's writes, and nothing else: no reads, no deletes.
WRITER_ACTIONS = ["dynamodb:BatchWriteItem"]

# The schema that makes a copied record overwrite itself: its own sequence number, spread by two digits of it.
KEYS = {"seqNumbershardIdHash": "S", "sequenceNumber": "S"}

# What DynamoDB does with a customer key on behalf of whoever reads or writes the table.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
TABLE_KEY_ACTIONS = ["Decrypt", "DescribeKey"]


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

        key = EncryptionKey(
            name,
            EncryptionKeyArgs(
                description=f"Data of the copy {name}",
                account_id=args.account_id,
                partition=partition_of(args.region),
                deletion_protection=settings.deletion_protection,
            ),
            self._child,
        )
        tables = self._tables(name, key.arn)
        role = self._writer_role(name, key.arn, list(tables.values()))
        lake, failures = self._buckets(name, key.arn)
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
            label: EventSource(
                arn=table.stream_arn,
                statements=_reads_stream_of(table, key.arn, args.region),
                protect=settings.deletion_protection,
            )
            for label, table in tables.items()
        }
        forwarder = StreamFunction(
            f"{name}-forwarder",
            StreamFunctionArgs(
                code=packaged_code("firehose_forwarder"),
                role_name=settings.forwarder_role_name,
                settings=settings.forwarder,
                sources=sources,
                failures=failures,
                key_arn=key.arn,
                account_id=args.account_id,
                region=args.region,
                environment={
                    "DELIVERY_STREAM": delivery.name,
                    "PACK_BYTES": str(settings.delivery.pack_bytes),
                },
                statements=[statement(["firehose:PutRecordBatch"], delivery.arn)],
            ),
            self._child,
        )
        functions = {"forwarder": (forwarder, settings.forwarder.maximum_record_age_seconds)}
        click_stream = self._click_stream(name, key.arn, failures, sources)
        if click_stream is not None and settings.click_stream is not None:
            functions["click-stream"] = (
                click_stream[1],
                settings.click_stream.function.maximum_record_age_seconds,
            )
        monitoring = Monitoring(
            name,
            MonitoringArgs(
                watches=[
                    *_watches_of(functions),
                    *delivery_watches("delivery", delivery.name, settings.delivery.buffer_seconds),
                    *(watch for label, table in tables.items() for watch in table_watches(label, table.name)),
                ],
                region=args.region,
                alarm_topic_arn=settings.alarm_topic_arn,
            ),
            self._child,
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            "writerRoleArn": role.arn,
            "tables": {label: table.name for label, table in tables.items()},
            "region": args.region,
            "deliveryStreamName": delivery.name,
            "bucketName": lake.name,
            "failureBucketName": failures.name,
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

    def _buckets(self, name: str, key_arn: pulumi.Input[str]) -> tuple[PrivateBucket, PrivateBucket]:
        """The lake, and the on-failure destination."""
        settings = self._args.settings
        lake = PrivateBucket(
            f"{name}-lake",
            PrivateBucketArgs(
                key_arn=key_arn,
                bucket_name=settings.bucket_name,
                force_destroy=not settings.deletion_protection,
            ),
            self._child,
        )
        failures = PrivateBucket(
            f"{name}-failures",
            PrivateBucketArgs(key_arn=key_arn, force_destroy=not settings.deletion_protection),
            self._child,
        )
        return lake, failures

    def _click_stream(
        self,
        name: str,
        key_arn: pulumi.Input[str],
        failures: PrivateBucket,
        sources: dict[str, EventSource],
    ) -> tuple[DataTable, StreamFunction] | None:
        """The per-user table and its writer, where the stack file asks for them."""
        args, settings = self._args, self._args.settings.click_stream
        if settings is None:
            return None
        table = DataTable(
            f"{name}-click-stream",
            DataTableArgs(
                table_name=settings.table_name,
                keys=dict.fromkeys(CLICK_STREAM_KEYS, "S"),
                throughput=settings.capacity,
                key_arn=key_arn,
                indexes=[],
                deletion_protection=args.settings.deletion_protection,
            ),
            self._child,
        )
        writer = StreamFunction(
            f"{name}-click-stream",
            StreamFunctionArgs(
                code=packaged_code("click_stream_writer"),
                role_name=settings.role_name,
                settings=settings.function,
                sources=sources,
                failures=failures,
                key_arn=key_arn,
                account_id=args.account_id,
                region=args.region,
                environment={"TABLE_NAME": table.name},
                statements=[statement(["dynamodb:BatchWriteItem"], table.arn)],
            ),
            self._child,
        )
        return table, writer


def _reads_stream_of(table: DataTable, key_arn: pulumi.Input[str], region: str) -> list[Statement]:
    # A table's stream is encrypted with the table's key.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    return [*reads_table_stream(table.stream_arn), uses_key(key_arn, TABLE_KEY_ACTIONS, "dynamodb", region)]


def _watches_of(functions: dict[str, tuple[StreamFunction, int]]) -> list[Watch]:
    return [
        watch
        for label, (function, maximum_age_s) in functions.items()
        for watch in function_watches(label, function.name, function.mapping_ids, maximum_age_s, function.source_arns)
    ]

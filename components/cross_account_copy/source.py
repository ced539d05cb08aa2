"""The side whose stream is copied: stream → copier → (assumed role) the other account's table."""

from dataclasses import dataclass

import pulumi

from components.bucket import PrivateBucket, PrivateBucketArgs
from components.cross_account_copy.settings import SourceSettings
from components.function import EventSource, StreamFunction, StreamFunctionArgs, reads_kinesis
from components.key import EncryptionKey, EncryptionKeyArgs
from components.monitoring import Monitoring, MonitoringArgs, function_watches, stream_watches
from components.policies import statement, uses_key
from components.stream import DataStream, DataStreamArgs


@dataclass(frozen=True, kw_only=True)
class CopySourceArgs:
    """`target_*` is what the other side grants: its role, its table (or the stem of its weekly tables), its Region."""

    settings: SourceSettings
    account_id: pulumi.Input[str]
    region: str
    target_role_arn: pulumi.Input[str]
    target_table_name: pulumi.Input[str]
    target_weekly: pulumi.Input[bool]
    target_region: pulumi.Input[str]


class CopySource(pulumi.ComponentResource):
    """The stream in this account and the function that writes its records into another account's table."""

    def __init__(self, name: str, args: CopySourceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:CopySource", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        key = EncryptionKey(
            name, EncryptionKeyArgs(description=f"Stream of the copy {name}", account_id=args.account_id), child
        )
        stream = DataStream(
            name,
            DataStreamArgs(
                stream_name=settings.stream_name,
                shard_count=None if settings.shard_count == "on-demand" else settings.shard_count,
                retention_hours=settings.retention_hours,
                key_arn=key.arn,
                consumers=[settings.copier.name] if settings.enhanced_fan_out else [],
            ),
            child,
        )
        failures = PrivateBucket(
            f"{name}-failures",
            PrivateBucketArgs(key_arn=key.arn, force_destroy=not settings.deletion_protection),
            child,
        )
        consumer_arn = stream.consumer_arns.get(settings.copier.name)
        environment: dict[str, pulumi.Input[str]] = {
            "TARGET_ROLE_ARN": args.target_role_arn,
            "TARGET_REGION": args.target_region,
            "TABLE_NAME": args.target_table_name,
            "TABLE_PER_WEEK": pulumi.Output.from_input(args.target_weekly).apply(lambda weekly: str(weekly).lower()),
        }
        if settings.external_id is not None:
            environment["EXTERNAL_ID"] = settings.external_id
        copier = StreamFunction(
            f"{name}-copier",
            StreamFunctionArgs(
                package="cross_account_copier",
                role_name=settings.copier_role_name,
                settings=settings.copier,
                sources={
                    "stream": EventSource(
                        arn=stream.arn if consumer_arn is None else consumer_arn,
                        statements=[
                            *reads_kinesis(stream.arn, consumer_arn),
                            uses_key(key.arn, ["Decrypt"], "kinesis", args.region),
                        ],
                    )
                },
                failure_bucket_arn=failures.arn,
                key_arn=key.arn,
                account_id=args.account_id,
                region=args.region,
                environment=environment,
                statements=[statement(["sts:AssumeRole"], args.target_role_arn)],
            ),
            child,
        )
        monitoring = Monitoring(
            name,
            MonitoringArgs(
                watches=[
                    *function_watches(
                        "copier", copier.name, copier.mapping_ids, settings.copier.maximum_record_age_seconds
                    ),
                    *stream_watches("stream", stream.name),
                ],
                region=args.region,
                alarm_topic_arn=settings.alarm_topic_arn,
            ),
            child,
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            "streamName": stream.name,
            "streamArn": stream.arn,
            "copierName": copier.name,
            "copierRoleArn": copier.role_arn,
            "failureBucketName": failures.name,
            "mappingIds": {"copier": copier.mapping_ids},
            "tableName": args.target_table_name,
            "dashboard": monitoring.dashboard,
        }
        self.register_outputs(self.outputs)

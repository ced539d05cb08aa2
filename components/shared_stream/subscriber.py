"""The side that reads: a function on another account's stream, or on its consumer of it."""

from dataclasses import dataclass

import pulumi

from components.bucket import PrivateBucket, PrivateBucketArgs
from components.code import FunctionCode, own_code, packaged_code
from components.function import EventSource, StreamFunction, StreamFunctionArgs, reads_kinesis
from components.key import EncryptionKey, EncryptionKeyArgs
from components.monitoring import Monitoring, MonitoringArgs, function_watches
from components.policies import uses_key
from components.regions import partition_of
from components.shared_stream.settings import SubscriberSettings


@dataclass(frozen=True, kw_only=True)
class StreamSubscriberArgs:
    """What the owner grants: its stream, this subscriber's consumer (None: shared throughput), the stream's key."""

    settings: SubscriberSettings
    account_id: pulumi.Input[str]
    region: str
    stream_arn: pulumi.Input[str]
    consumer_arn: pulumi.Input[str] | None
    stream_key_arn: pulumi.Input[str]


class StreamSubscriber(pulumi.ComponentResource):
    """A function that gets every record of the stream, in order for each shard."""

    def __init__(self, name: str, args: StreamSubscriberArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:StreamSubscriber", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        key = EncryptionKey(
            name,
            EncryptionKeyArgs(
                description=f"Failed batches of {name}",
                account_id=args.account_id,
                partition=partition_of(args.region),
                deletion_protection=settings.deletion_protection,
            ),
            child,
        )
        failures = PrivateBucket(
            f"{name}-failures",
            PrivateBucketArgs(key_arn=key.arn, force_destroy=not settings.deletion_protection),
            child,
        )
        function = StreamFunction(
            f"{name}-consumer",
            StreamFunctionArgs(
                code=_code(settings),
                role_name=settings.role_name,
                settings=settings.function,
                sources={
                    "stream": EventSource(
                        arn=args.stream_arn if args.consumer_arn is None else args.consumer_arn,
                        statements=[
                            *reads_kinesis(args.stream_arn, args.consumer_arn),
                            uses_key(args.stream_key_arn, ["Decrypt"], "kinesis", args.region),
                        ],
                        starting_timestamp=settings.starts_at,
                    )
                },
                failures=failures,
                key_arn=key.arn,
                account_id=args.account_id,
                region=args.region,
                environment=_environment(settings),
                statements=[],
                sets_aside=False,
            ),
            child,
        )
        monitoring = Monitoring(
            name,
            MonitoringArgs(
                watches=function_watches(
                    "consumer", function.name, function.mapping_ids, settings.function.maximum_record_age_seconds
                ),
                region=args.region,
                alarm_topic_arn=settings.alarm_topic_arn,
            ),
            child,
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            "functionName": function.name,
            "roleArn": function.role_arn,
            "logGroupName": function.log_group,
            "failureBucketName": failures.name,
            "mappingIds": function.mapping_ids,
            "dashboard": monitoring.dashboard,
        }
        self.register_outputs(self.outputs)


def _code(settings: SubscriberSettings) -> FunctionCode:
    if settings.handler is None:
        return packaged_code("stream_logger")
    return own_code(settings.handler.folder, settings.handler.entry)


def _environment(settings: SubscriberSettings) -> dict[str, str]:
    return {"LOG_DATA": str(settings.log_data).lower()} if settings.handler is None else settings.handler.environment

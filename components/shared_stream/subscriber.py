"""The side that reads: a function on another account's stream, or on its consumer of it."""

from dataclasses import dataclass

import pulumi

from components.code import FunctionCode, own_code, packaged_code
from components.event_source import kinesis_source
from components.shared_stream.settings import SubscriberSettings
from components.side import Side


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

        side = Side(name, args, child, key_description=f"Failed batches of {name}")
        function = side.stream_function(
            "consumer",
            code=_code(settings),
            role_name=settings.role_name,
            settings=settings.function,
            sources={
                "stream": kinesis_source(
                    args.stream_arn, args.consumer_arn, args.stream_key_arn, args.region, settings.starts_at
                )
            },
            environment=_environment(settings),
            sets_aside=False,
            watches_sources=False,
        )
        monitoring = side.monitoring()

        self.outputs: dict[str, pulumi.Input[object]] = {
            "functionName": function.name,
            "roleArn": function.role_arn,
            "logGroupName": function.log_group,
            "failureBucketName": side.failures.name,
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

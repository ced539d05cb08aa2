"""An encrypted Kinesis data stream, and the enhanced fan-out consumers that read it."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class DataStreamArgs:
    """`shard_count` None means on-demand capacity; `retention_hours` is between 24 and 8760; `consumers` are names.

    A stream that is deleted takes with it what was not read yet: `deletion_protection` has Pulumi refuse that.
    """

    stream_name: str
    shard_count: int | None
    retention_hours: int
    key_arn: pulumi.Input[str]
    consumers: list[str]
    deletion_protection: bool = True


class DataStream(pulumi.ComponentResource):
    """A stream encrypted with a customer key; `consumer_arns` has one ARN for each name in `consumers`."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    consumer_arns: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, args: DataStreamArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:DataStream", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        on_demand = args.shard_count is None
        stream = aws.kinesis.Stream(
            f"{name}-stream",
            name=args.stream_name,
            shard_count=args.shard_count,
            stream_mode_details={"stream_mode": "ON_DEMAND" if on_demand else "PROVISIONED"},
            retention_period=args.retention_hours,
            encryption_type="KMS",
            kms_key_id=args.key_arn,
            opts=pulumi.ResourceOptions(parent=self, protect=args.deletion_protection),
        )
        consumers = {
            consumer: aws.kinesis.StreamConsumer(
                f"{name}-{consumer}-consumer", name=consumer, stream_arn=stream.arn, opts=child
            )
            for consumer in args.consumers
        }

        self.name = stream.name
        self.arn = stream.arn
        self.consumer_arns = {consumer: resource.arn for consumer, resource in consumers.items()}
        self.register_outputs({"name": self.name, "arn": self.arn, "consumerArns": self.consumer_arns})

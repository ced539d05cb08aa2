"""The side that has the stream: stream, a consumer for each subscriber, and the policies that let exactly them read."""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.key import EncryptionKey, EncryptionKeyArgs
from components.monitoring import Monitoring, MonitoringArgs, stream_watches
from components.policies import Statement, account_root, document, via_service
from components.regions import partition_of
from components.shared_stream.settings import OwnerSettings, Subscriber
from components.stream import DataStream, DataStreamArgs

# What a mapping of another account needs of a stream and of a consumer.
# https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html (cross-account mappings)
STREAM_ACTIONS = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"]
CONSUMER_ACTIONS = ["DescribeStreamConsumer", "SubscribeToShard"]
# With a consumer of its own a subscriber never reads the shards directly.
CONSUMED_STREAM_ACTIONS = ["DescribeStream", "DescribeStreamSummary", "ListShards"]


@dataclass(frozen=True, kw_only=True)
class StreamOwnerArgs:
    """`account_id` and `region` are where the stack is deployed."""

    settings: OwnerSettings
    account_id: pulumi.Input[str]
    region: str


class StreamOwner(pulumi.ComponentResource):
    """A stream that named roles of other accounts may read, and nobody else."""

    def __init__(self, name: str, args: StreamOwnerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:StreamOwner", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        key = EncryptionKey(
            name,
            EncryptionKeyArgs(
                description=f"Shared stream {name}",
                account_id=args.account_id,
                partition=partition_of(args.region),
                deletion_protection=settings.deletion_protection,
                statements=[_decrypts(subscriber, args.region) for subscriber in settings.subscribers.values()],
            ),
            child,
        )
        stream = DataStream(
            name,
            DataStreamArgs(
                stream_name=settings.stream_name,
                shard_count=None if settings.shard_count == "on-demand" else settings.shard_count,
                retention_hours=settings.retention_hours,
                key_arn=key.arn,
                consumers=[label for label, one in settings.subscribers.items() if one.enhanced_fan_out],
                deletion_protection=settings.deletion_protection,
            ),
            child,
        )
        aws.kinesis.ResourcePolicy(
            f"{name}-stream-policy",
            resource_arn=stream.arn,
            policy=document(list(_read(settings.subscribers.values(), stream.arn, args.region))),
            opts=child,
        )
        for label, consumer_arn in stream.consumer_arns.items():
            aws.kinesis.ResourcePolicy(
                f"{name}-{label}-consumer-policy",
                resource_arn=consumer_arn,
                policy=document([_allows(settings.subscribers[label], CONSUMER_ACTIONS, consumer_arn, args.region)]),
                opts=child,
            )
        monitoring = Monitoring(
            name,
            MonitoringArgs(
                watches=stream_watches("stream", stream.name),
                region=args.region,
                alarm_topic_arn=settings.alarm_topic_arn,
            ),
            child,
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            "KinesisStreamArn": stream.arn,
            "KinesisStreamEFOConsumerArn": stream.consumer_arns,
            "KMSKeyArn": key.arn,
            "streamName": stream.name,
            "subscribers": list(settings.subscribers),
            "dashboard": monitoring.dashboard,
        }
        self.register_outputs(self.outputs)


def _read(subscribers: Iterable[Subscriber], stream_arn: pulumi.Input[str], region: str) -> Iterable[Statement]:
    for subscriber in subscribers:
        actions = CONSUMED_STREAM_ACTIONS if subscriber.enhanced_fan_out else STREAM_ACTIONS
        yield _allows(subscriber, actions, stream_arn, region)


def _allows(subscriber: Subscriber, actions: list[str], resource_arn: pulumi.Input[str], region: str) -> Statement:
    return {
        **_one_role(subscriber, region),
        "Effect": "Allow",
        "Action": [f"kinesis:{action}" for action in actions],
        "Resource": resource_arn,
    }


def _decrypts(subscriber: Subscriber, region: str) -> Statement:
    narrowed = _one_role(subscriber, region)
    return {
        **narrowed,
        "Condition": {**narrowed["Condition"], **via_service("kinesis", region)},
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": "*",  # in a key policy: this key
    }


def _one_role(subscriber: Subscriber, region: str) -> Statement:
    """The account as principal, narrowed to one role, which may be made later."""
    return {
        "Principal": {"AWS": account_root(subscriber.account_id, partition_of(region))},
        "Condition": {"ArnEquals": {"aws:PrincipalArn": subscriber.role_arn(partition_of(region))}},
    }

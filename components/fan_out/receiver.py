"""The side that takes the messages of one target: the target, and the role through which the platform puts into it."""

from dataclasses import dataclass
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from components.fan_out.receiver_settings import (
    ReceiverSettings,
    ReceivingQueue,
    ReceivingStream,
    ReceivingTarget,
    ReceivingTopic,
)
from components.fan_out.services import SERVICES, service_of
from components.fan_out.watching import queue_watches, topic_watches
from components.key import EncryptionKey, EncryptionKeyArgs
from components.monitoring import Monitoring, MonitoringArgs, Watch, stream_watches
from components.policies import document, statement, trusts_role, uses_key
from components.regions import partition_of
from components.stream import DataStream, DataStreamArgs

# What the names of queues and topics end with that keep an order.
FIFO = ".fifo"


@dataclass(frozen=True, kw_only=True)
class FanOutReceiverArgs:
    """`account_id` and `region` are where the stack is deployed."""

    settings: ReceiverSettings
    account_id: pulumi.Input[str]
    region: str


class Receiving(NamedTuple):
    """The target: its service, its ARN, its customer key if it has one, and what is watched of it."""

    service: str
    arn: pulumi.Input[str]
    key_arn: pulumi.Input[str] | None
    watches: list[Watch]


class FanOutReceiver(pulumi.ComponentResource):
    """A role that the platform's functions assume, and that may put into exactly one target."""

    def __init__(self, name: str, args: FanOutReceiverArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:FanOutReceiver", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        target = self._target(settings.target)
        service = SERVICES[target.service]
        role = aws.iam.Role(
            f"{name}-role",
            name=settings.role_name,
            assume_role_policy=trusts_role(
                settings.platform.role_arns(partition_of(args.region)), settings.external_id
            ),
            opts=self._child,
        )
        # A queue decrypts its data key to encrypt with it; a stream and a topic need no more than that.
        used = [] if target.key_arn is None else [target.key_arn]
        aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=document(
                [
                    statement(service.actions, pulumi.Output.concat(target.arn, service.below)),
                    *(uses_key(key, ["Decrypt", "GenerateDataKey"], target.service, args.region) for key in used),
                ]
            ),
            opts=self._child,
        )

        destination = service.destination
        self.outputs: dict[str, pulumi.Input[object]] = {
            "roleArn": role.arn,
            "externalId": settings.external_id,
            "type": service.type,
            "destination": settings.target.destination
            if destination is None
            else pulumi.Output.from_input(target.arn).apply(destination),
            "region": args.region,
            "targetArn": target.arn,
        }
        if target.watches:
            watched = MonitoringArgs(
                watches=target.watches, region=args.region, alarm_topic_arn=settings.alarm_topic_arn
            )
            self.outputs["dashboard"] = Monitoring(name, watched, self._child).dashboard
        self.register_outputs(self.outputs)

    def _target(self, target: ReceivingTarget) -> Receiving:
        if target.arn is not None:
            return Receiving(service_of(target.arn), target.arn, target.key_arn, [])
        args = self._args
        key = EncryptionKey(
            self._name,
            EncryptionKeyArgs(
                description=f"What {self._name} receives",
                account_id=args.account_id,
                partition=partition_of(args.region),
                deletion_protection=args.settings.deletion_protection,
            ),
            self._child,
        )
        if target.stream is not None:
            return self._stream(target.stream, key.arn)
        if target.queue is not None:
            return self._queue(target.queue, key.arn)
        assert target.topic is not None
        return self._topic(target.topic, key.arn)

    def _stream(self, settings: ReceivingStream, key_arn: pulumi.Input[str]) -> Receiving:
        stream = DataStream(
            self._name,
            DataStreamArgs(
                stream_name=settings.stream_name,
                shard_count=None if settings.shard_count == "on-demand" else settings.shard_count,
                retention_hours=settings.retention_hours,
                key_arn=key_arn,
                consumers=[],
                deletion_protection=self._args.settings.deletion_protection,
            ),
            self._child,
        )
        return Receiving("kinesis", stream.arn, key_arn, stream_watches("stream", stream.name))

    def _queue(self, settings: ReceivingQueue, key_arn: pulumi.Input[str]) -> Receiving:
        kept_s = settings.retention_hours * 3600
        queue = aws.sqs.Queue(
            f"{self._name}-queue",
            name=settings.queue_name,
            fifo_queue=True if settings.queue_name.endswith(FIFO) else None,
            message_retention_seconds=kept_s,
            # What a message may have at the most.
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
            max_message_size=1_048_576,
            kms_master_key_id=key_arn,
            opts=self._protected,
        )
        return Receiving("sqs", queue.arn, key_arn, queue_watches("queue", queue.name, kept_s))

    def _topic(self, settings: ReceivingTopic, key_arn: pulumi.Input[str]) -> Receiving:
        topic = aws.sns.Topic(
            f"{self._name}-topic",
            name=settings.topic_name,
            fifo_topic=True if settings.topic_name.endswith(FIFO) else None,
            kms_master_key_id=key_arn,
            opts=self._protected,
        )
        return Receiving("sns", topic.arn, key_arn, topic_watches("topic", topic.name))

    @property
    def _protected(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, protect=self._args.settings.deletion_protection)

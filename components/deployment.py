"""From a stack's settings to its components: the table of how each kind is built.

A kind's components are imported when a stack has one: the classes of `pulumi_aws` that all kinds use take a second
longer to import than those of one, at every deployment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any

import pulumi

from components.cross_account_copy.settings import SourceSettings, TargetAccess, TargetSettings
from components.data_lake.far_sides import LakeAccess
from components.data_lake.settings import ConsumerSettings, LakeSettings, ProducerSettings
from components.fan_out.receiver_settings import ReceiverSettings
from components.fan_out.settings import PlatformSettings
from components.peers import peer_outputs
from components.settings import Architecture
from components.shared_stream.settings import OwnerSettings, StreamAccess, SubscriberSettings
from components.table_replica.settings import FarEndAccess, FarEndSettings, NewReplica, ReplicaSettings

Outputs = Mapping[str, pulumi.Input[object]]


@dataclass(frozen=True)
class Place:
    """Where a stack is deployed."""

    account_id: pulumi.Input[str]
    region: str


def deploy(architectures: Mapping[str, Architecture], place: Place) -> dict[str, Outputs]:
    """Declare the components of every architecture of a stack; the result is what the stack exports."""
    return {
        instance: BUILDERS[settings.kind](settings.component_name(instance), settings, place)
        for instance, settings in architectures.items()
    }


def _copy_target(name: str, settings: TargetSettings, place: Place) -> Outputs:
    from components.cross_account_copy.target import CopyTarget, CopyTargetArgs

    args = CopyTargetArgs(settings=settings, account_id=place.account_id, region=place.region)
    return CopyTarget(name, args).outputs


def _copy_source(name: str, settings: SourceSettings, place: Place) -> Outputs:
    from components.cross_account_copy.source import CopySource, CopySourceArgs

    target = settings.target
    granted: Mapping[str, Any] = (
        {
            "writerRoleArn": target.role_arn,
            "region": target.region,
            "tables": target.tables,
        }
        if isinstance(target, TargetAccess)
        else peer_outputs(target, ["writerRoleArn", "region", "tables"])
    )
    args = CopySourceArgs(
        settings=settings,
        account_id=place.account_id,
        region=place.region,
        target_role_arn=granted["writerRoleArn"],
        target_region=granted["region"],
        target_tables=granted["tables"],
    )
    return CopySource(name, args).outputs


def _stream_owner(name: str, settings: OwnerSettings, place: Place) -> Outputs:
    from components.shared_stream.owner import StreamOwner, StreamOwnerArgs

    return StreamOwner(
        name, StreamOwnerArgs(settings=settings, account_id=place.account_id, region=place.region)
    ).outputs


def _stream_subscriber(name: str, settings: SubscriberSettings, place: Place) -> Outputs:
    from components.shared_stream.subscriber import StreamSubscriber, StreamSubscriberArgs

    owner = settings.owner
    stream_arn: pulumi.Input[str]
    consumer_arn: pulumi.Input[str] | None
    key_arn: pulumi.Input[str]
    if isinstance(owner, StreamAccess):
        stream_arn, consumer_arn, key_arn = owner.stream_arn, owner.consumer_arn, owner.key_arn
    else:
        granted = peer_outputs(owner, ["KinesisStreamArn", "KinesisStreamEFOConsumerArn", "KMSKeyArn"])
        stream_arn, key_arn = granted["KinesisStreamArn"], granted["KMSKeyArn"]
        consumer_of = partial(_consumer, owner.stack, settings.subscriber)
        consumer_arn = granted["KinesisStreamEFOConsumerArn"].apply(consumer_of) if settings.enhanced_fan_out else None
    args = StreamSubscriberArgs(
        settings=settings,
        account_id=place.account_id,
        region=place.region,
        stream_arn=stream_arn,
        consumer_arn=consumer_arn,
        stream_key_arn=key_arn,
    )
    return StreamSubscriber(name, args).outputs


def _consumer(stack: str, subscriber: str, consumers: Mapping[str, str]) -> str:
    """The ARN of one subscriber's consumer. Raises pulumi.RunError when the owner has none for it."""
    if subscriber not in consumers:
        raise pulumi.RunError(
            f"stack `{stack}` has no consumer for the subscriber `{subscriber}`; it has "
            f"{', '.join(consumers) or 'none'}. Add it to `subscribers` in Pulumi.{stack}.yaml and type "
            f"`pulumi up -s {stack}`, or say `enhancedFanOut: false` here."
        )
    return consumers[subscriber]


def _table_replica(name: str, settings: ReplicaSettings, place: Place) -> Outputs:
    from components.table_replica.replica import ReplicaArgs, TableReplica

    replica = settings.replica
    granted: Mapping[str, Any] | None = None
    if isinstance(replica, FarEndAccess):
        granted = replica.granted
    elif not isinstance(replica, NewReplica):
        granted = peer_outputs(replica, ["writerRoleArn", "region", "replicaTableName", "positionsTableName"])
    args = ReplicaArgs(settings=settings, account_id=place.account_id, region=place.region, far_end=granted)
    return TableReplica(name, args).outputs


def _far_end(name: str, settings: FarEndSettings, place: Place) -> Outputs:
    from components.table_replica.far_end import FarEnd, FarEndArgs

    return FarEnd(name, FarEndArgs(settings=settings, account_id=place.account_id, region=place.region)).outputs


def _data_lake(name: str, settings: LakeSettings, place: Place) -> Outputs:
    from components.data_lake.lake import DataLake, DataLakeArgs

    return DataLake(name, DataLakeArgs(settings=settings, account_id=place.account_id, region=place.region)).outputs


def _lake_consumer(name: str, settings: ConsumerSettings, place: Place) -> Outputs:
    from components.data_lake.consumer import LakeConsumer, LakeConsumerArgs

    args = LakeConsumerArgs(settings=settings, account_id=place.account_id, region=place.region)
    return LakeConsumer(name, args).outputs


def _lake_producer(name: str, settings: ProducerSettings, place: Place) -> Outputs:
    from components.data_lake.producer import LakeProducer, LakeProducerArgs, check_layout

    lake = settings.lake
    bucket_name: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    rows_bucket_name: pulumi.Input[str] | None = None
    if isinstance(lake, LakeAccess):
        bucket_name, key_arn = lake.bucket_name, lake.key_arn
    else:
        granted = peer_outputs(lake, ["bucketName", "keyArn", "layout", "workBucketName"])
        agreed = pulumi.Output.all(**granted).apply(partial(check_layout, lake.stack, settings.layout))
        bucket_name, key_arn = agreed.apply(itemgetter("bucketName")), agreed.apply(itemgetter("keyArn"))
        rows_bucket_name = granted["workBucketName"]
    args = LakeProducerArgs(
        settings=settings,
        account_id=place.account_id,
        region=place.region,
        bucket_name=bucket_name,
        bucket_key_arn=key_arn,
        rows_bucket_name=rows_bucket_name,
    )
    return LakeProducer(name, args).outputs


def _fan_out_platform(name: str, settings: PlatformSettings, place: Place) -> Outputs:
    from components.fan_out.platform import RECEIVED, FanOutPlatform, FanOutPlatformArgs

    peers = {label: one.receiver for label, one in settings.targets.items() if one.receiver is not None}
    received = {label: peer_outputs(peer, list(RECEIVED.values())) for label, peer in peers.items()}
    args = FanOutPlatformArgs(settings=settings, account_id=place.account_id, region=place.region, received=received)
    return FanOutPlatform(name, args).outputs


def _fan_out_receiver(name: str, settings: ReceiverSettings, place: Place) -> Outputs:
    from components.fan_out.receiver import FanOutReceiver, FanOutReceiverArgs

    args = FanOutReceiverArgs(settings=settings, account_id=place.account_id, region=place.region)
    return FanOutReceiver(name, args).outputs


BUILDERS: Mapping[str, Callable[[str, Any, Place], Outputs]] = {
    "cross-account-copy/source": _copy_source,
    "cross-account-copy/target": _copy_target,
    "data-lake": _data_lake,
    "data-lake/consumer": _lake_consumer,
    "data-lake/producer": _lake_producer,
    "fan-out/platform": _fan_out_platform,
    "fan-out/receiver": _fan_out_receiver,
    "table-replica": _table_replica,
    "table-replica/far-end": _far_end,
    "shared-stream/owner": _stream_owner,
    "shared-stream/subscriber": _stream_subscriber,
}

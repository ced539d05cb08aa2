"""The table of what each `kind` of a stack file may say. Free of Pulumi, so that every tool can read it."""

from collections.abc import Mapping

from components.cross_account_copy.settings import SourceSettings, TargetSettings
from components.data_lake.settings import ConsumerSettings, LakeSettings, ProducerSettings
from components.fan_out.receiver_settings import ReceiverSettings
from components.fan_out.settings import PlatformSettings
from components.settings import Architecture
from components.shared_stream.settings import OwnerSettings, SubscriberSettings
from components.table_replica.settings import FarEndSettings, ReplicaSettings

KINDS: Mapping[str, type[Architecture]] = {
    "cross-account-copy/source": SourceSettings,
    "cross-account-copy/target": TargetSettings,
    "data-lake": LakeSettings,
    "data-lake/consumer": ConsumerSettings,
    "data-lake/producer": ProducerSettings,
    "fan-out/platform": PlatformSettings,
    "fan-out/receiver": ReceiverSettings,
    "table-replica": ReplicaSettings,
    "table-replica/far-end": FarEndSettings,
    "shared-stream/owner": OwnerSettings,
    "shared-stream/subscriber": SubscriberSettings,
}

"""The table of what each `kind` of a stack file may say. Free of Pulumi, so that every tool can read it."""

from collections.abc import Mapping

from components.cross_account_copy.settings import SourceSettings, TargetSettings
from components.settings import Architecture
from components.shared_stream.settings import OwnerSettings, SubscriberSettings
from components.table_replica.settings import FarEndSettings, ReplicaSettings

KINDS: Mapping[str, type[Architecture]] = {
    "cross-account-copy/source": SourceSettings,
    "cross-account-copy/target": TargetSettings,
    "table-replica": ReplicaSettings,
    "table-replica/far-end": FarEndSettings,
    "shared-stream/owner": OwnerSettings,
    "shared-stream/subscriber": SubscriberSettings,
}

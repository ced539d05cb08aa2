"""The replica's side in another account or Region: the table, and the role that replicator and backfiller assume."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.key import EncryptionKey, EncryptionKeyArgs
from components.monitoring import Monitoring, MonitoringArgs, table_watches
from components.policies import document, trusts_role
from components.regions import partition_of
from components.table_replica.settings import FarEndSettings
from components.table_replica.tables import replica_tables


@dataclass(frozen=True, kw_only=True)
class FarEndArgs:
    """`account_id` and `region` are where the stack is deployed."""

    settings: FarEndSettings
    account_id: pulumi.Input[str]
    region: str


class FarEnd(pulumi.ComponentResource):
    """A replica that the roles of the replicator and the backfiller of another account or Region may write."""

    def __init__(self, name: str, args: FarEndArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:ReplicaFarEnd", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        key = EncryptionKey(
            name,
            EncryptionKeyArgs(
                description=f"Data of the replica {name}",
                account_id=args.account_id,
                partition=partition_of(args.region),
                deletion_protection=settings.deletion_protection,
            ),
            child,
        )
        replica = replica_tables(
            name, settings, settings.table_name, settings.capacity, key.arn, settings.guarded, child
        )
        role = aws.iam.Role(
            f"{name}-writer-role",
            name=settings.writer_role_name,
            assume_role_policy=trusts_role(settings.writer.role_arns(partition_of(args.region)), settings.external_id),
            opts=child,
        )
        aws.iam.RolePolicy(
            f"{name}-writer-policy",
            role=role.name,
            policy=document(replica.allows(["changes", "rows"], key.arn, args.region)),
            opts=child,
        )
        monitoring = Monitoring(
            name,
            MonitoringArgs(
                watches=table_watches("replica", replica.table.name),
                region=args.region,
                alarm_topic_arn=settings.alarm_topic_arn,
            ),
            child,
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            "writerRoleArn": role.arn,
            "region": args.region,
            "replicaTableName": replica.table.name,
            "positionsTableName": replica.positions_name,
            "dashboard": monitoring.dashboard,
        }
        self.register_outputs(self.outputs)

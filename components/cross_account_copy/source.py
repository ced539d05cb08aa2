"""The side whose stream is copied: stream → copier → (assumed role) the other account's table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.code import packaged_code
from components.cross_account_copy.settings import OLDER, TABLE, SourceSettings
from components.event_source import kinesis_source
from components.monitoring import stream_watches
from components.policies import statement
from components.side import Side
from components.stream import DataStream, DataStreamArgs


@dataclass(frozen=True, kw_only=True)
class CopySourceArgs:
    """`target_*` is what the other side grants: its role, its Region and its tables, by label.

    The label is `table` for one table; otherwise there is one for each ISO week, and `older` for what arrived before
    them.
    """

    settings: SourceSettings
    account_id: pulumi.Input[str]
    region: str
    target_role_arn: pulumi.Input[str]
    target_region: pulumi.Input[str]
    target_tables: pulumi.Input[Mapping[str, str]]


class CopySource(pulumi.ComponentResource):
    """The stream in this account and the function that writes its records into another account's table."""

    def __init__(self, name: str, args: CopySourceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:CopySource", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        side = Side(name, args, child, key_description=f"Stream of the copy {name}")
        stream = DataStream(
            name,
            DataStreamArgs(
                stream_name=settings.stream_name,
                shard_count=None if settings.shard_count == "on-demand" else settings.shard_count,
                retention_hours=settings.retention_hours,
                key_arn=side.key.arn,
                consumers=[settings.copier.name] if settings.enhanced_fan_out else [],
                deletion_protection=settings.deletion_protection,
            ),
            child,
        )
        copier = side.stream_function(
            "copier",
            code=packaged_code("cross_account_copier"),
            role_name=settings.copier_role_name,
            settings=settings.copier,
            sources={
                "stream": kinesis_source(
                    stream.arn,
                    stream.consumer_arns.get(settings.copier.name),
                    side.key.arn,
                    args.region,
                    settings.starts_at,
                )
            },
            environment=pulumi.Output.all(
                role_arn=args.target_role_arn,
                region=args.target_region,
                tables=args.target_tables,
                external_id=settings.external_id,
            ).apply(lambda granted: copier_environment(**granted)),
            statements=[statement(["sts:AssumeRole"], args.target_role_arn)],
            keeps_progress=True,
        )
        monitoring = side.monitoring(stream_watches("stream", stream.name))

        self.outputs: dict[str, pulumi.Input[object]] = {
            "streamName": stream.name,
            "streamArn": stream.arn,
            "copierName": copier.name,
            "copierRoleArn": copier.role_arn,
            "failureBucketName": side.failures.name,
            "mappingIds": {"copier": copier.mapping_ids},
            "dashboard": monitoring.dashboard,
        }
        self.register_outputs(self.outputs)


def copier_environment(
    role_arn: str, region: str, tables: Mapping[str, str], external_id: str | None
) -> dict[str, str]:
    """The environment of the copier: see handlers/README.md."""
    environment = {"ROLE_ARN": role_arn, "TARGET_REGION": region}
    if external_id is not None:
        environment["EXTERNAL_ID"] = external_id
    if TABLE in tables:
        return environment | {"TABLE_NAME": tables[TABLE]}
    weeks = {week: table for week, table in sorted(tables.items()) if week != OLDER}
    return environment | {"WEEKLY_TABLES": json.dumps(weeks), "OLDER_TABLE": tables[OLDER]}

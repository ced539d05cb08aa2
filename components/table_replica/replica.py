"""The source's side: table → stream → replicator → replica, here or by an assumed role elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.code import packaged_code
from components.distributed_backfill import BackfillerArgs
from components.event_source import EventSource, table_source
from components.monitoring import Watch, table_watches
from components.policies import Statement, statement
from components.side import Side
from components.table_replica.bulk import BulkArgs, BulkOperations, lets_encrypt
from components.table_replica.settings import ExistingSource, NewReplica, ReplicaSettings, backfiller_name
from components.table_replica.tables import replica_tables, shaped_table

# Of the backfiller: rows that it writes at once.
WRITE_THREADS = 8


@dataclass(frozen=True, kw_only=True)
class ReplicaArgs:
    """`far_end` is what a replica elsewhere grants, by the names of its outputs; None when the replica is made here."""

    settings: ReplicaSettings
    account_id: pulumi.Input[str]
    region: str
    far_end: Mapping[str, pulumi.Input[str]] | None


@dataclass(frozen=True, kw_only=True)
class _Source:
    table_name: pulumi.Input[str]
    stream: EventSource


@dataclass(frozen=True, kw_only=True)
class _FarEnd:
    """Where the replicator writes, what it and the backfiller of rows may call for that, and what to watch here."""

    outputs: Mapping[str, pulumi.Input[str]]
    environment: pulumi.Input[Mapping[str, str]]
    statements: list[Statement]
    row_statements: list[Statement]
    watches: list[Watch]


class TableReplica(pulumi.ComponentResource):
    """A table and the function that keeps a replica equal to it."""

    def __init__(self, name: str, args: ReplicaArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:TableReplica", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._args = args
        settings = args.settings

        far_account = None if args.far_end is None else _account_of(args.far_end["writerRoleArn"])
        side = Side(
            name,
            args,
            self._child,
            key_description=f"Data of the replica {name}",
            key_statements=[lets_encrypt(far_account, args.region)]
            if settings.bulk and far_account is not None
            else [],
        )
        key = side.key
        source = self._source(name, key.arn)
        far_end = self._far_end(name, key.arn)
        replicator = side.stream_function(
            "replicator",
            code=packaged_code("table_replicator"),
            role_name=settings.replicator_role_name,
            settings=settings.replicator,
            sources={"stream": source.stream},
            environment=far_end.environment,
            statements=far_end.statements,
        )
        monitoring = side.monitoring([*table_watches("source", source.table_name), *far_end.watches])

        self.outputs: dict[str, pulumi.Input[object]] = {
            "region": args.region,
            "sourceTableName": source.table_name,
            "streamArn": source.stream.arn,
            "replicatorName": replicator.name,
            "replicatorRoleArn": replicator.role_arn,
            "mappingIds": {"replicator": replicator.mapping_ids},
            "failureBucketName": side.failures.name,
            "dashboard": monitoring.dashboard,
            **far_end.outputs,
        }
        if settings.bulk:
            bulk = BulkOperations(
                f"{name}-bulk",
                BulkArgs(
                    settings=settings.bulk,
                    key_arn=key.arn,
                    account_id=args.account_id,
                    region=args.region,
                    force_destroy=not settings.deletion_protection,
                    far_account_id=far_account,
                    backfiller=BackfillerArgs(
                        code=packaged_code("table_backfiller"),
                        passed=["keys", "writeUnits"],
                        function_name=backfiller_name(settings.replicator.name),
                        role_name=backfiller_name(settings.replicator_role_name),
                        log_retention_days=settings.replicator.log_retention_days,
                        environment=pulumi.Output.from_input(far_end.environment).apply(
                            lambda replica: {**replica, "WRITE_THREADS": str(WRITE_THREADS)}
                        ),
                        statements=far_end.row_statements,
                    ),
                ),
                self._child,
            )
            self.outputs["bulk"] = bulk.outputs
        self.register_outputs(self.outputs)

    def _source(self, name: str, key_arn: pulumi.Input[str]) -> _Source:
        settings, region = self._args.settings, self._args.region
        source = settings.source
        if isinstance(source, ExistingSource):
            return _Source(
                table_name=source.table_arn.split("/")[1],
                stream=table_source(source.stream_arn, source.key_arn, region, protect=settings.deletion_protection),
            )
        table = shaped_table(
            f"{name}-source",
            settings,
            source.table_name,
            source.capacity,
            key_arn,
            self._child,
            stream_view=source.stream_view,
            time_to_live=source.time_to_live_attribute,
        )
        return _Source(
            table_name=table.name,
            stream=table_source(table.stream_arn, key_arn, region, protect=settings.deletion_protection),
        )

    def _far_end(self, name: str, key_arn: pulumi.Input[str]) -> _FarEnd:
        args, settings = self._args, self._args.settings
        if args.far_end is not None:
            granted = args.far_end
            return _FarEnd(
                outputs={
                    "replicaTableName": granted["replicaTableName"],
                    "replicaRegion": granted["region"],
                    "writerRoleArn": granted["writerRoleArn"],
                    "positionsTableName": granted["positionsTableName"] if settings.guarded else "",
                },
                environment=pulumi.Output.all(**granted).apply(self._remote_environment),
                statements=[statement(["sts:AssumeRole"], granted["writerRoleArn"])],
                row_statements=[statement(["sts:AssumeRole"], granted["writerRoleArn"])],
                watches=[],
            )
        assert isinstance(settings.replica, NewReplica)
        replica = replica_tables(
            name,
            settings,
            settings.replica.table_name,
            settings.replica.capacity,
            key_arn,
            settings.guarded,
            self._child,
        )
        return _FarEnd(
            outputs={
                "replicaTableName": replica.table.name,
                "replicaRegion": args.region,
                "writerRoleArn": "",
                "positionsTableName": replica.positions_name,
            },
            environment=pulumi.Output.all(replica.table.name, replica.positions_name).apply(
                lambda names: replicator_environment(names[0], names[1], settings.tombstone_days)
            ),
            statements=replica.allows(["changes"], key_arn, args.region),
            row_statements=replica.allows(["rows"], key_arn, args.region),
            watches=table_watches("replica", replica.table.name),
        )

    def _remote_environment(self, granted: Mapping[str, str]) -> dict[str, str]:
        settings = self._args.settings
        positions = granted["positionsTableName"] if settings.guarded else ""
        if settings.guarded and not positions:
            raise pulumi.RunError(
                "`guarded: true` needs a far end that keeps positions. Set `guarded: true` in the far end's stack file "
                "too, deploy it by `pulumi up`, then deploy this stack."
            )
        return replicator_environment(granted["replicaTableName"], positions, settings.tombstone_days) | {
            "ROLE_ARN": granted["writerRoleArn"],
            "REPLICA_REGION": granted["region"],
            **({"EXTERNAL_ID": settings.external_id} if settings.external_id else {}),
        }


def _account_of(role_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    return pulumi.Output.from_input(role_arn).apply(lambda arn: arn.split(":")[4])


def replicator_environment(table_name: str, positions_table_name: str, tombstone_days: int) -> dict[str, str]:
    """The environment of the replicator: see handlers/README.md."""
    guard = {"POSITIONS_TABLE": positions_table_name, "TOMBSTONE_DAYS": str(tombstone_days)}
    return {"REPLICA_TABLE": table_name, **(guard if positions_table_name else {})}

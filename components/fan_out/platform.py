"""The side that delivers: sources → function → targets, and what they do not take → backlog → drainer → targets."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws

from components.code import packaged_code
from components.event_source import TABLE_KEY_ACTIONS, EventSource, kinesis_source, table_source
from components.fan_out.drainer import Drainer, DrainerArgs
from components.fan_out.network import joined
from components.fan_out.reaching import reaches
from components.fan_out.rows import row_item
from components.fan_out.settings import ExistingSource, NewSource, PlatformSettings
from components.fan_out.watching import platform_watches, target_graphs
from components.policies import Statement, statement, uses_key
from components.regions import partition_of
from components.side import Side
from components.stream import DataStream, DataStreamArgs
from components.table import DataTable, DataTableArgs, IndexArgs
from handlers.fan_out.backlog import BACKLOG_PREFIX
from handlers.fan_out.failures import TARGETS_PREFIX
from handlers.fan_out.rows import stream_arn

# Libraries of targets that boto3 has no client for; they are loaded when a row of theirs is.
LIBRARIES = ("pymemcache", "redis")

# Option of a row → what its receiver's stack exports.
RECEIVED = {
    "type": "type",
    "destination": "destination",
    "region": "region",
    "role": "roleArn",
    "externalId": "externalId",
}


@dataclass(frozen=True, kw_only=True)
class FanOutPlatformArgs:
    """`received` is what the stacks of receivers export, by the name of the declared target."""

    settings: PlatformSettings
    account_id: pulumi.Input[str]
    region: str
    received: Mapping[str, Mapping[str, pulumi.Input[Any]]]


class FanOutPlatform(pulumi.ComponentResource):
    """A function that sends each record of its sources to every target of the mapping table."""

    def __init__(self, name: str, args: FanOutPlatformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:FanOutPlatform", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._args = args
        settings = args.settings

        self._side = side = Side(
            name,
            args,
            self._child,
            key_description=f"Data of the fan-out platform {name}",
            expire_prefix_days={BACKLOG_PREFIX: settings.backlog_days},
        )
        targets = self._table(f"{name}-targets", settings.targets_table, {"sourceArn": "S", "id": "S"})
        lanes = self._table(
            f"{name}-lanes",
            settings.lanes_table,
            {"source": "S", "item": "S"},
            IndexArgs(name="behind", hash_key="behind", hash_key_type="S", throughput="on-demand"),
        )
        sources = self._sources(name)
        streams = {
            label: self._stream(f"{name}-{label}", label, one.shard_count, one.retention_hours, [])
            for label, one in settings.target_streams.items()
        }
        arn = f"arn:{partition_of(args.region)}:lambda:{args.region}"
        drainer_arn = pulumi.Output.concat(arn, ":", args.account_id, ":function:", settings.drainer_name)
        statements = [
            *self._keeps(targets, lanes),
            statement(["lambda:InvokeFunction"], drainer_arn),
            *reaches(
                settings, [stream.arn for stream in streams.values()], args.received, args.account_id, args.region
            ),
            uses_key(side.key.arn, ["GenerateDataKey"], "kinesis", args.region),
        ]
        network, of_network = joined(name, settings, statements, args.region, self._child)
        environment: dict[str, pulumi.Input[str]] = {
            "TARGETS_TABLE": targets.name,
            "LANES_TABLE": lanes.name,
            "FAILURE_BUCKET": side.failures.name,
            "DRAINER": settings.drainer_name,
            "PATIENCE_SECONDS": str(settings.patience_seconds),
            # Under whose name both count.
            "FUNCTION": settings.function.name,
        }
        hooked = {label: source for label, source in sources.items() if settings.sources[label].hook}
        function = side.stream_function(
            "source",
            code=packaged_code("fan_out", entry="source.handler", libraries=LIBRARIES),
            role_name=settings.role_name,
            settings=settings.function,
            sources=hooked,
            environment=environment,
            statements=[
                *statements,
                # Those that are hooked at run time.
                *(needed for label, one in sources.items() if label not in hooked for needed in one.statements),
            ],
            sets_aside=False,
            network=network,
        )
        drainer = Drainer(
            f"{name}-drainer",
            DrainerArgs(
                settings=settings,
                code=packaged_code("fan_out", entry="drainer.handler", libraries=LIBRARIES),
                account_id=args.account_id,
                environment=environment,
                statements=statements,
                network=network,
            ),
            self._child,
        )
        self._rows(name, targets, {label: source.arn for label, source in sources.items()})
        monitoring = side.monitoring(
            platform_watches(settings.function.name, drainer.name, settings.behind_alarm_seconds),
            target_graphs(settings.function.name),
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            "functionName": function.name,
            "drainerName": drainer.name,
            "roleArns": [function.role_arn, drainer.role_arn],
            "targetsTableName": targets.name,
            "lanesTableName": lanes.name,
            "failureBucketName": side.failures.name,
            "sources": {label: source.arn for label, source in sources.items()},
            "targetStreams": {label: stream.arn for label, stream in streams.items()},
            "declaredTargets": list(settings.targets),
            "region": args.region,
            "mappingIds": function.mapping_ids,
            "dashboard": monitoring.dashboard,
            **of_network,
        }
        self.register_outputs(self.outputs)

    def _table(self, name: str, table_name: str, keys: dict[str, str], *indexes: IndexArgs) -> DataTable:
        return DataTable(
            name,
            DataTableArgs(
                table_name=table_name,
                keys=keys,
                throughput="on-demand",
                key_arn=self._side.key.arn,
                indexes=list(indexes),
                deletion_protection=self._args.settings.deletion_protection,
            ),
            self._child,
        )

    def _stream(self, name: str, label: str, shards: Any, retention_hours: int, consumers: list[str]) -> DataStream:
        settings = self._args.settings
        return DataStream(
            name,
            DataStreamArgs(
                stream_name=f"{settings.name_prefix}{label}",
                shard_count=None if shards == "on-demand" else shards,
                retention_hours=retention_hours,
                key_arn=self._side.key.arn,
                consumers=consumers,
                deletion_protection=settings.deletion_protection,
            ),
            self._child,
        )

    def _sources(self, name: str) -> dict[str, EventSource]:
        return {
            label: self._source(f"{name}-{label}", label, one) for label, one in self._args.settings.sources.items()
        }

    def _source(self, name: str, label: str, source: NewSource | ExistingSource) -> EventSource:
        settings, region = self._args.settings, self._args.region
        if isinstance(source, NewSource):
            consumer = settings.function.name
            made = self._stream(
                name, label, source.shard_count, source.retention_hours, [consumer] if source.enhanced_fan_out else []
            )
            key_arn = self._side.key.arn
            return kinesis_source(made.arn, made.consumer_arns.get(consumer), key_arn, region, settings.starts_at)
        if source.of_table:
            return table_source(source.arn, source.key_arn, region, protect=settings.deletion_protection)
        consumer_arn = source.arn if source.arn != source.stream_arn else None
        return kinesis_source(source.stream_arn, consumer_arn, source.key_arn, region, settings.starts_at)

    def _keeps(self, targets: DataTable, lanes: DataTable) -> list[Statement]:
        """What both functions read and keep: rows, lanes, backlogs, and what is given up."""
        key_arn, bucket_arn, region = self._side.key.arn, self._side.failures.arn, self._args.region
        return [
            statement(["dynamodb:Query"], targets.arn),
            statement(
                [
                    "dynamodb:DeleteItem",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:Query",
                    "dynamodb:UpdateItem",
                ],
                [lanes.arn, pulumi.Output.concat(lanes.arn, "/index/behind")],
            ),
            uses_key(key_arn, TABLE_KEY_ACTIONS, "dynamodb", region),
            statement(
                ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
                pulumi.Output.concat(bucket_arn, "/", BACKLOG_PREFIX, "*"),
            ),
            statement(["s3:PutObject"], pulumi.Output.concat(bucket_arn, "/", TARGETS_PREFIX, "*")),
            # A missing object is told from a forbidden one only to who may list the bucket.
            statement(["s3:ListBucket"], bucket_arn),
            uses_key(key_arn, ["GenerateDataKey", "Decrypt"], "s3", region),
        ]

    def _rows(self, name: str, table: DataTable, sources: Mapping[str, pulumi.Input[str]]) -> None:
        """The rows of the mapping table that the stack file declares."""
        for target_id, target in self._args.settings.targets.items():
            exported = self._args.received.get(target_id, {})
            said = {option: exported[output] for option, output in RECEIVED.items() if exported}
            item = pulumi.Output.all(sources[target.source], said).apply(partial(_item, target_id, target.options))
            aws.dynamodb.TableItem(
                f"{name}-{target_id}-row",
                table_name=table.name,
                hash_key="sourceArn",
                range_key="id",
                item=item,
                opts=self._child,
            )


def _item(target_id: str, options: Mapping[str, Any], known: Sequence[Any]) -> str:
    """The item of a declared target; known by then are the ARN of its source, and what its receiver's stack says."""
    source_arn, received = known
    return json.dumps(row_item(stream_arn(source_arn), target_id, {**received, **options}), sort_keys=True)

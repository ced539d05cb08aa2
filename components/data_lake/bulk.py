"""What works on a lake beyond one machine: a function that reads the files of the table's exports, several at once.

It is where the table is, and so sees what is hidden from the lake; what it brings to another account's bucket are rows,
as the transformer makes them. It is in no network of its own, as its way is to S3 and the stream alone, by its role.
"""

from dataclasses import dataclass

import pulumi

from components.bucket import PrivateBucket
from components.code import packaged_code
from components.data_lake.prefixes import EXPORTED_ROWS
from components.data_lake.settings import ProducingSettings
from components.data_lake.transforming import transformer_environment
from components.data_lake.way_settings import Bulk
from components.data_lake.work import EXPORTS, ROW_ACTIONS, ROW_KEY_ACTIONS
from components.distributed_backfill import BackfillerArgs, DistributedBackfill, DistributedBackfillArgs
from components.policies import statement, uses_key


@dataclass(frozen=True, kw_only=True)
class RowsPlace:
    """The bucket that takes rows of exports, and its key: where the lake is."""

    bucket_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class ExporterArgs:
    """`exports` is the bucket of the table's exports; `stream_arn` the stream of the table's changes.

    `rows` is None when nobody takes them.
    """

    settings: ProducingSettings
    bulk: Bulk
    stream_arn: pulumi.Input[str]
    exports: PrivateBucket
    rows: RowsPlace | None
    key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str


def distributed_export(name: str, args: ExporterArgs, opts: pulumi.ResourceOptions) -> dict[str, pulumi.Input[object]]:
    """Deploys the function and its state machine; what is told of them.

    It has the transformer's own settings, and so makes the lake's own rows.
    """
    settings = args.settings
    statements = [
        statement(["kinesis:PutRecords"], args.stream_arn),
        uses_key(args.key_arn, ["GenerateDataKey"], "kinesis", args.region),
    ]
    if args.rows is not None:
        key_actions = [action.removeprefix("kms:") for action in ROW_KEY_ACTIONS]
        statements += [
            statement(ROW_ACTIONS, pulumi.Output.concat(args.rows.bucket_arn, "/", EXPORTED_ROWS, "*")),
            uses_key(args.rows.key_arn, key_actions, "s3", args.region),
        ]
    deployed = DistributedBackfill(
        name,
        DistributedBackfillArgs(
            backfiller=BackfillerArgs(
                code=packaged_code("lake_exporter", "lake_transformer"),
                passed=["work"],
                function_name=settings.exporter_name,
                role_name=settings.exporter_role_name,
                log_retention_days=settings.transform.log_retention_days,
                environment={**transformer_environment(settings), "STREAM_ARN": args.stream_arn},
                statements=statements,
                key_arn=args.key_arn,
            ),
            exports=args.exports,
            exports_prefix=EXPORTS,
            key_arn=args.key_arn,
            account_id=args.account_id,
            region=args.region,
        ),
        opts,
    )
    return {**deployed.outputs, "maximumConcurrency": args.bulk.maximum_concurrency}

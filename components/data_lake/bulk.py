"""What works on a lake beyond one machine: a function that reads the files of the table's exports, several at once.

It is in no network of its own, as its way is to S3 and the stream alone, both by its role.
"""

from dataclasses import dataclass

import pulumi

from components.bucket import PrivateBucket
from components.code import packaged_code
from components.data_lake.settings import LakeSettings
from components.data_lake.transforming import transformer_environment
from components.distributed_backfill import BackfillerArgs, DistributedBackfill, DistributedBackfillArgs
from components.policies import statement, uses_key

# In the bucket of exports: see operations/instruments/exporting.py.
EXPORTS = "exports/"


@dataclass(frozen=True, kw_only=True)
class ExporterArgs:
    """`exports` is the bucket of the table's exports; `stream_arn` the stream of the table's changes."""

    settings: LakeSettings
    stream_arn: pulumi.Input[str]
    exports: PrivateBucket
    key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str


def distributed_export(name: str, args: ExporterArgs, opts: pulumi.ResourceOptions) -> DistributedBackfill:
    """The function and its state machine. It has the transformer's own settings, and so makes the lake's own rows."""
    settings = args.settings
    return DistributedBackfill(
        name,
        DistributedBackfillArgs(
            backfiller=BackfillerArgs(
                code=packaged_code("lake_exporter", "lake_transformer"),
                passed=["work"],
                function_name=settings.exporter_name,
                role_name=settings.exporter_role_name,
                log_retention_days=settings.transform.log_retention_days,
                environment={**transformer_environment(settings), "STREAM_ARN": args.stream_arn},
                statements=[
                    statement(["kinesis:PutRecords"], args.stream_arn),
                    uses_key(args.key_arn, ["GenerateDataKey"], "kinesis", args.region),
                ],
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

"""A distributed backfill: a state machine over the files of an export, and the function that takes one.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.bucket import PrivateBucket
from components.code import FunctionCode
from components.function import declare_function
from components.policies import Statement, document, statement, trusts_service, uses_key

# Lambda's longest; what is not done by then goes on in the next invocation.
TIMEOUT_S = 900
MEMORY_MB = 512
# The places of an export's files, and the results of its executions; see handlers/shared/export_places.py.
PLACES = "backfill/"


@dataclass(frozen=True, kw_only=True)
class BackfillerArgs:
    """The function: its code, names and environment, and what it may call to reach the far end.

    `passed` names what of an execution's input it gets beside its file. `key_arn` encrypts its environment and log.
    """

    code: FunctionCode
    passed: Sequence[str]
    function_name: str
    role_name: str
    log_retention_days: int
    environment: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    statements: list[Statement]
    key_arn: pulumi.Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class DistributedBackfillArgs:
    """`exports` is the bucket, in which exports are under `exports_prefix`."""

    backfiller: BackfillerArgs
    exports: PrivateBucket
    exports_prefix: str
    key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str


class DistributedBackfill(pulumi.ComponentResource):
    """Takes the files of an export, several at once; costs nothing while it does not run."""

    def __init__(self, name: str, args: DistributedBackfillArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:DistributedBackfill", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        backfiller, bucket_arn = args.backfiller, args.exports.arn
        exports = pulumi.Output.concat(bucket_arn, "/", args.exports_prefix, "*")
        places = pulumi.Output.concat(bucket_arn, "/", PLACES, "*")
        encrypts = uses_key(args.key_arn, ["Decrypt", "GenerateDataKey"], "s3", args.region)

        function = declare_function(
            f"{name}er",
            code=backfiller.code,
            function_name=backfiller.function_name,
            role_name=backfiller.role_name,
            account_id=args.account_id,
            timeout_s=TIMEOUT_S,
            memory_mb=MEMORY_MB,
            log_retention_days=backfiller.log_retention_days,
            environment=backfiller.environment,
            statements=[
                statement(["s3:GetObject"], exports),
                statement(["s3:GetObject", "s3:PutObject"], places),
                # Without it a place that is not there would be answered as forbidden.
                # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
                statement(["s3:ListBucket"], bucket_arn),
                encrypts,
                *backfiller.statements,
            ],
            key_arn=backfiller.key_arn,
            opts=child,
        ).function
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=trusts_service("states", args.account_id),
            opts=child,
        )
        machine = aws.sfn.StateMachine(
            f"{name}-machine",
            name=backfiller.function_name,
            role_arn=role.arn,
            type="STANDARD",
            definition=pulumi.Output.json_dumps(function.arn.apply(lambda arn: definition(arn, backfiller.passed))),
            opts=child,
        )
        aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=document(
                [
                    statement(["lambda:InvokeFunction"], function.arn),
                    statement(["s3:GetObject"], exports),
                    # https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html (IAM policies)
                    statement(
                        ["s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
                        places,
                    ),
                    encrypts,
                    # https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
                    statement(["states:StartExecution"], machine.arn),
                    statement(
                        ["states:DescribeExecution"],
                        machine.arn.apply(lambda arn: f"{arn.replace(':stateMachine:', ':execution:', 1)}:*"),
                    ),
                ]
            ),
            opts=child,
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            "backfillMachineArn": machine.arn,
            "backfillerName": function.name,
        }
        self.register_outputs(self.outputs)


def definition(function_arn: str, passed: Sequence[str]) -> dict[str, Any]:
    """The state machine; operations/instruments/distributing.py makes its input, of which functions get `passed`.

    Each file is a child execution, which invokes the function until the file is done. A file that fails does not stop
    the others: the results, which are too many for the state's output, name it.
    """
    states = f"arn:{function_arn.split(':')[1]}:states::"
    invoke = {
        "Type": "Task",
        "Resource": f"{states}:lambda:invoke",
        "Parameters": {"FunctionName": function_arn, "Payload.$": "$"},
        "ResultSelector": {
            "done.$": "$.Payload.done",
            "written.$": "$.Payload.written",
            "kept.$": "$.Payload.kept",
            "refused.$": "$.Payload.refused",
        },
        "ResultPath": "$.progress",
        "Retry": [
            # https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
            {
                "ErrorEquals": [
                    "Lambda.ClientExecutionTimeoutException",
                    "Lambda.ServiceException",
                    "Lambda.AWSLambdaException",
                    "Lambda.SdkClientException",
                    "Lambda.TooManyRequestsException",
                ],
                "IntervalSeconds": 2,
                "MaxAttempts": 6,
                "BackoffRate": 2,
                "JitterStrategy": "FULL",
            },
            # What the function itself says is hopeless.
            {"ErrorEquals": ["BackfillError"], "MaxAttempts": 0},
            # A crash, a time-out, no memory: the file's place is kept.
            {"ErrorEquals": ["States.TaskFailed", "States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 3},
        ],
        "Next": "All written?",
    }
    return {
        "Comment": "Takes the files of a table's export to where they belong.",
        "StartAt": "Files",
        "States": {
            "Files": {
                "Type": "Map",
                "Label": "Files",
                "ItemReader": {
                    "Resource": f"{states}:s3:getObject",
                    "ReaderConfig": {"InputType": "JSONL"},
                    "Parameters": {"Bucket.$": "$.bucket", "Key.$": "$.manifest"},
                },
                "ItemSelector": {
                    "bucket.$": "$.bucket",
                    "folder.$": "$.folder",
                    **{f"{name}.$": f"$.{name}" for name in passed},
                    "file.$": "$$.Map.Item.Value.dataFileS3Key",
                },
                "MaxConcurrencyPath": "$.concurrency",
                "ToleratedFailurePercentage": 100,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                    "StartAt": "Write",
                    "States": {
                        "Write": invoke,
                        "All written?": {
                            "Type": "Choice",
                            "Choices": [
                                {"Variable": "$.progress.done", "BooleanEquals": True, "Next": "Written"},
                            ],
                            "Default": "Write",
                        },
                        "Written": {"Type": "Succeed", "OutputPath": "$.progress"},
                    },
                },
                "ResultWriter": {
                    "Resource": f"{states}:s3:putObject",
                    "Parameters": {"Bucket.$": "$.bucket", "Prefix.$": "$.results"},
                },
                "End": True,
            },
        },
    }

"""A Lambda function fed by a stream: the smallest unit every architecture repeats."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from components.bucket import PrivateBucket
from components.code import RUNTIME, FunctionCode
from components.event_source import EventSource
from components.policies import Statement, combined, document, statement, trusts_service, uses_key
from components.settings import FunctionSettings
from handlers.shared.places import POISON_PREFIX, PROGRESS_PREFIX


@dataclass(frozen=True, kw_only=True)
class FunctionNetwork:
    """Where a function runs that is in a network of its own; `ready` is what it needs there."""

    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_ids: Sequence[pulumi.Input[str]]
    ready: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class StreamFunctionArgs:
    """What a StreamFunction needs.

    Each of `sources` gets a mapping of that name. `statements` are what the handler itself calls; reading the
    sources, writing logs and storing failed batches are added. `sets_aside` says that the handler stores poison records
    itself, `keeps_progress` that it remembers how far it got inside a record: see handlers/README.md.
    """

    code: FunctionCode
    role_name: str
    settings: FunctionSettings
    sources: dict[str, EventSource]
    failures: PrivateBucket
    key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str
    environment: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    statements: list[Statement]
    sets_aside: bool = True
    keeps_progress: bool = False
    network: FunctionNetwork | None = None


class StreamFunction(pulumi.ComponentResource):
    """A function that applies a stream's records in order and keeps whole what it cannot apply."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    log_group: pulumi.Output[str]
    mapping_ids: dict[str, pulumi.Output[str]]
    source_arns: dict[str, pulumi.Input[str]]

    def __init__(self, name: str, args: StreamFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:StreamFunction", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        declared = declare_function(
            name,
            code=args.code,
            function_name=settings.name,
            role_name=args.role_name,
            account_id=args.account_id,
            timeout_s=settings.timeout_seconds,
            memory_mb=settings.memory_mb,
            log_retention_days=settings.log_retention_days,
            environment=_environment(args),
            statements=[
                *(allowed for source in args.sources.values() for allowed in source.statements),
                *_stores_failed_batches(args),
                *args.statements,
            ],
            network=args.network,
            opts=child,
        )
        function, policy = declared.function, declared.policy
        self.mapping_ids = {
            source: self._mapping(f"{name}-{source}", args, function, args.sources[source], policy)
            for source in args.sources
        }
        self.source_arns = {name: source.arn for name, source in args.sources.items()}
        self.name = function.name
        self.arn = function.arn
        self.role_arn = declared.role.arn
        self.log_group = declared.logs.name
        self.register_outputs({"name": self.name, "arn": self.arn, "roleArn": self.role_arn})

    def _mapping(
        self,
        name: str,
        args: StreamFunctionArgs,
        function: aws.lambda_.Function,
        source: EventSource,
        policy: pulumi.Resource,
    ) -> pulumi.Output[str]:
        """Map one source to the function; the result is the mapping's UUID."""
        settings = args.settings
        mapping = aws.lambda_.EventSourceMapping(
            f"{name}-mapping",
            event_source_arn=source.arn,
            function_name=function.arn,
            starting_position="AT_TIMESTAMP" if source.starting_timestamp else "TRIM_HORIZON",
            starting_position_timestamp=source.starting_timestamp,
            batch_size=settings.batch_size,
            maximum_batching_window_in_seconds=settings.batching_window_seconds,
            parallelization_factor=settings.parallelization_factor,
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=settings.maximum_retry_attempts,
            maximum_record_age_in_seconds=settings.maximum_record_age_seconds,
            # A bucket gets the whole failed payload; a queue or topic would get pointers that expire with the stream.
            # https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
            destination_config={"on_failure": {"destination_arn": args.failures.arn}},
            # Counts what went to the on-failure destination, for the alarm.
            # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics
            metrics_config={"metrics": ["EventCount"]},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[policy],
                # A function has one mapping for a source, so that a replaced one goes before the new one comes.
                delete_before_replace=True,
                # Whether it reads is the operator's: one that is paused stays paused, whatever is deployed.
                ignore_changes=["enabled"],
                protect=source.protect,
            ),
        )
        mapping_id: pulumi.Output[str] = mapping.uuid
        return mapping_id


class DeclaredFunction(NamedTuple):
    """A function with what it needs; `policy` is in place before the function is."""

    function: aws.lambda_.Function
    role: aws.iam.Role
    policy: aws.iam.RolePolicy
    logs: aws.cloudwatch.LogGroup


def declare_function(
    name: str,
    *,
    code: FunctionCode,
    function_name: str,
    role_name: str,
    account_id: pulumi.Input[str],
    timeout_s: int,
    memory_mb: int,
    log_retention_days: int,
    environment: pulumi.Input[Mapping[str, pulumi.Input[str]]],
    statements: list[Statement],
    opts: pulumi.ResourceOptions,
    key_arn: pulumi.Input[str] | None = None,
    network: FunctionNetwork | None = None,
) -> DeclaredFunction:
    """A function with a log group and a role of its own, as children of a component.

    `statements` are what it may do besides writing its log. `key_arn` encrypts its environment and its log.
    """
    # The group exists before the function's first line, so that Lambda never creates one that is kept for ever.
    logs = aws.cloudwatch.LogGroup(
        f"{name}-logs",
        name=f"/aws/lambda/{function_name}",
        retention_in_days=log_retention_days,
        kms_key_id=key_arn,
        opts=opts,
    )
    role = aws.iam.Role(
        f"{name}-role",
        name=role_name,
        assume_role_policy=trusts_service("lambda", account_id),
        opts=opts,
    )
    policy = aws.iam.RolePolicy(
        f"{name}-policy",
        role=role.name,
        policy=document(
            combined([*statements, _writes_logs(logs.arn), *(_joins_networks(function_name) if network else [])])
        ),
        opts=opts,
    )
    function = aws.lambda_.Function(
        f"{name}-function",
        name=function_name,
        role=role.arn,
        runtime=RUNTIME,
        architectures=["arm64"],
        handler=code.entry,
        code=code.archive,
        timeout=timeout_s,
        memory_size=memory_mb,
        environment={"variables": environment},
        kms_key_arn=key_arn,
        vpc_config={"subnet_ids": network.subnet_ids, "security_group_ids": network.security_group_ids}
        if network
        else None,
        # Without its permissions the first invocation would fail; of a stream that would count as an attempt.
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(depends_on=[policy, logs, *(network.ready if network else ())])
        ),
    )
    return DeclaredFunction(function, role, policy, logs)


def _joins_networks(function_name: str) -> list[Statement]:
    """What Lambda does as the function's role to bring it into a network, and what the function's code may not do.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html (permissions)
    """
    actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    return [
        # Lambda asks for them on all resources: what it makes has no name yet, and describing has no resource level.
        statement(actions, "*"),
        {
            "Effect": "Deny",
            "Action": actions,
            "Resource": "*",
            "Condition": {"ArnLike": {"lambda:SourceFunctionArn": f"arn:*:lambda:*:*:function:{function_name}"}},
        },
    ]


def _writes_logs(group_arn: pulumi.Input[str]) -> Statement:
    return statement(["logs:CreateLogStream", "logs:PutLogEvents"], pulumi.Output.concat(group_arn, ":*"))


def _environment(args: StreamFunctionArgs) -> pulumi.Input[Mapping[str, pulumi.Input[str]]]:
    if not args.sets_aside:
        return args.environment
    both = pulumi.Output.all(args.environment, args.failures.name)
    return both.apply(lambda known: {**known[0], "FAILURE_BUCKET": known[1]})


def _stores_failed_batches(args: StreamFunctionArgs) -> list[Statement]:
    """What Lambda and the handler keep of records that are not applied, in the function's name.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    bucket_arn, function = args.failures.arn, args.settings.name
    own = [f"{POISON_PREFIX}{function}/*"] if args.sets_aside else []
    progress = pulumi.Output.concat(bucket_arn, f"/{PROGRESS_PREFIX}{function}/*")
    return [
        statement(["s3:PutObject"], [pulumi.Output.concat(bucket_arn, "/", path) for path in ["aws/lambda/*", *own]]),
        # A missing object is told from a forbidden one only to who may list the bucket.
        statement(["s3:ListBucket"], bucket_arn),
        *([statement(["s3:PutObject", "s3:GetObject", "s3:DeleteObject"], progress)] if args.keeps_progress else []),
        uses_key(args.key_arn, ["GenerateDataKey", "Decrypt"], "s3", args.region),
    ]

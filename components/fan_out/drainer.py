"""The function that works off what targets did not take, and what wakes it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.code import FunctionCode
from components.fan_out.settings import PlatformSettings
from components.function import FunctionNetwork, declare_function
from components.policies import Statement
from components.regions import service_principal

# How often it looks for targets that are behind.
SWEEP = "rate(1 minute)"
# It looks again in a minute: what did not run by then is not run later.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
LONGEST_WAIT_S = 60


@dataclass(frozen=True, kw_only=True)
class DrainerArgs:
    """The function's code, environment and what it may do."""

    settings: PlatformSettings
    code: FunctionCode
    account_id: pulumi.Input[str]
    environment: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    statements: list[Statement]
    network: FunctionNetwork | None


class Drainer(pulumi.ComponentResource):
    """A function that EventBridge invokes each minute, the source's function when a target falls behind, and itself."""

    name: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: DrainerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:FanOutDrainer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        declared = declare_function(
            name,
            code=args.code,
            function_name=settings.drainer_name,
            role_name=settings.drainer.role_name,
            account_id=args.account_id,
            timeout_s=settings.drainer.timeout_seconds,
            memory_mb=settings.drainer.memory_mb,
            log_retention_days=settings.drainer.log_retention_days,
            environment=args.environment,
            statements=args.statements,
            network=args.network,
            opts=child,
        )
        function = declared.function
        aws.lambda_.FunctionEventInvokeConfig(
            f"{name}-invocations",
            function_name=function.name,
            maximum_event_age_in_seconds=LONGEST_WAIT_S,
            maximum_retry_attempts=0,
            opts=child,
        )
        # It goes on by invoking itself for as long as there is something in a backlog: more often than Lambda, which
        # takes that for a mistake, lets a chain of invocations go on.
        # https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
        aws.lambda_.FunctionRecursionConfig(
            f"{name}-recursion", function_name=function.name, recursive_loop="Allow", opts=child
        )
        rule = aws.cloudwatch.EventRule(
            f"{name}-sweep",
            description=f"Has {settings.drainer_name} look for targets that are behind",
            schedule_expression=SWEEP,
            opts=child,
        )
        permission = aws.lambda_.Permission(
            f"{name}-sweep-permission",
            action="lambda:InvokeFunction",
            function=function.name,
            principal=service_principal("events"),
            source_arn=rule.arn,
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-sweep-target",
            rule=rule.name,
            arn=function.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
        )

        self.name = function.name
        self.role_arn = declared.role.arn
        self.register_outputs({"name": self.name, "roleArn": self.role_arn})

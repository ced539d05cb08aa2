"""A function with all that it needs."""

import json

import pulumi
import pulumi_aws as aws

from integration_tests.plugin.programs.policies import policy, trust

SECRET = "correct horse battery staple"


def program(version: int = 1, secret: str = SECRET) -> None:
    second = version == 2

    role = aws.iam.Role("role", assume_role_policy=trust("lambda.amazonaws.com"), description=f"version {version}")
    reads = {"Action": ["kinesis:*", "sqs:SendMessage"] if second else ["kinesis:*"], "Resource": "*"}
    allowed = aws.iam.RolePolicy("policy", role=role.name, policy=policy(reads))
    managed = aws.iam.Policy("managed", policy=policy({"Action": f"s3:Get{version}", "Resource": "*"}))
    aws.iam.RolePolicyAttachment("attachment", role=role.name, policy_arn=managed.arn)
    layer = aws.lambda_.LayerVersion(
        "layer",
        layer_name="shared",
        code=pulumi.AssetArchive({"python/shared.py": pulumi.StringAsset("VALUE = 1")}),
    )
    logs = aws.cloudwatch.LogGroup("logs", name="/aws/lambda/copier", retention_in_days=30 if second else 14)
    function = aws.lambda_.Function(
        "function",
        name="copier",
        role=role.arn,
        runtime="python3.13",
        handler="main.handler",
        code=pulumi.AssetArchive({"main.py": pulumi.StringAsset(f"def handler(event, context): return {version}")}),
        environment={"variables": {"TOKEN": pulumi.Output.secret(secret), "MODE": "fast"}},
        layers=[layer.arn],
        memory_size=256 if second else 128,
        timeout=60,
        reserved_concurrent_executions=5 if second else -1,
        logging_config={"log_format": "JSON", "log_group": logs.name},
        tags={"version": str(version)},
        opts=pulumi.ResourceOptions(depends_on=[allowed]),
    )
    aws.lambda_.Permission(
        "permission",
        action="lambda:InvokeFunction",
        function=function.name,
        principal="s3.amazonaws.com",
        source_account="111111111111",
    )
    stream = aws.kinesis.Stream("stream", name="events", shard_count=1)
    dead = aws.sqs.Queue("dead", name="dead")
    aws.lambda_.EventSourceMapping(
        "mapping",
        function_name=function.arn,
        event_source_arn=stream.arn,
        starting_position="TRIM_HORIZON",
        batch_size=200 if second else 300,
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=3,
        maximum_record_age_in_seconds=3600,
        function_response_types=["ReportBatchItemFailures"],
        destination_config={"on_failure": {"destination_arn": dead.arn}},
        filter_criteria={"filters": [{"pattern": json.dumps({"data": {"kind": ["order"]}})}]} if second else None,
    )
    pulumi.export("variables", function.environment.apply(lambda given: given["variables"] if given else {}))

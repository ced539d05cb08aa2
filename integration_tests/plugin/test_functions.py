"""Functions with what they need: role, policy, layer, log group, mapping and permission; and their secrets."""

import json
from collections.abc import Callable

import pulumi
import pulumi_aws as aws
import pytest

from integration_tests.plugin.conftest import Deployed, policy, trust

pytestmark = pytest.mark.local

SECRET = "correct horse battery staple"
EVERYTHING = (
    "role",
    "policy",
    "managed",
    "attachment",
    "layer",
    "logs",
    "function",
    "permission",
    "stream",
    "dead",
    "mapping",
)


def program(version: int = 1, secret: str = SECRET) -> Callable[[], None]:
    second = version == 2

    def deploy() -> None:
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

    return deploy


def test_a_whole_life(stack: Callable[..., Deployed]) -> None:
    deployed = stack()
    lambda_, iam = deployed.clients.lambda_, deployed.clients.iam

    assert deployed.up(program()) == dict.fromkeys(EVERYTHING, "create")
    assert json.loads(lambda_.invoke(FunctionName="copier", Payload=b"{}")["Payload"].read()) == 1
    assert deployed.up(program()) == {}
    assert deployed.refresh() == {}

    lambda_.update_function_configuration(FunctionName="copier", Timeout=5)
    [role] = [item["RoleName"] for item in iam.list_roles()["Roles"] if item["RoleName"].startswith("role-")]
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust("ec2.amazonaws.com"))
    [mapping] = lambda_.list_event_source_mappings(FunctionName="copier")["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=50)
    assert deployed.refresh() == {"function": "update", "role": "update", "mapping": "update"}
    assert deployed.resources["function"]["inputs"]["timeout"] == 5

    changed = {"role", "policy", "managed", "logs", "function", "mapping"}
    assert deployed.up(program(2)) == dict.fromkeys(changed, "update")
    assert json.loads(lambda_.invoke(FunctionName="copier", Payload=b"{}")["Payload"].read()) == 2
    live = lambda_.get_function(FunctionName="copier")
    assert (live["Configuration"]["Timeout"], live["Configuration"]["MemorySize"]) == (60, 256)
    assert live["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    assert live["Configuration"]["Environment"]["Variables"] == {"TOKEN": SECRET, "MODE": "fast"}
    [mapping] = lambda_.list_event_source_mappings(FunctionName="copier")["EventSourceMappings"]
    assert mapping["BatchSize"] == 200
    assert mapping["FilterCriteria"]["Filters"] == [{"Pattern": json.dumps({"data": {"kind": ["order"]}})}]
    assert deployed.refresh() == {}

    assert deployed.destroy() == dict.fromkeys(EVERYTHING, "delete")
    assert lambda_.list_functions()["Functions"] == []
    assert [item for item in iam.list_roles()["Roles"] if item["RoleName"] == role] == []


def test_a_secret_is_nowhere_in_the_state(stack: Callable[..., Deployed]) -> None:
    deployed = stack()

    deployed.up(program())

    assert SECRET not in deployed.checkpoint
    assert deployed.outputs["variables"] == {"TOKEN": SECRET, "MODE": "fast"}
    deployed.refresh()
    assert SECRET not in deployed.checkpoint
    assert deployed.up(program(secret="another secret of ours")) == {"function": "update"}
    assert "another secret of ours" not in deployed.checkpoint

"""What must not be deployed is not deployed, and the message says what to do."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from integration_tests.plugin.conftest import Deployed, policy, trust
from integration_tests.support.addressing import Clients

pytestmark = pytest.mark.local

Stacks = Callable[..., Deployed]


def refusal(deployed: Deployed, program: Callable[[], None]) -> str:
    with pytest.raises(Exception, match="code: ") as refused:
        deployed.up(program)
    return str(refused.value)


def test_the_wrong_account(stack: Stacks) -> None:
    deployed = stack()

    def program() -> None:
        guarded = aws.Provider("guarded", region="us-east-1", allowed_account_ids=["222222222222"])
        aws.sqs.Queue("queue", opts=pulumi.ResourceOptions(provider=guarded))

    message = refusal(deployed, program)

    assert "This stack is for account 222222222222, but these credentials" in message
    assert f"are for account {deployed.account}; nothing was deployed" in message
    assert deployed.clients.sqs.list_queues().get("QueueUrls", []) == []


def test_a_misspelt_property(stack: Stacks) -> None:
    deployed = stack()

    def program() -> None:
        pulumi.CustomResource("aws:sqs/queue:Queue", "queue", {"visibilityTimeout": 3})

    message = refusal(deployed, program)

    assert "aws.sqs.Queue `queue` has no property `visibilityTimeout`" in message
    assert "The nearest correct spelling is `visibilityTimeoutSeconds`" in message
    assert deployed.clients.sqs.list_queues().get("QueueUrls", []) == []


def test_an_unknown_type(stack: Stacks) -> None:
    def program() -> None:
        pulumi.CustomResource("aws:ec2/instance:Instance", "machine", {})

    assert "does not cover the resource type aws:ec2/instance:Instance" in refusal(stack(), program)


def test_an_endpoint_where_nothing_listens(stack: Stacks) -> None:
    deployed = stack(AWS_ENDPOINT_URL="http://127.0.0.1:9")

    message = refusal(deployed, lambda: aws.sqs.Queue("queue") and None)

    assert "No AWS endpoint answers" in message
    assert "Start the local cloud with `tributary local start`" in message


def test_what_was_made_before_a_failure_is_kept_and_carried_on_with(stack: Stacks) -> None:
    deployed = stack()
    iam = deployed.clients.iam
    managed = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    deployer = deployer_role(iam, deployed.account, ["iam:CreateRole", "iam:Get*", "iam:List*", "iam:DeleteRole"])

    def program() -> None:
        provider = aws.Provider("limited", region="us-east-1", assume_roles=[deployer])
        aws.iam.Role(
            "role",
            name="half",
            assume_role_policy=trust("lambda.amazonaws.com"),
            managed_policy_arns=[managed],
            opts=pulumi.ResourceOptions(provider=provider),
        )

    message = refusal(deployed, program)
    assert f"aws.iam.Role `role` (half) in account {deployed.account}, us-east-1 could not be created" in message
    assert "AttachRolePolicy" in message
    assert deployed.resources["role"]["id"] == "half"

    deployer_role(iam, deployed.account, ["iam:*"])
    assert deployed.up(program) == {"role": "update"}
    attached = iam.list_attached_role_policies(RoleName="half")["AttachedPolicies"]
    assert [item["PolicyArn"] for item in attached] == [managed]


def test_a_role_is_assumed_in_another_account(
    stack: Stacks, account: Callable[[], str], clients: Callable[[str], Clients]
) -> None:
    deployed = stack()
    other = account()
    deployer = deployer_role(clients(other).iam, deployed.account, ["sqs:*"])

    def program() -> None:
        there = aws.Provider(
            "there",
            region="us-east-1",
            assume_roles=[deployer],
            allowed_account_ids=[other],
        )
        queue = aws.sqs.Queue("queue", name="there", opts=pulumi.ResourceOptions(provider=there))
        pulumi.export("queue", queue.arn)

    assert deployed.up(program) == {"queue": "create"}
    assert deployed.outputs["queue"] == f"arn:aws:sqs:us-east-1:{other}:there"
    assert deployed.clients.sqs.list_queues().get("QueueUrls", []) == []


def deployer_role(iam: Any, trusted: str, actions: list[str]) -> aws.ProviderAssumeRoleArgs:
    """A role that account `trusted` may assume and that may do `actions`; one that is there gets these instead."""
    names = {role["RoleName"] for role in iam.list_roles()["Roles"]}
    if "Deployer" not in names:
        trusts = policy({"Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"})
        iam.create_role(RoleName="Deployer", AssumeRolePolicyDocument=trusts)
    document = policy({"Action": actions, "Resource": "*"})
    iam.put_role_policy(RoleName="Deployer", PolicyName="allowed", PolicyDocument=document)
    return aws.ProviderAssumeRoleArgs(role_arn=iam.get_role(RoleName="Deployer")["Role"]["Arn"])

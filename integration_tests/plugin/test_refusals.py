"""What must not be deployed is not deployed, and the message says what to do."""

from collections.abc import Callable
from typing import Any

import pytest

from integration_tests.plugin.conftest import Deployed
from integration_tests.plugin.programs import refused
from integration_tests.plugin.programs.policies import policy
from integration_tests.support.addressing import Clients

pytestmark = pytest.mark.local

Stacks = Callable[..., Deployed]


def test_the_wrong_account(stack: Stacks) -> None:
    deployed = stack()

    message = deployed.refusal(refused.guarded, account="222222222222")

    assert "This stack is for account 222222222222, but these credentials" in message
    assert f"are for account {deployed.account}; nothing was deployed" in message
    assert deployed.clients.sqs.list_queues().get("QueueUrls", []) == []


def test_a_misspelt_property(stack: Stacks) -> None:
    deployed = stack()

    message = deployed.refusal(refused.misspelt)

    assert "aws.sqs.Queue `queue` has no property `visibilityTimeout`" in message
    assert "The nearest correct spelling is `visibilityTimeoutSeconds`" in message
    assert deployed.clients.sqs.list_queues().get("QueueUrls", []) == []


def test_an_unknown_type(stack: Stacks) -> None:
    message = stack().refusal(refused.unknown)

    assert "does not cover the resource type aws:ec2/instance:Instance" in message


def test_an_item_that_somebody_else_put(stack: Stacks) -> None:
    """As the real provider: it puts an item only where there is none of its key."""
    deployed = stack()
    dynamodb = deployed.clients.dynamodb
    dynamodb.create_table(
        TableName="rows",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    theirs, key = {"id": {"S": "1"}, "of": {"S": "somebody"}}, {"id": {"S": "1"}}
    dynamodb.put_item(TableName="rows", Item=theirs)

    assert "ConditionalCheckFailedException" in deployed.refusal(refused.item)
    assert dynamodb.get_item(TableName="rows", Key=key)["Item"] == theirs

    dynamodb.delete_item(TableName="rows", Key=key)
    assert deployed.up(refused.item) == {"item": "create"}
    assert dynamodb.get_item(TableName="rows", Key=key)["Item"]["of"] == {"S": "program"}


def test_an_endpoint_where_nothing_listens(stack: Stacks) -> None:
    nowhere = stack({"aws:maxRetries": 0}, AWS_ENDPOINT_URL="http://127.0.0.1:9")

    message = nowhere.refusal(refused.queue)

    assert "No AWS endpoint answers" in message
    assert "Start the local cloud with `tributary local start`" in message


def test_what_was_made_before_a_failure_is_kept_and_carried_on_with(stack: Stacks) -> None:
    deployed = stack()
    iam = deployed.clients.iam
    managed = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
    deployer = deployer_role(iam, deployed.account, ["iam:CreateRole", "iam:Get*", "iam:List*", "iam:DeleteRole"])

    message = deployed.refusal(refused.role_as, deployer=deployer, managed=managed)
    assert f"aws.iam.Role `role` (half) in account {deployed.account}, us-east-1 could not be created" in message
    assert "AttachRolePolicy" in message
    assert deployed.resources["role"]["id"] == "half"

    deployer_role(iam, deployed.account, ["iam:*"])
    assert deployed.up(refused.role_as, deployer=deployer, managed=managed) == {"role": "update"}
    attached = iam.list_attached_role_policies(RoleName="half")["AttachedPolicies"]
    assert [item["PolicyArn"] for item in attached] == [managed]


def test_a_role_is_assumed_in_another_account(
    stack: Stacks, account: Callable[[], str], clients: Callable[[str], Clients]
) -> None:
    deployed, other = stack(), account()
    deployer = deployer_role(clients(other).iam, deployed.account, ["sqs:*"])

    assert deployed.up(refused.queue_as, deployer=deployer, account=other) == {"queue": "create"}
    assert deployed.outputs["queue"] == f"arn:aws:sqs:us-east-1:{other}:there"
    assert deployed.clients.sqs.list_queues().get("QueueUrls", []) == []


def deployer_role(iam: Any, trusted: str, actions: list[str]) -> str:
    """The ARN of a role that account `trusted` may assume, and that may do `actions` and nothing else from now on."""
    if "Deployer" not in {role["RoleName"] for role in iam.list_roles()["Roles"]}:
        trusts = policy({"Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"})
        iam.create_role(RoleName="Deployer", AssumeRolePolicyDocument=trusts)
    document = policy({"Action": actions, "Resource": "*"})
    iam.put_role_policy(RoleName="Deployer", PolicyName="allowed", PolicyDocument=document)
    return str(iam.get_role(RoleName="Deployer")["Role"]["Arn"])

"""Programs that must not be deployed, or not with these credentials."""

import pulumi
import pulumi_aws as aws

from integration_tests.plugin.programs.policies import trust


def guarded(account: str) -> None:
    """A queue for `account` only."""
    provider = aws.Provider("guarded", region="us-east-1", allowed_account_ids=[account])
    aws.sqs.Queue("queue", opts=pulumi.ResourceOptions(provider=provider))


def misspelt() -> None:
    """A queue with a property that does not exist."""
    pulumi.CustomResource("aws:sqs/queue:Queue", "queue", {"visibilityTimeout": 3})


def unknown() -> None:
    """A resource type that the plugin does not cover."""
    pulumi.CustomResource("aws:ec2/instance:Instance", "machine", {})


def item() -> None:
    """An item of a table that is there."""
    aws.dynamodb.TableItem("item", table_name="rows", hash_key="id", item='{"id": {"S": "1"}, "of": {"S": "program"}}')


def queue() -> None:
    """One queue."""
    aws.sqs.Queue("queue")


def role_as(deployer: str, managed: str) -> None:
    """A role with a managed policy, made by a deployer role."""
    role = aws.ProviderAssumeRoleArgs(role_arn=deployer)
    provider = aws.Provider("deployer", region="us-east-1", assume_roles=[role])
    aws.iam.Role(
        "role",
        name="half",
        assume_role_policy=trust("lambda.amazonaws.com"),
        managed_policy_arns=[managed],
        opts=pulumi.ResourceOptions(provider=provider),
    )


def queue_as(deployer: str, account: str) -> None:
    """A queue in another account, made by a deployer role there."""
    role = aws.ProviderAssumeRoleArgs(role_arn=deployer)
    provider = aws.Provider("there", region="us-east-1", assume_roles=[role], allowed_account_ids=[account])
    made = aws.sqs.Queue("queue", name="there", opts=pulumi.ResourceOptions(provider=provider))
    pulumi.export("queue", made.arn)

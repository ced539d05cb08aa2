"""Giving a role to a service: the caller may pass it, and it trusts the service.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
"""

import pytest

from integration_tests.local_cloud.accounts.refusals import denied, refused
from integration_tests.support.addressing import statement
from integration_tests.support.packaging import zipped

pytestmark = pytest.mark.local

CREATE = [statement(["lambda:*", "firehose:*"])]


def pass_role(role_arn, service=None):
    condition = {"Condition": {"StringEquals": {"iam:PassedToService": service}}} if service else {}
    return statement("iam:PassRole", role_arn, **condition)


@pytest.fixture
def create_function(unique, cleanup):
    def create(identity, role_arn):
        answer = identity.lambda_.create_function(
            FunctionName=unique("function"),
            Runtime="python3.13",
            Handler="handler.handler",
            Role=role_arn,
            Code={"ZipFile": zipped({"handler.py": "def handler(event, context):\n    return event\n"})},
        )
        cleanup(identity.lambda_.delete_function, FunctionName=answer["FunctionName"])
        return answer

    return create


@pytest.fixture
def create_delivery_stream(unique, cleanup, bucket):
    def create(identity, role_arn, name=None):
        name = name or unique("delivery")
        destination = {"RoleARN": role_arn, "BucketARN": f"arn:aws:s3:::{bucket(identity.account_id)}"}
        identity.firehose.create_delivery_stream(
            DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination
        )
        cleanup(identity.firehose.delete_delivery_stream, DeliveryStreamName=name)
        return name

    return create


def test_lambda_is_given_only_roles_that_the_caller_may_pass(account, principal, role, create_function):
    own = account()
    execution = role(own, trusts="lambda.amazonaws.com")
    message = denied(create_function, principal(own, CREATE), execution)
    assert f"is not authorized to perform: iam:PassRole on resource: {execution} because no identity-based" in message
    denied(create_function, principal(own, [*CREATE, pass_role(execution + "-other")]), execution)
    denied(create_function, principal(own, [*CREATE, pass_role(execution, "firehose.amazonaws.com")]), execution)
    deployer = principal(own, [*CREATE, pass_role(execution, "lambda.amazonaws.com")])
    assert create_function(deployer, execution)["Role"] == execution


def test_another_role_is_passed_with_permission_only_and_other_changes_need_none(
    account, principal, role, create_function, clients
):
    own = account()
    first, second = role(own), role(own)
    name = create_function(clients(own), first)["FunctionName"]
    deployer = principal(own, [*CREATE, pass_role(first)])
    assert deployer.lambda_.update_function_configuration(FunctionName=name, Timeout=9)["Timeout"] == 9
    denied(deployer.lambda_.update_function_configuration, FunctionName=name, Role=second)


def test_lambda_refuses_a_role_that_does_not_trust_it_or_does_not_exist(
    account, clients, role, create_function, unique
):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html"""
    own = account()
    expected = ("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda.")
    assert refused(create_function, clients(own), role(own, trusts="firehose.amazonaws.com")) == expected
    assert refused(create_function, clients(own), f"arn:aws:iam::{own}:role/{unique('missing')}") == expected


def test_a_role_of_another_account_cannot_be_passed(account, principal, clients, role, create_function):
    own, partner = account(), account()
    foreign = role(partner, trusts="lambda.amazonaws.com")
    for identity in (clients(own), principal(own, [*CREATE, pass_role("*")])):
        assert "Cross-account pass role is not allowed" in denied(create_function, identity, foreign)


def test_firehose_refuses_a_role_that_does_not_trust_it(
    account, clients, principal, role, create_delivery_stream, unique
):
    """https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html (Allow Firehose to assume an IAM role)"""
    own, name = account(), unique("delivery")
    untrusting, delivery = role(own, trusts="lambda.amazonaws.com"), role(own, trusts="firehose.amazonaws.com")
    assert refused(create_delivery_stream, clients(own), untrusting) == (
        "InvalidArgumentException",
        f"Firehose is unable to assume role {untrusting}. Please check the role provided.",
    )
    stream_arn = f"arn:aws:firehose:us-east-1:{own}:deliverystream/{name}"
    limited = role(
        own,
        trusts="firehose.amazonaws.com",
        conditions={"StringEquals": {"aws:SourceAccount": own}, "ArnLike": {"aws:SourceArn": stream_arn}},
    )
    denied(create_delivery_stream, principal(own, CREATE), delivery)
    assert create_delivery_stream(principal(own, [*CREATE, pass_role(delivery)]), delivery)
    assert refused(create_delivery_stream, clients(own), limited)[0] == "InvalidArgumentException"
    assert create_delivery_stream(clients(own), limited, name) == name


def test_the_external_id_that_firehose_sends_is_the_account(account, clients, role, create_delivery_stream):
    own = account()
    right = role(own, trusts="firehose.amazonaws.com", conditions={"StringEquals": {"sts:ExternalId": own}})
    wrong = role(own, trusts="firehose.amazonaws.com", conditions={"StringEquals": {"sts:ExternalId": "other"}})
    assert create_delivery_stream(clients(own), right)
    assert refused(create_delivery_stream, clients(own), wrong)[0] == "InvalidArgumentException"

"""Assuming a role of another account: the trust policy and the caller's own permission, both.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
"""

import json
from datetime import UTC, datetime

import pytest

from integration_tests.local_cloud.accounts.refusals import denied, refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

ASSUME = [statement("sts:AssumeRole")]


def trust(role_arn, **condition):
    return {"AWS": f"arn:aws:iam::{role_arn.split(':')[4]}:root"}, condition


def session_arn(role_arn):
    prefix, name = role_arn.split(":role/")
    return f"{prefix.replace(':iam:', ':sts:')}:assumed-role/{name}/test"


def test_an_account_principal_lets_in_every_role_that_may_assume_and_no_third_account(account, principal, role):
    prod, poc, third = account(), account(), account()
    writer = role(poc, trusts={"AWS": prod})
    for identity in (principal(prod, ASSUME), principal(prod, [statement("sts:AssumeRole", writer)])):
        answer = identity.sts.assume_role(RoleArn=writer, RoleSessionName="copy")
        assert answer["AssumedRoleUser"]["Arn"] == session_arn(writer).replace("/test", "/copy")
    stranger = principal(third, ASSUME)
    message = denied(stranger.sts.assume_role, RoleArn=writer, RoleSessionName="copy")
    assert (
        f"User: {session_arn(stranger.role_arn)} is not authorized to perform: sts:AssumeRole on resource: {writer}"
        in message
    )


def test_the_caller_needs_its_own_permission_across_accounts_even_when_the_trust_policy_names_it(
    account, principal, role
):
    prod, poc = account(), account()
    silent, elsewhere = principal(prod, []), principal(prod, [statement("sts:AssumeRole", "arn:aws:iam::*:role/other")])
    writer = role(poc, trusts={"AWS": [silent.role_arn, elsewhere.role_arn]})
    for identity in (silent, elsewhere):
        denied(identity.sts.assume_role, RoleArn=writer, RoleSessionName="copy")


def test_within_an_account_a_trust_policy_that_names_the_role_is_enough(account, principal, role):
    own = account()
    named, other = principal(own, []), principal(own, [])
    target = role(own, trusts={"AWS": named.role_arn})
    assert named.sts.assume_role(RoleArn=target, RoleSessionName="copy")["Credentials"]
    denied(other.sts.assume_role, RoleArn=target, RoleSessionName="copy")
    denied(principal(own, ASSUME).sts.assume_role, RoleArn=target, RoleSessionName="copy")


@pytest.mark.parametrize("operator", ["ArnEquals", "ArnLike", "StringEquals", "StringLike"])
def test_the_principal_arn_of_a_session_is_the_arn_of_its_role(account, principal, role, operator):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html (aws:PrincipalArn)"""
    prod, poc = account(), account()
    allowed, other = principal(prod, ASSUME), principal(prod, ASSUME)
    principals, _ = trust(allowed.role_arn)
    writer = role(poc, trusts=principals, conditions={operator: {"aws:PrincipalArn": allowed.role_arn}})
    assert allowed.sts.assume_role(RoleArn=writer, RoleSessionName="copy")["Credentials"]
    denied(other.sts.assume_role, RoleArn=writer, RoleSessionName="copy")


def test_the_session_arn_is_not_the_principal_arn(account, principal, role):
    prod, poc = account(), account()
    caller = principal(prod, ASSUME)
    principals, _ = trust(caller.role_arn)
    writer = role(poc, trusts=principals, conditions={"ArnLike": {"aws:PrincipalArn": session_arn(caller.role_arn)}})
    denied(caller.sts.assume_role, RoleArn=writer, RoleSessionName="copy")


def test_a_condition_may_name_a_role_that_is_made_later(account, clients, role, session_of, unique):
    """So either side of a copy may be deployed first: only a principal has to exist, not the value of a condition."""
    prod, poc, name = account(), account(), unique("writer")
    expected = f"arn:aws:iam::{prod}:role/{name}"
    writer = role(poc, trusts={"AWS": prod}, conditions={"ArnEquals": {"aws:PrincipalArn": expected}})
    made_later = role(prod, ASSUME, trusts={"AWS": prod}, name=name)
    assert made_later == expected
    assert session_of(made_later).sts.assume_role(RoleArn=writer, RoleSessionName="copy")["Credentials"]


def test_the_role_of_a_principal_element_has_to_exist(account, clients, unique):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"""
    prod, poc = account(), account()
    missing = f"arn:aws:iam::{prod}:role/{unique('missing')}"
    policy = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": missing}}]}
    iam = clients(poc).iam
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException) as caught:
        iam.create_role(RoleName=unique("role"), AssumeRolePolicyDocument=json.dumps(policy))
    assert f'Invalid principal in policy: "AWS":"{missing}"' in str(caught.value)


def test_a_role_that_is_made_again_is_not_the_role_that_a_principal_element_named(
    account, clients, principal, role, session_of, bucket, unique
):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html (role principals)"""
    prod, poc, name = account(), account(), unique("copier")
    iam, poc_iam, poc_s3 = clients(prod).iam, clients(poc).iam, clients(poc).s3
    first = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting(prod))["Role"]
    by_name = role(poc, trusts={"AWS": first["Arn"]})
    by_condition = role(poc, trusts={"AWS": prod}, conditions={"ArnEquals": {"aws:PrincipalArn": first["Arn"]}})
    shared = bucket(poc)
    rule = statement("s3:GetObject", f"arn:aws:s3:::{shared}/*", Principal={"AWS": first["Arn"]})
    poc_s3.put_bucket_policy(Bucket=shared, Policy=json.dumps({"Version": "2012-10-17", "Statement": [rule]}))
    iam.delete_role(RoleName=name)

    again = session_of(role(prod, ASSUME, trusts={"AWS": prod}, name=name))
    assert again.sts.assume_role(RoleArn=by_condition, RoleSessionName="copy")["Credentials"]
    denied(again.sts.assume_role, RoleArn=by_name, RoleSessionName="copy")
    stored = poc_iam.get_role(RoleName=by_name.rsplit("/", 1)[1])["Role"]["AssumeRolePolicyDocument"]
    assert stored["Statement"][0]["Principal"] == {"AWS": first["RoleId"]}
    stored = json.loads(poc_s3.get_bucket_policy(Bucket=shared)["Policy"])
    assert stored["Statement"][0]["Principal"] == {"AWS": first["RoleId"]}

    poc_iam.update_assume_role_policy(RoleName=by_name.rsplit("/", 1)[1], PolicyDocument=trusting(first["Arn"]))
    assert again.sts.assume_role(RoleArn=by_name, RoleSessionName="copy")["Credentials"]


def trusting(principals):
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principals}}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


def test_the_external_id_has_to_be_the_agreed_one(account, principal, role):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html"""
    prod, poc = account(), account()
    caller = principal(prod, ASSUME)
    writer = role(poc, trusts={"AWS": prod}, conditions={"StringEquals": {"sts:ExternalId": "agreed"}})
    assert caller.sts.assume_role(RoleArn=writer, RoleSessionName="copy", ExternalId="agreed")["Credentials"]
    denied(caller.sts.assume_role, RoleArn=writer, RoleSessionName="copy", ExternalId="guessed")
    denied(caller.sts.assume_role, RoleArn=writer, RoleSessionName="copy")


def test_a_role_that_does_not_exist_is_refused_like_one_that_does_not_trust(account, principal, unique):
    caller = principal(account(), ASSUME)
    missing = f"arn:aws:iam::{account()}:role/{unique('missing')}"
    message = denied(caller.sts.assume_role, RoleArn=missing, RoleSessionName="copy")
    assert (
        message
        == f"User: {session_arn(caller.role_arn)} is not authorized to perform: sts:AssumeRole on resource: {missing}"
    )


def test_a_role_that_trusts_a_service_does_not_trust_the_accounts_administrator(account, clients, role):
    own = account()
    service_role = role(own, trusts="lambda.amazonaws.com")
    denied(clients(own).sts.assume_role, RoleArn=service_role, RoleSessionName="copy")


def test_a_session_lasts_as_long_as_the_role_and_role_chaining_allow(account, clients, principal, role):
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (DurationSeconds)"""
    own = account()
    chained = principal(own, ASSUME)
    target = role(own, trusts={"AWS": own})
    clients(own).iam.update_role(RoleName=target.rsplit("/", 1)[1], MaxSessionDuration=7200)
    sts = chained.client("sts", parameter_validation=False)
    request = {"RoleArn": target, "RoleSessionName": "copy"}
    for duration in (900, 3600):
        answer = sts.assume_role(**request, DurationSeconds=duration)
        lasts = (answer["Credentials"]["Expiration"] - datetime.now(UTC)).total_seconds()
        assert duration - 30 < lasts <= duration + 5
    code, message = refused(sts.assume_role, **request, DurationSeconds=899)
    assert (code, "greater than or equal to 900" in message) == ("ValidationError", True)
    assert refused(sts.assume_role, **request, DurationSeconds=3601) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    )


def test_a_permissions_boundary_and_a_session_policy_narrow_what_a_role_may_assume(
    account, clients, principal, role, session_of, cleanup, unique
):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"""
    prod, poc = account(), account()
    iam, writer, other = clients(prod).iam, role(poc, trusts={"AWS": prod}), role(poc, trusts={"AWS": prod})
    only_writer = {"Version": "2012-10-17", "Statement": [statement("sts:AssumeRole", writer)]}
    boundary = iam.create_policy(PolicyName=unique("boundary"), PolicyDocument=json.dumps(only_writer))["Policy"]["Arn"]
    cleanup(iam.delete_policy, PolicyArn=boundary)
    bounded = role(prod, ASSUME, trusts={"AWS": prod})
    iam.put_role_permissions_boundary(RoleName=bounded.rsplit("/", 1)[1], PermissionsBoundary=boundary)
    cleanup(iam.delete_role_permissions_boundary, RoleName=bounded.rsplit("/", 1)[1])
    free = role(prod, ASSUME, trusts={"AWS": prod})
    for identity in (session_of(bounded), session_of(free, Policy=json.dumps(only_writer))):
        assert identity.sts.assume_role(RoleArn=writer, RoleSessionName="copy")["Credentials"]
        denied(identity.sts.assume_role, RoleArn=other, RoleSessionName="copy")
    assert session_of(free).sts.assume_role(RoleArn=other, RoleSessionName="copy")["Credentials"]


def test_a_change_of_the_trust_policy_counts_at_once(account, clients, principal, role, eventually):
    prod, poc = account(), account()
    caller = principal(prod, ASSUME)
    writer = role(poc, trusts={"AWS": prod})
    assert caller.sts.assume_role(RoleArn=writer, RoleSessionName="copy")["Credentials"]
    denying = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": prod}},
            {
                "Effect": "Deny",
                "Action": "sts:AssumeRole",
                "Principal": "*",
                "Condition": {"ArnEquals": {"aws:PrincipalArn": caller.role_arn}},
            },
        ],
    }
    clients(poc).iam.update_assume_role_policy(RoleName=writer.rsplit("/", 1)[1], PolicyDocument=json.dumps(denying))
    eventually(lambda: denied(caller.sts.assume_role, RoleArn=writer, RoleSessionName="copy"), timeout=30)

"""Buckets shared by bucket policies: roles, accounts, everybody narrowed by a condition.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
"""

import json

import pytest

from integration_tests.local_cloud.accounts.refusals import denied, refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

S3 = [statement("s3:*")]


def shared(bucket_name, principals, actions=("s3:GetObject", "s3:PutObject"), **rest):
    return statement(list(actions), f"arn:aws:s3:::{bucket_name}/*", Principal=principals, **rest)


@pytest.fixture
def lake(account, clients, bucket):
    """`lake(*statements)`: a bucket of a new account with an object, under this policy."""

    def make(*statements):
        owner = account()
        name = bucket(owner)
        s3 = clients(owner).s3
        s3.put_object(Bucket=name, Key="known", Body=b"here")
        policy = [one(name) for one in statements]
        if policy:
            s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": policy}))
        return name, s3

    return make


def test_a_named_role_writes_and_reads_and_no_other_role_of_its_account(account, principal, lake):
    partner = account()
    named, other, without = principal(partner, S3), principal(partner, S3), principal(partner, [])
    name, owner = lake(lambda name: shared(name, {"AWS": [named.role_arn, without.role_arn]}))

    named.s3.put_object(Bucket=name, Key="new", Body=b"from the partner")
    assert owner.get_object(Bucket=name, Key="new")["Body"].read() == b"from the partner"
    assert named.s3.get_object(Bucket=name, Key="known")["Body"].read() == b"here"
    for identity in (other, without, principal(account(), S3)):
        denied(identity.s3.put_object, Bucket=name, Key="new", Body=b"")
        denied(identity.s3.get_object, Bucket=name, Key="known")
    denied(named.s3.list_objects_v2, Bucket=name)
    denied(named.s3.delete_object, Bucket=name, Key="known")


def test_an_account_principal_leaves_the_choice_to_the_accounts_own_policies(account, clients, principal, lake):
    partner = account()
    allowed, without = principal(partner, S3), principal(partner, [])
    name, _ = lake(lambda name: shared(name, {"AWS": partner}))
    for identity in (allowed, clients(partner)):
        assert identity.s3.get_object(Bucket=name, Key="known")["Body"].read() == b"here"
    denied(without.s3.get_object, Bucket=name, Key="known")
    denied(principal(account(), S3).s3.get_object, Bucket=name, Key="known")


@pytest.mark.parametrize("principals", ["*", {"AWS": "*"}, "account"])
def test_everybody_narrowed_by_the_arn_of_the_role(account, principal, lake, principals):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html (aws:PrincipalArn)"""
    partner = account()
    named, other = principal(partner, S3), principal(partner, S3)
    element = {"AWS": partner} if principals == "account" else principals
    condition = {"ArnEquals": {"aws:PrincipalArn": named.role_arn}}
    name, _ = lake(lambda name: shared(name, element, Condition=condition))
    named.s3.put_object(Bucket=name, Key="new", Body=b"x")
    denied(other.s3.put_object, Bucket=name, Key="new", Body=b"x")


def test_without_a_policy_nobody_from_outside_comes_in(account, clients, principal, lake):
    name, _ = lake()
    partner = account()
    for identity in (principal(partner, S3), clients(partner)):
        denied(identity.s3.get_object, Bucket=name, Key="known")
        denied(identity.s3.put_object, Bucket=name, Key="new", Body=b"")
        denied(identity.s3.list_objects_v2, Bucket=name)


def test_a_deny_wins_over_every_allow_within_the_account_too(account, clients, principal, lake):
    partner = account()
    named = principal(partner, S3)
    name, owner = lake(
        lambda name: shared(name, {"AWS": named.role_arn}),
        lambda name: shared(name, "*", ["s3:GetObject"], Effect="Deny"),
    )
    named.s3.put_object(Bucket=name, Key="new", Body=b"x")
    denied(named.s3.get_object, Bucket=name, Key="new")
    denied(owner.get_object, Bucket=name, Key="known")


@pytest.mark.differs("aws", "the administrator's profile is not the root user")
def test_the_owners_root_user_cannot_be_locked_out_of_the_bucket_policy(account, clients, principal, bucket):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html"""
    own = account()
    name, root, administrator = bucket(own), clients(own).s3, principal(own, S3).s3
    everything = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    deny = {"Version": "2012-10-17", "Statement": [statement("s3:*", everything, Principal="*", Effect="Deny")]}
    root.put_bucket_policy(Bucket=name, Policy=json.dumps(deny))
    denied(root.list_objects_v2, Bucket=name)
    for call in (administrator.get_bucket_policy, administrator.delete_bucket_policy):
        denied(call, Bucket=name)
    assert json.loads(root.get_bucket_policy(Bucket=name)["Policy"]) == deny
    root.delete_bucket_policy(Bucket=name)
    assert root.list_objects_v2(Bucket=name)["KeyCount"] == 0


def test_within_the_account_the_bucket_policy_alone_lets_a_role_in(account, clients, principal, bucket):
    own = account()
    named, other = principal(own, []), principal(own, [])
    name = bucket(own)
    policy = {"Version": "2012-10-17", "Statement": [shared(name, {"AWS": named.role_arn})]}
    clients(own).s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    named.s3.put_object(Bucket=name, Key="a", Body=b"x")
    denied(other.s3.put_object, Bucket=name, Key="a", Body=b"x")


def test_a_statement_that_names_the_account_does_not_let_its_roles_in_by_itself(account, clients, principal, bucket):
    own = account()
    without, name = principal(own, []), bucket(own)
    policy = {"Version": "2012-10-17", "Statement": [shared(name, {"AWS": own})]}
    clients(own).s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    message = denied(without.s3.put_object, Bucket=name, Key="a", Body=b"x")
    assert "no identity-based policy allows the s3:PutObject action" in message


def test_block_public_access_keeps_out_a_public_policy_but_not_a_named_role(account, clients, principal, lake):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"""
    partner = account()
    named = principal(partner, S3)
    name, owner = lake(lambda name: shared(name, {"AWS": named.role_arn}))
    blocked = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    owner.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=blocked)
    named.s3.put_object(Bucket=name, Key="new", Body=b"x")
    public = {"Version": "2012-10-17", "Statement": [shared(name, "*")]}
    denied(owner.put_bucket_policy, Bucket=name, Policy=json.dumps(public))


def test_a_copy_needs_permission_to_read_its_source(account, clients, principal, lake, bucket):
    partner = account()
    named, other = principal(partner, S3), principal(partner, S3)
    name, _ = lake(lambda name: shared(name, {"AWS": named.role_arn}, ["s3:GetObject"]))
    copy = {"Bucket": bucket(partner), "Key": "copied", "CopySource": {"Bucket": name, "Key": "known"}}
    denied(other.s3.copy_object, **copy)


def test_a_role_that_does_not_exist_cannot_be_named(account, lake, unique):
    missing = f"arn:aws:iam::{account()}:role/{unique('missing')}"
    name, owner = lake()
    policy = {"Version": "2012-10-17", "Statement": [shared(name, {"AWS": missing})]}
    assert refused(owner.put_bucket_policy, Bucket=name, Policy=json.dumps(policy)) == (
        "MalformedPolicy",
        "Invalid principal in policy",
    )

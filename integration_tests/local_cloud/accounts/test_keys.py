"""KMS itself: key policies, IAM policies, grants, aliases and state, within an account and across accounts.

https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
"""

import json

import pytest

from integration_tests.local_cloud.accounts.refusals import denied, refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

KMS = [statement("kms:*")]


def data_key(identity, key_id, **rest):
    return identity.kms.generate_data_key(KeyId=key_id, KeySpec="AES_256", **rest)


def test_direct_calls_follow_the_key_policy_whatever_iam_says(account, principal, key):
    own = account()
    customer_key = key(own)
    named, with_iam_only = principal(own, []), principal(own, KMS)
    customer_key.allow("kms:GenerateDataKey", named.role_arn)
    assert data_key(named, customer_key.arn)["KeyId"] == customer_key.arn
    message = denied(data_key, with_iam_only, customer_key.arn)
    assert f"kms:GenerateDataKey on resource: {customer_key.arn} because no resource-based policy allows" in message
    denied(named.kms.decrypt, KeyId=customer_key.arn, CiphertextBlob=b"x" * 100)


def test_direct_calls_follow_the_state_of_the_key(account, principal, key):
    """https://docs.aws.amazon.com/kms/latest/developerguide/enabling-keys.html"""
    own = account()
    customer_key = key(own)
    named = principal(own, [])
    customer_key.allow(["kms:GenerateDataKey", "kms:Decrypt"], named.role_arn)
    sealed = data_key(named, customer_key.arn)
    customer_key.disable()
    assert refused(data_key, named, customer_key.arn)[0] == "DisabledException"
    assert refused(named.kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"])[0] == "DisabledException"
    customer_key.enable()
    assert named.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"] == sealed["Plaintext"]


def test_a_deny_of_the_key_policy_holds_for_the_administrator_too(account, clients, key):
    own = account()
    customer_key = key(own)
    customer_key.policy(
        statement("kms:*", Principal={"AWS": own}), statement("kms:Encrypt", Principal="*", Effect="Deny")
    )
    denied(clients(own).kms.encrypt, KeyId=customer_key.arn, Plaintext=b"x")
    assert data_key(clients(own), customer_key.arn)["KeyId"] == customer_key.arn


def test_a_key_of_another_account_is_used_by_its_arn_when_both_sides_allow(account, clients, principal, key):
    own, partner = account(), account()
    customer_key = key(own)
    named, without, other = principal(partner, KMS), principal(partner, []), principal(partner, KMS)
    use = ["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"]
    customer_key.allow(use, named.role_arn, without.role_arn)
    sealed = data_key(named, customer_key.arn)
    assert named.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"] == sealed["Plaintext"]
    assert named.kms.describe_key(KeyId=customer_key.arn)["KeyMetadata"]["Arn"] == customer_key.arn
    for identity in (without, other, clients(partner), principal(account(), KMS)):
        denied(data_key, identity, customer_key.arn)
        denied(identity.kms.decrypt, CiphertextBlob=sealed["CiphertextBlob"])


def test_a_key_of_another_account_cannot_be_administered(account, principal, key):
    own, partner = account(), account()
    customer_key = key(own)
    named = principal(partner, KMS)
    customer_key.allow("kms:*", named.role_arn)
    denied(named.kms.disable_key, KeyId=customer_key.arn)
    denied(named.kms.schedule_key_deletion, KeyId=customer_key.arn, PendingWindowInDays=7)


def test_an_alias_stands_for_its_key_in_policies(account, clients, principal, key, unique, cleanup):
    """https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html"""
    own, alias = account(), f"alias/{unique('alias')}"
    customer_key, other_key = key(own), key(own)
    kms = clients(own).kms
    kms.create_alias(AliasName=alias, TargetKeyId=customer_key.key_id)
    cleanup(kms.delete_alias, AliasName=alias)
    for one in (customer_key, other_key):
        one.policy(statement("kms:*", Principal={"AWS": own}))
    by_key = principal(own, [statement("kms:GenerateDataKey", customer_key.arn)])
    by_alias = principal(
        own, [statement("kms:GenerateDataKey", "*", Condition={"StringEquals": {"kms:RequestAlias": alias}})]
    )
    for identity in (by_key, by_alias):
        assert data_key(identity, alias)["KeyId"] == customer_key.arn
    denied(data_key, by_alias, customer_key.arn)
    denied(data_key, by_key, other_key.arn)


def test_a_grant_allows_its_operations_under_its_constraints(account, clients, principal, key):
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html"""
    own, partner = account(), account()
    customer_key = key(own)
    at_home, abroad = principal(own, []), principal(partner, KMS)
    for identity in (at_home, abroad):
        clients(own).kms.create_grant(
            KeyId=customer_key.arn,
            GranteePrincipal=identity.role_arn,
            Operations=["GenerateDataKey"],
            Constraints={"EncryptionContextSubset": {"purpose": "copy"}},
        )
    for identity in (at_home, abroad):
        context = {"purpose": "copy", "table": "t"}
        assert data_key(identity, customer_key.arn, EncryptionContext=context)["KeyId"] == customer_key.arn
        denied(data_key, identity, customer_key.arn, EncryptionContext={"purpose": "other"})
        denied(data_key, identity, customer_key.arn)
        denied(identity.kms.encrypt, KeyId=customer_key.arn, Plaintext=b"x", EncryptionContext=context)


def test_a_role_that_does_not_exist_cannot_be_named(account, clients, unique):
    own = account()
    missing = f"arn:aws:iam::{own}:role/{unique('missing')}"
    policy = {"Version": "2012-10-17", "Statement": [statement("kms:*", Principal={"AWS": [own, missing]})]}
    assert refused(clients(own).kms.create_key, Policy=json.dumps(policy))[0] == "MalformedPolicyDocumentException"

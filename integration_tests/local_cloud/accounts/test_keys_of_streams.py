"""Encrypted streams: a producer needs kms:GenerateDataKey on the stream's key, a consumer kms:Decrypt.

https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
"""

import json

import pytest

from integration_tests.local_cloud.accounts.refusals import refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

PRODUCER = [statement(["kinesis:*", "kms:*"])]
USE = ["kms:GenerateDataKey", "kms:Decrypt"]


@pytest.fixture
def encrypted(clients, stream, eventually):
    """`encrypted(account_id, key)` is the ARN of a stream that is encrypted with the key."""

    def make(account_id, key):
        arn, kinesis = stream(account_id), clients(account_id).kinesis
        kinesis.start_stream_encryption(StreamARN=arn, EncryptionType="KMS", KeyId=key.arn)
        eventually(
            lambda: kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"],
            until=lambda summary: (summary["StreamStatus"], summary.get("KeyId")) == ("ACTIVE", key.arn),
            timeout=60,
        )
        return arn

    return make


def put(identity, arn, data=b"x"):
    return identity.kinesis.put_record(StreamARN=arn, Data=data, PartitionKey="a")


def read(identity, arn):
    shard = {"StreamARN": arn, "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    iterator = identity.kinesis.get_shard_iterator(**shard)["ShardIterator"]
    answer = identity.kinesis.get_records(StreamARN=arn, ShardIterator=iterator)
    return [(record["Data"], record["EncryptionType"]) for record in answer["Records"]]


def test_a_producer_generates_data_keys_and_a_consumer_decrypts(account, principal, key, encrypted):
    own = account()
    customer_key = key(own)
    arn = encrypted(own, customer_key)
    producer, consumer, other = principal(own, PRODUCER), principal(own, PRODUCER), principal(own, PRODUCER)
    customer_key.policy(
        statement("kms:GenerateDataKey", Principal={"AWS": producer.role_arn}),
        statement("kms:Decrypt", Principal={"AWS": consumer.role_arn}),
    )
    put(producer, arn, b"secret")
    assert producer.kinesis.put_records(StreamARN=arn, Records=[{"Data": b"more", "PartitionKey": "b"}])
    assert read(consumer, arn) == [(b"secret", "KMS"), (b"more", "KMS")]
    for action, call in (
        ("kms:GenerateDataKey", lambda: put(consumer, arn)),
        ("kms:Decrypt", lambda: read(producer, arn)),
        ("kms:GenerateDataKey", lambda: put(other, arn)),
        ("kms:Decrypt", lambda: read(other, arn)),
    ):
        code, message = refused(call)
        assert code == "KMSAccessDeniedException"
        assert f"is not authorized to perform: {action} on resource: {customer_key.arn}" in message


def test_a_key_policy_that_delegates_leaves_it_to_iam_policies(account, principal, key, encrypted):
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"""
    own = account()
    customer_key = key(own)
    arn = encrypted(own, customer_key)
    allowed, without = principal(own, PRODUCER), principal(own, [statement("kinesis:*")])
    elsewhere = principal(own, [statement("kinesis:*"), statement("kms:*", f"arn:aws:kms:*:{own}:key/other")])
    customer_key.policy(statement("kms:*", Principal={"AWS": own}))
    put(allowed, arn)
    for identity in (without, elsewhere):
        assert refused(put, identity, arn)[0] == "KMSAccessDeniedException"


def test_kms_via_service_and_the_encryption_context_narrow_the_use(account, principal, key, encrypted):
    """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html"""
    own = account()
    customer_key = key(own)
    arn = encrypted(own, customer_key)
    producer = principal(own, PRODUCER)
    via = {"kms:ViaService": "kinesis.us-east-1.amazonaws.com"}
    customer_key.allow(
        USE, producer.role_arn, Condition={"StringEquals": {**via, "kms:EncryptionContext:aws:kinesis:arn": arn}}
    )
    put(producer, arn)
    assert (
        refused(producer.kms.generate_data_key, KeyId=customer_key.arn, KeySpec="AES_256")[0] == "AccessDeniedException"
    )
    for wrong in (
        {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
        {**via, "kms:EncryptionContext:aws:kinesis:arn": arn + "-other"},
    ):
        customer_key.allow(USE, producer.role_arn, Condition={"StringEquals": wrong})
        assert refused(put, producer, arn)[0] == "KMSAccessDeniedException"


def test_a_grant_lets_in_where_no_policy_does(account, clients, principal, key, encrypted):
    """https://docs.aws.amazon.com/kms/latest/developerguide/grants.html"""
    own = account()
    customer_key = key(own)
    arn = encrypted(own, customer_key)
    producer = principal(own, [statement("kinesis:*")])
    assert refused(put, producer, arn)[0] == "KMSAccessDeniedException"
    kms = clients(own).kms
    grant = kms.create_grant(KeyId=customer_key.arn, GranteePrincipal=producer.role_arn, Operations=["GenerateDataKey"])
    put(producer, arn, b"granted")
    assert refused(read, producer, arn)[0] == "KMSAccessDeniedException"
    kms.revoke_grant(KeyId=customer_key.arn, GrantId=grant["GrantId"])
    assert refused(put, producer, arn)[0] == "KMSAccessDeniedException"


def test_a_disabled_key_stops_puts_and_reads_and_nothing_is_lost(account, principal, key, encrypted):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html (KMSDisabledException)"""
    own = account()
    customer_key = key(own)
    arn = encrypted(own, customer_key)
    identity = principal(own, PRODUCER)
    customer_key.allow(USE, identity.role_arn)
    put(identity, arn, b"before")
    customer_key.disable()
    code, message = refused(put, identity, arn)
    assert (code, message) == ("KMSDisabledException", f"{customer_key.arn} is disabled.")
    assert refused(read, identity, arn)[0] == "KMSDisabledException"
    customer_key.enable()
    put(identity, arn, b"after")
    assert read(identity, arn) == [(b"before", "KMS"), (b"after", "KMS")]


def test_a_key_that_waits_for_its_deletion_cannot_be_used(account, clients, principal, key, encrypted):
    own = account()
    customer_key = key(own)
    arn = encrypted(own, customer_key)
    identity = principal(own, PRODUCER)
    customer_key.allow(USE, identity.role_arn)
    clients(own).kms.schedule_key_deletion(KeyId=customer_key.arn, PendingWindowInDays=7)
    assert refused(put, identity, arn)[0] == "KMSInvalidStateException"


def test_a_producer_of_another_account_needs_the_stream_and_the_key(account, clients, principal, key, encrypted):
    own, partner = account(), account()
    customer_key = key(own)
    arn = encrypted(own, customer_key)
    producer, without = principal(partner, PRODUCER), principal(partner, [statement("kinesis:*")])
    shared = statement("kinesis:PutRecord", arn, Principal={"AWS": [producer.role_arn, without.role_arn]})
    policy = json.dumps({"Version": "2012-10-17", "Statement": [shared]})
    clients(own).kinesis.put_resource_policy(ResourceARN=arn, Policy=policy)
    assert refused(put, producer, arn)[0] == "KMSAccessDeniedException"
    customer_key.allow(USE, producer.role_arn, without.role_arn)
    assert put(producer, arn)["EncryptionType"] == "KMS"
    assert refused(put, without, arn)[0] == "KMSAccessDeniedException"


def test_a_stream_is_encrypted_only_with_a_key_that_exists_and_can_be_used(account, clients, stream, key, unique):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StartStreamEncryption.html"""
    own = account()
    arn, kinesis, customer_key = stream(own), clients(own).kinesis, key(own)
    missing = [
        "11111111-2222-3333-4444-555555555555",
        f"arn:aws:kms:us-east-1:{own}:key/11111111-2222-3333-4444-555555555555",
        f"alias/{unique('missing')}",
    ]
    for key_id in missing:
        code, _ = refused(kinesis.start_stream_encryption, StreamARN=arn, EncryptionType="KMS", KeyId=key_id)
        assert code == "KMSNotFoundException"
    customer_key.disable()
    code, _ = refused(kinesis.start_stream_encryption, StreamARN=arn, EncryptionType="KMS", KeyId=customer_key.arn)
    assert code == "KMSDisabledException"
    summary = kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]
    assert summary["EncryptionType"] == "NONE"


def test_the_aws_managed_key_serves_everybody_of_the_account(account, clients, principal, stream, eventually):
    """https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html (AWS managed key)"""
    own = account()
    arn, kinesis = stream(own), clients(own).kinesis
    kinesis.start_stream_encryption(StreamARN=arn, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    eventually(
        lambda: kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]["StreamStatus"],
        equals="ACTIVE",
        timeout=60,
    )
    identity = principal(own, [statement("kinesis:*")])
    put(identity, arn, b"managed")
    assert read(identity, arn) == [(b"managed", "KMS")]

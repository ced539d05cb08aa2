"""SSE-KMS: PutObject needs kms:GenerateDataKey on the object's key, GetObject kms:Decrypt.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

import json

import pytest
from botocore import UNSIGNED

from integration_tests.local_cloud.accounts.refusals import denied, refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

ALL = [statement(["s3:*", "kms:*"])]
USE = ["kms:GenerateDataKey", "kms:Decrypt"]


def sse(key):
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key.arn}


@pytest.fixture
def encrypted_bucket(clients, bucket):
    """`encrypted_bucket(account_id, key)`: a bucket whose default encryption is the key."""

    def make(account_id, key):
        name = bucket(account_id)
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key.arn}
        clients(account_id).s3.put_bucket_encryption(
            Bucket=name,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
        )
        return name

    return make


@pytest.mark.parametrize("by", ["the request", "the bucket's default"])
def test_a_writer_generates_data_keys_and_a_reader_decrypts(account, principal, bucket, encrypted_bucket, key, by):
    own = account()
    customer_key = key(own)
    name = bucket(own) if by == "the request" else encrypted_bucket(own, customer_key)
    headers = sse(customer_key) if by == "the request" else {}
    writer, reader, other = (principal(own, ALL) for _ in range(3))
    customer_key.policy(
        statement("kms:GenerateDataKey", Principal={"AWS": writer.role_arn}),
        statement("kms:Decrypt", Principal={"AWS": reader.role_arn}),
    )
    answer = writer.s3.put_object(Bucket=name, Key="a", Body=b"secret", **headers)
    assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", customer_key.arn)
    answer = reader.s3.get_object(Bucket=name, Key="a")
    assert (answer["Body"].read(), answer["SSEKMSKeyId"]) == (b"secret", customer_key.arn)
    for identity in (reader, other):
        message = denied(identity.s3.put_object, Bucket=name, Key="b", Body=b"x", **headers)
        assert f"is not authorized to perform: kms:GenerateDataKey on resource: {customer_key.arn}" in message
    for identity in (writer, other):
        message = denied(identity.s3.get_object, Bucket=name, Key="a")
        assert f"is not authorized to perform: kms:Decrypt on resource: {customer_key.arn}" in message
        assert identity.s3.head_object(Bucket=name, Key="a")["ContentLength"] == len(b"secret")


def test_with_a_disabled_key_nothing_is_written_or_read_until_it_is_enabled(account, principal, bucket, key):
    """https://docs.aws.amazon.com/kms/latest/developerguide/enabling-keys.html"""
    own = account()
    customer_key, name, identity = key(own), bucket(own), principal(own, ALL)
    customer_key.allow(USE, identity.role_arn)
    identity.s3.put_object(Bucket=name, Key="a", Body=b"kept", **sse(customer_key))
    customer_key.disable()
    assert refused(identity.s3.put_object, Bucket=name, Key="b", Body=b"x", **sse(customer_key)) == (
        "KMS.DisabledException",
        f"{customer_key.arn} is disabled.",
    )
    assert refused(identity.s3.get_object, Bucket=name, Key="a")[0] == "KMS.DisabledException"
    customer_key.enable()
    identity.s3.put_object(Bucket=name, Key="b", Body=b"new", **sse(customer_key))
    assert [identity.s3.get_object(Bucket=name, Key=one)["Body"].read() for one in "ab"] == [b"kept", b"new"]


def test_a_key_that_does_not_exist_is_not_found(account, clients, bucket):
    own = account()
    missing = f"arn:aws:kms:us-east-1:{own}:key/11111111-2222-3333-4444-555555555555"
    put = {"Bucket": bucket(own), "Key": "a", "Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": missing}
    assert refused(clients(own).s3.put_object, **put)[0] == "KMS.NotFoundException"


def test_the_key_policy_sees_s3_and_the_object(account, principal, bucket, key):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#encryption-context"""
    own = account()
    customer_key, name, identity = key(own), bucket(own), principal(own, ALL)
    via = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    of_prefix = {"StringEquals": via, "ArnLike": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{name}/allowed/*"}}
    customer_key.allow(USE, identity.role_arn, Condition=of_prefix)
    identity.s3.put_object(Bucket=name, Key="allowed/a", Body=b"x", **sse(customer_key))
    denied(identity.s3.put_object, Bucket=name, Key="other/a", Body=b"x", **sse(customer_key))
    customer_key.allow(
        USE,
        identity.role_arn,
        Condition={"StringEquals": {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}},
    )
    denied(identity.s3.get_object, Bucket=name, Key="allowed/a")


def test_with_a_bucket_key_the_key_policy_sees_the_bucket(account, clients, principal, bucket, key):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html (encryption context)"""
    own = account()
    customer_key, name, identity = key(own), bucket(own), principal(own, ALL)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": customer_key.arn}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}
    clients(own).s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    of_bucket = {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{name}"}}
    customer_key.allow(USE, identity.role_arn, Condition=of_bucket)
    assert identity.s3.put_object(Bucket=name, Key="a", Body=b"x")["BucketKeyEnabled"] is True
    answer = identity.s3.get_object(Bucket=name, Key="a")
    assert (answer["Body"].read(), answer["BucketKeyEnabled"]) == (b"x", True)
    denied(identity.s3.put_object, Bucket=name, Key="b", Body=b"x", BucketKeyEnabled=False, **sse(customer_key))


def test_the_source_of_a_copy_is_decrypted_and_the_target_encrypted(account, principal, bucket, key):
    own = account()
    source_key, target_key, name = key(own), key(own), bucket(own)
    identity = principal(own, ALL)
    source_key.allow(USE, identity.role_arn)
    identity.s3.put_object(Bucket=name, Key="a", Body=b"x", **sse(source_key))
    copy = {"Bucket": name, "Key": "b", "CopySource": {"Bucket": name, "Key": "a"}, **sse(target_key)}
    assert "kms:GenerateDataKey" in denied(identity.s3.copy_object, **copy)
    target_key.allow(USE, identity.role_arn)
    identity.s3.copy_object(**copy)
    source_key.policy()
    assert "kms:Decrypt" in denied(identity.s3.copy_object, **copy)
    assert identity.s3.get_object(Bucket=name, Key="b")["Body"].read() == b"x"


def test_a_multipart_upload_needs_both_permissions(account, principal, bucket, key):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions"""
    own = account()
    customer_key, name, identity = key(own), bucket(own), principal(own, ALL)
    customer_key.allow("kms:GenerateDataKey", identity.role_arn)
    upload = identity.s3.create_multipart_upload(Bucket=name, Key="a", **sse(customer_key))
    part = {"Bucket": name, "Key": "a", "UploadId": upload["UploadId"], "PartNumber": 1, "Body": b"x" * 100}
    denied(identity.s3.upload_part, **part)
    customer_key.allow(USE, identity.role_arn)
    etag = identity.s3.upload_part(**part)["ETag"]
    identity.s3.complete_multipart_upload(
        Bucket=name,
        Key="a",
        UploadId=upload["UploadId"],
        MultipartUpload={"Parts": [{"ETag": etag, "PartNumber": 1}]},
    )
    assert identity.s3.get_object(Bucket=name, Key="a")["Body"].read() == b"x" * 100


def test_a_writer_of_another_account_needs_the_bucket_and_the_key(account, clients, principal, encrypted_bucket, key):
    own, partner = account(), account()
    customer_key = key(own)
    name = encrypted_bucket(own, customer_key)
    writer, without_key = principal(partner, ALL), principal(partner, [statement("s3:*")])
    rule = statement("s3:PutObject", f"arn:aws:s3:::{name}/*", Principal={"AWS": partner})
    clients(own).s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [rule]}))
    denied(writer.s3.put_object, Bucket=name, Key="a", Body=b"x")
    customer_key.allow(USE, writer.role_arn, without_key.role_arn)
    writer.s3.put_object(Bucket=name, Key="a", Body=b"x")
    denied(without_key.s3.put_object, Bucket=name, Key="a", Body=b"x")


def test_a_bucket_policy_may_insist_on_the_key(account, clients, principal, bucket, key):
    own = account()
    customer_key, other_key, name, identity = key(own), key(own), bucket(own), principal(own, ALL)
    for one in (customer_key, other_key):
        one.allow(USE, identity.role_arn)
    insist = {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": customer_key.arn}}
    rule = statement("s3:PutObject", f"arn:aws:s3:::{name}/*", Principal="*", Effect="Deny", Condition=insist)
    clients(own).s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [rule]}))
    identity.s3.put_object(Bucket=name, Key="a", Body=b"x", **sse(customer_key))
    denied(identity.s3.put_object, Bucket=name, Key="a", Body=b"x", **sse(other_key))


def test_a_public_object_under_a_key_is_not_for_everybody(account, clients, bucket, key):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html: a request has to be signed."""
    own = account()
    customer_key, name, s3 = key(own), bucket(own), clients(own).s3
    customer_key.policy(statement("kms:*", Principal={"AWS": own}))
    public = statement("s3:GetObject", f"arn:aws:s3:::{name}/*", Principal="*")
    s3.delete_public_access_block(Bucket=name)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [public]}))
    s3.put_object(Bucket=name, Key="plain", Body=b"open")
    s3.put_object(Bucket=name, Key="sealed", Body=b"secret", **sse(customer_key))
    unsigned = clients(own).client("s3", signature_version=UNSIGNED)
    assert unsigned.get_object(Bucket=name, Key="plain")["Body"].read() == b"open"
    refused(unsigned.get_object, Bucket=name, Key="sealed")

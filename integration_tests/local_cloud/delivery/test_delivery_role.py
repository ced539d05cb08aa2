"""Deliveries are made as the delivery role: trust, S3 and KMS permissions, foreign buckets, retries, error log.

https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html
"""

import json

import pytest
from botocore.exceptions import ClientError

from integration_tests.local_cloud.delivery.conftest import put_policy, writes
from integration_tests.support.addressing import statement
from integration_tests.support.factories import objects
from integration_tests.support.waiting import eventually

pytestmark = [pytest.mark.local, pytest.mark.aws]


@pytest.fixture
def log(clients, unique, cleanup):
    """`log(account_id)` makes a log group and stream; returns the logging options and a reader of the entries."""

    def made(account_id):
        logs, group = clients(account_id).logs, f"/aws/kinesisfirehose/{unique('log')}"
        logs.create_log_group(logGroupName=group)
        cleanup(logs.delete_log_group, logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="S3Delivery")

        def entries():
            events = logs.get_log_events(logGroupName=group, logStreamName="S3Delivery", startFromHead=True)["events"]
            return [json.loads(event["message"]) for event in events]

        return {"Enabled": True, "LogGroupName": group, "LogStreamName": "S3Delivery"}, entries

    return made


LOGS = statement("logs:PutLogEvents")


def test_a_role_that_does_not_trust_firehose_is_refused(delivery_stream, make, account):
    account_id = account()
    role_arn = make.role(account_id, [statement("s3:*")], trusts="lambda.amazonaws.com")

    with pytest.raises(ClientError) as refused:
        delivery_stream(account_id=account_id, role_arn=role_arn)

    assert refused.value.response["Error"]["Code"] == "InvalidArgumentException"
    assert role_arn in refused.value.response["Error"]["Message"]


def test_the_trust_policy_may_name_the_delivery_stream_as_source(delivery_stream, make, account):
    account_id = account()
    condition = {"StringEquals": {"aws:SourceAccount": account_id}}
    bucket = make.bucket(account_id)
    role_arn = make.role(account_id, writes(bucket), trusts="firehose.amazonaws.com", conditions=condition)

    stream = delivery_stream(account_id=account_id, role_arn=role_arn, bucket=bucket)

    stream.put(b"x")
    stream.await_body(b"x")


def test_without_s3_permissions_nothing_arrives_until_they_are_given(delivery_stream, account, make, log):
    account_id = account()
    options, entries = log(account_id)
    stream = delivery_stream(account_id=account_id, statements=[LOGS], CloudWatchLoggingOptions=options)

    stream.put(b"first")
    denied = eventually(entries, timeout=30)
    stream.put(b"second")
    assert stream.objects() == {}
    put_policy(stream.role_arn, stream.clients, [LOGS, *writes(stream.bucket)])

    found = stream.await_objects(1, timeout=30)
    eventually(lambda: b"".join(stream.objects().values()), equals=b"firstsecond", timeout=30)
    assert next(iter(found.values())) == b"first"
    assert denied[0]["errorCode"] == "S3.AccessDenied"
    assert denied[0]["deliveryStreamARN"] == stream.arn
    assert denied[0]["destination"] == f"arn:aws:s3:::{stream.bucket}"
    assert denied[0]["deliveryStreamVersionId"] == 1
    assert denied[0]["message"].startswith("Access was denied.")


def test_failed_deliveries_are_measured(delivery_stream, account):
    stream = delivery_stream(statements=[LOGS])

    stream.put(b"x")

    eventually(lambda: stream.metric("DeliveryToS3.Success", "Average"), equals=[0.0], timeout=10)


def test_a_bucket_that_does_not_exist_is_reported_and_an_update_saves_the_data(
    delivery_stream, account, make, unique, log
):
    account_id = account()
    options, entries = log(account_id)
    stream = delivery_stream(
        account_id=account_id,
        bucket=unique("nobodys"),
        statements=[statement("s3:*"), LOGS],
        CloudWatchLoggingOptions=options,
    )
    stream.put(b"x")
    assert eventually(entries, timeout=30)[0]["errorCode"] == "S3.NoSuchBucket"
    bucket = make.bucket(account_id)

    stream.update({"BucketARN": f"arn:aws:s3:::{bucket}"})

    eventually(lambda: list(objects(stream.clients.s3, bucket).values()), equals=[b"x"], timeout=300)


def test_without_permission_on_the_log_nothing_is_logged(delivery_stream, account, log):
    account_id = account()
    options, entries = log(account_id)
    stream = delivery_stream(account_id=account_id, statements=[], CloudWatchLoggingOptions=options)

    stream.put(b"x")

    eventually(lambda: stream.metric("DeliveryToS3.Success", "Average"), equals=[0.0])
    assert entries() == []


def test_a_deny_in_the_bucket_policy_counts(delivery_stream, account, make, log):
    account_id = account()
    options, entries = log(account_id)
    bucket = make.bucket(account_id)
    deny = statement("s3:PutObject", f"arn:aws:s3:::{bucket}/*", Effect="Deny", Principal="*")
    stream = delivery_stream(
        account_id=account_id, bucket=bucket, statements=[*writes(bucket), LOGS], CloudWatchLoggingOptions=options
    )
    stream.clients.s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    )

    stream.put(b"x")
    eventually(entries, timeout=30)
    assert stream.objects() == {}
    stream.clients.s3.delete_bucket_policy(Bucket=bucket)

    stream.await_body(b"x", timeout=30)


def test_firehose_uses_tls(delivery_stream, make, account):
    account_id = account()
    bucket = make.bucket(account_id)
    stream = delivery_stream(account_id=account_id, bucket=bucket)
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    deny = statement("s3:*", f"arn:aws:s3:::{bucket}/*", Effect="Deny", Principal="*", Condition=insecure)
    stream.clients.s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    )

    stream.put(b"x")

    assert b"".join(_through_role(stream).values()) == b"x"


def _through_role(stream):
    """The objects, read without the bucket's policy, which refuses a client that does not use TLS."""
    eventually(lambda: stream.metric("DeliveryToS3.Records"), equals=[1.0], timeout=300)
    stream.clients.s3.delete_bucket_policy(Bucket=stream.bucket)
    return stream.objects()


def test_the_bucket_of_another_account_takes_what_its_policy_lets_the_role_put(delivery_stream, account, make, log):
    producer, consumer = account(), account()
    options, entries = log(producer)
    bucket = make.bucket(consumer)
    stream = delivery_stream(
        account_id=producer,
        bucket=bucket,
        bucket_owner=consumer,
        statements=[*writes(bucket), LOGS],
        CloudWatchLoggingOptions=options,
    )
    stream.put(b"x")
    assert eventually(entries, timeout=30)[0]["errorCode"] == "S3.AccessDenied"
    assert stream.objects() == {}

    (allow,) = writes(bucket)
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Principal": {"AWS": stream.role_arn}}]}
    stream.bucket_owner.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    stream.await_body(b"x", timeout=30)


def test_a_bucket_policy_alone_is_not_enough_across_accounts(delivery_stream, account, make, log):
    producer, consumer = account(), account()
    options, entries = log(producer)
    bucket = make.bucket(consumer)
    stream = delivery_stream(
        account_id=producer, bucket=bucket, bucket_owner=consumer, statements=[LOGS], CloudWatchLoggingOptions=options
    )
    (allow,) = writes(bucket)
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Principal": {"AWS": stream.role_arn}}]}
    stream.bucket_owner.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    stream.put(b"x")

    assert eventually(entries, timeout=30)[0]["errorCode"] == "S3.AccessDenied"
    assert stream.objects() == {}


@pytest.fixture
def key(clients):
    """`key(account_id, statements)` makes a customer key whose policy has these besides the administrator's."""

    def made(account_id, statements=()):
        kms = clients(account_id).kms
        administrator = statement("kms:*", Principal={"AWS": f"arn:aws:iam::{account_id}:root"})
        policy = {"Version": "2012-10-17", "Statement": [administrator, *statements]}
        return kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]

    return made


@pytest.mark.parametrize("set_on", ["stream", "bucket"])
def test_objects_are_encrypted_with_the_key_which_the_role_has_to_be_allowed(
    delivery_stream, account, make, key, log, set_on
):
    account_id = account()
    options, entries = log(account_id)
    key_arn, bucket = key(account_id), make.bucket(account_id)
    encryption = {"EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": key_arn}}}
    stream = delivery_stream(
        account_id=account_id,
        bucket=bucket,
        statements=[*writes(bucket), LOGS],
        CloudWatchLoggingOptions=options,
        **(encryption if set_on == "stream" else {}),
    )
    if set_on == "bucket":
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}
        stream.clients.s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
        )

    stream.put(b"x")
    assert eventually(entries, timeout=30)[0]["errorCode"].startswith("S3.")
    assert stream.objects() == {}
    use = statement(["kms:GenerateDataKey", "kms:Decrypt"], key_arn)
    put_policy(stream.role_arn, stream.clients, [*writes(bucket), LOGS, use])

    (object_key,) = stream.await_body(b"x", timeout=30)
    head = stream.clients.s3.head_object(Bucket=bucket, Key=object_key)
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key_arn)


def test_a_disabled_key_holds_deliveries_back(delivery_stream, account, make, key, log):
    account_id = account()
    options, entries = log(account_id)
    key_arn, bucket = key(account_id), make.bucket(account_id)
    use = statement(["kms:GenerateDataKey", "kms:Decrypt"], key_arn)
    stream = delivery_stream(
        account_id=account_id,
        bucket=bucket,
        statements=[*writes(bucket), LOGS, use],
        CloudWatchLoggingOptions=options,
        EncryptionConfiguration={"KMSEncryptionConfig": {"AWSKMSKeyARN": key_arn}},
    )
    stream.clients.kms.disable_key(KeyId=key_arn)

    stream.put(b"x")
    assert eventually(entries, timeout=30)[0]["errorCode"].startswith("S3.KMS.")
    assert stream.objects() == {}
    stream.clients.kms.enable_key(KeyId=key_arn)

    stream.await_body(b"x", timeout=30)


def test_the_key_of_another_account_serves_when_its_policy_names_the_role(delivery_stream, account, make, key):
    producer, consumer = account(), account()
    bucket = make.bucket(consumer)
    role_arn = make.role(producer, [*writes(bucket), statement("kms:*")], trusts="firehose.amazonaws.com")
    use = statement(["kms:GenerateDataKey", "kms:Decrypt"], Principal={"AWS": role_arn})
    key_arn = key(consumer, [use])
    (allow,) = writes(bucket)
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Principal": {"AWS": role_arn}}]}
    stream = delivery_stream(
        account_id=producer,
        bucket=bucket,
        bucket_owner=consumer,
        role_arn=role_arn,
        EncryptionConfiguration={"KMSEncryptionConfig": {"AWSKMSKeyARN": key_arn}},
    )
    stream.bucket_owner.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    stream.put(b"x")

    stream.await_body(b"x", timeout=30)

"""Delivery streams encrypted with a customer key: selecting it needs a grant, and an unusable key stops every put.

https://docs.aws.amazon.com/firehose/latest/APIReference/API_DeliveryStreamEncryptionConfigurationInput.html
"""

import pytest

from integration_tests.local_cloud.accounts.refusals import refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local


def test_who_selects_the_key_may_create_grants_and_a_disabled_key_stops_puts(
    account, clients, principal, role, bucket, key, unique, cleanup, eventually
):
    own, name = account(), unique("delivery")
    customer_key, delivery = key(own), role(own, trusts="firehose.amazonaws.com")
    deployer = principal(own, [statement("firehose:*"), statement("iam:PassRole", delivery)])
    create = {
        "DeliveryStreamName": name,
        "DeliveryStreamType": "DirectPut",
        "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": customer_key.arn},
        "ExtendedS3DestinationConfiguration": {"RoleARN": delivery, "BucketARN": f"arn:aws:s3:::{bucket(own)}"},
    }
    customer_key.policy(statement("kms:DescribeKey", Principal={"AWS": deployer.role_arn}))
    assert refused(deployer.firehose.create_delivery_stream, **create)[0] == "InvalidKMSResourceException"
    customer_key.allow(["kms:DescribeKey", "kms:CreateGrant"], deployer.role_arn)
    deployer.firehose.create_delivery_stream(**create)
    firehose = clients(own).firehose
    cleanup(firehose.delete_delivery_stream, DeliveryStreamName=name, AllowForceDelete=True)
    eventually(
        lambda: firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"],
        until=lambda found: found["DeliveryStreamStatus"] == "ACTIVE",
        timeout=90,
    )
    put = {"DeliveryStreamName": name, "Record": {"Data": b"x"}}
    assert firehose.put_record(**put)["RecordId"]
    customer_key.disable()
    eventually(lambda: refused(firehose.put_record, **put)[0], equals="InvalidKMSResourceException", timeout=90)
    customer_key.enable()
    eventually(lambda: firehose.put_record(**put)["RecordId"], timeout=90)

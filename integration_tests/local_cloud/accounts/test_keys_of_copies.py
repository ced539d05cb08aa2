"""Copies of a bucket, log groups and functions use a customer key only as its policy and their roles say.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
"""

import pytest
from botocore.exceptions import ClientError

from integration_tests.local_cloud.accounts.refusals import refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

COPIES = ["s3:GetObjectVersionForReplication", "s3:ReplicateObject", "kms:Decrypt", "kms:Encrypt"]


@pytest.mark.parametrize("without", [None, *COPIES])
def test_a_bucket_is_copied_only_when_its_role_may_do_every_step(account, clients, make, bucket, key, without):
    own = account()
    s3, here, there = clients(own).s3, key(own), key(own)
    only_tls = {"Principal": "*", "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    source, copy = (bucket(own, policy=[statement("s3:*", **only_tls)]) for _ in range(2))
    role_arn = make.role(own, [statement([one for one in COPIES if one != without])], trusts="s3.amazonaws.com")
    for one in (here, there):
        one.policy(statement("kms:*", Principal={"AWS": f"arn:aws:iam::{own}:root"}))
    for name in (source, copy):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rule = {
        "ID": "all",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {
            "Bucket": f"arn:aws:s3:::{copy}",
            "EncryptionConfiguration": {"ReplicaKmsKeyID": there.arn},
        },
    }
    s3.put_bucket_replication(Bucket=source, ReplicationConfiguration={"Role": role_arn, "Rules": [rule]})

    s3.put_object(Bucket=source, Key="a", Body=b"a", ServerSideEncryption="aws:kms", SSEKMSKeyId=here.arn)

    status = s3.head_object(Bucket=source, Key="a")["ReplicationStatus"]
    if without is None:
        assert status in ("PENDING", "COMPLETED")
        assert s3.head_object(Bucket=copy, Key="a")["SSEKMSKeyId"] == there.arn
    else:
        assert status == "FAILED"
        assert s3.list_objects_v2(Bucket=copy).get("Contents", []) == []


def test_a_log_group_gets_a_key_whose_policy_lets_the_service_use_it_for_that_group(
    account, clients, key, unique, cleanup, cloud
):
    own, group = account(), unique("group")
    logs, customer_key = clients(own).logs, key(own)
    create = {"logGroupName": group, "kmsKeyId": customer_key.arn}
    assert refused(logs.create_log_group, **create)[0] == "InvalidParameterException"

    arn = f"arn:aws:logs:{cloud.region}:{own}:log-group:{group}"
    customer_key.policy(
        statement(
            ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"],
            Principal={"Service": f"logs.{cloud.region}.amazonaws.com"},
            Condition={"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arn}},
        )
    )
    logs.create_log_group(**create)
    cleanup(logs.delete_log_group, logGroupName=group)
    assert refused(logs.create_log_group, **{**create, "logGroupName": f"{group}-2"})[0] == "InvalidParameterException"


def test_who_gives_a_function_a_key_may_create_grants_and_encrypt_with_it(account, principal, key, function):
    own = account()
    made, customer_key = function(own, "def handler(event, context):\n    return event\n"), key(own)
    deployer = principal(own, [statement("lambda:*"), statement("iam:PassRole", made.role_arn)])
    change = {"FunctionName": made.name, "KMSKeyArn": customer_key.arn, "Environment": {"Variables": {"A": "1"}}}
    with pytest.raises(ClientError, match="KMSAccessDeniedException"):
        deployer.lambda_.update_function_configuration(**change)
    customer_key.allow(["kms:CreateGrant", "kms:Encrypt"], deployer.role_arn)
    assert deployer.lambda_.update_function_configuration(**change)["KMSKeyArn"] == customer_key.arn

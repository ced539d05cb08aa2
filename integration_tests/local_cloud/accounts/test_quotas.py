"""What IAM and the services with policies do not store: too much of it, what is no JSON, what does not exist.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html ; the other pages are in
`localcloud/emulator/quotas.py`.
"""

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import statement

pytestmark = [pytest.mark.local, pytest.mark.aws]

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def document(*statements, indent=None) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=indent)


def of_characters(count: int, indent=None) -> str:
    """An allowing policy of so many characters, white space not counted."""
    empty = "".join(document(statement("s3:GetObject", "arn:aws:s3:::")).split())
    return document(statement("s3:GetObject", "arn:aws:s3:::" + "x" * (count - len(empty))), indent=indent)


def refused(call, *args, **kwargs) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(*args, **kwargs)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.fixture
def mine(account) -> str:
    return account()


@pytest.fixture
def iam(clients, mine):
    return clients(mine).iam


@pytest.fixture
def named_role(role, mine) -> str:
    return role(mine).rsplit("/", 1)[-1]


def test_the_inline_policies_of_a_role_count_together_without_white_space(iam, named_role, cleanup):
    half = {"RoleName": named_role, "PolicyDocument": of_characters(5_120, indent=8)}
    for name in ("one", "two"):
        iam.put_role_policy(**half, PolicyName=name)
        cleanup(iam.delete_role_policy, RoleName=named_role, PolicyName=name)
    iam.put_role_policy(**half, PolicyName="two")  # in its own place
    code, message = refused(
        iam.put_role_policy, RoleName=named_role, PolicyName="three", PolicyDocument=of_characters(200)
    )
    assert (code, message) == ("LimitExceeded", f"Maximum policy size of 10240 bytes exceeded for role {named_role}")


def test_a_trust_policy_and_a_managed_policy_have_their_own_limits(iam, named_role, unique, cleanup):
    long = document({**TRUST, "Condition": {"StringEquals": {"sts:ExternalId": ["x" * 1_000, "y" * 1_000]}}})
    expected = ("LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")
    assert refused(iam.create_role, RoleName=unique("role"), AssumeRolePolicyDocument=long) == expected
    assert refused(iam.update_assume_role_policy, RoleName=named_role, PolicyDocument=long) == expected

    expected = ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    assert refused(iam.create_policy, PolicyName=unique("policy"), PolicyDocument=of_characters(6_145)) == expected
    arn = iam.create_policy(PolicyName=unique("policy"), PolicyDocument=of_characters(6_144))["Policy"]["Arn"]
    cleanup(iam.delete_policy, PolicyArn=arn)
    assert refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=of_characters(6_145)) == expected


def test_a_role_has_ten_managed_policies_that_exist(iam, mine, named_role, unique, cleanup):
    arns = []
    for _ in range(11):
        arns.append(iam.create_policy(PolicyName=unique("policy"), PolicyDocument=of_characters(200))["Policy"]["Arn"])
        cleanup(iam.delete_policy, PolicyArn=arns[-1])
    for arn in arns[:10]:
        iam.attach_role_policy(RoleName=named_role, PolicyArn=arn)
        cleanup(iam.detach_role_policy, RoleName=named_role, PolicyArn=arn)
    iam.attach_role_policy(RoleName=named_role, PolicyArn=arns[0])  # attached already
    expected = ("LimitExceeded", "Cannot exceed quota for PoliciesPerRole: 10")
    assert refused(iam.attach_role_policy, RoleName=named_role, PolicyArn=arns[10]) == expected
    nobody = f"arn:aws:iam::{mine}:policy/nobody"
    code, message = refused(iam.attach_role_policy, RoleName=named_role, PolicyArn=nobody)
    assert (code, message) == ("NoSuchEntity", f"Policy {nobody} does not exist or is not attachable.")


def test_a_document_that_is_no_json_is_no_policy(iam, named_role, clients, mine, bucket, unique, table, queue):
    calls = clients(mine)
    url, _ = queue(mine)
    described, name = table(mine), bucket(mine)
    assert [
        refused(iam.create_role, RoleName=unique("role"), AssumeRolePolicyDocument="{")[0],
        refused(iam.update_assume_role_policy, RoleName=named_role, PolicyDocument="[]")[0],
        refused(iam.put_role_policy, RoleName=named_role, PolicyName="p", PolicyDocument="no")[0],
        refused(calls.kms.create_key, Policy="{'a': 1}")[0],
        refused(calls.s3.put_bucket_policy, Bucket=name, Policy="{")[0],
        refused(calls.dynamodb.put_resource_policy, ResourceArn=described["TableArn"], Policy="{")[0],
        refused(calls.sqs.set_queue_attributes, QueueUrl=url, Attributes={"Policy": "{"})[0],
    ] == [
        *["MalformedPolicyDocument"] * 3,
        "MalformedPolicyDocumentException",
        "MalformedPolicy",
        "ValidationException",
        "InvalidAttributeValue",
    ]


def test_the_policies_of_resources_have_their_sizes(clients, mine, bucket, table, queue, unique, cleanup):
    calls, root = clients(mine), f"arn:aws:iam::{mine}:root"
    (url, queue_arn), name, described = queue(mine), bucket(mine), table(mine)
    topic = calls.sns.create_topic(Name=unique("topic"))["TopicArn"]
    cleanup(calls.sns.delete_topic, TopicArn=topic)

    def padded(resource: str, action: str, count: int) -> str:
        values = ["x" * 1_000] * (count // 1_000)
        return document(
            statement(
                action, resource, Principal={"AWS": root}, Condition={"StringNotEquals": {"aws:UserAgent": values}}
            )
        )

    found = {
        "bucket": refused(
            calls.s3.put_bucket_policy, Bucket=name, Policy=padded(f"arn:aws:s3:::{name}/*", "s3:GetObject", 21_000)
        )[0],
        "key": refused(calls.kms.create_key, Policy=padded("*", "kms:*", 33_000))[0],
        "table": refused(
            calls.dynamodb.put_resource_policy,
            ResourceArn=described["TableArn"],
            Policy=padded(described["TableArn"], "dynamodb:GetItem", 21_000),
        )[0],
        "queue": refused(
            calls.sqs.set_queue_attributes,
            QueueUrl=url,
            Attributes={"Policy": padded(queue_arn, "sqs:SendMessage", 9_000)},
        )[0],
        "statements of a queue": refused(
            calls.sqs.set_queue_attributes,
            QueueUrl=url,
            Attributes={
                "Policy": document(
                    *[statement("sqs:SendMessage", queue_arn, Principal={"AWS": root}, Sid=f"s{n}") for n in range(21)]
                )
            },
        )[0],
        "topic": refused(
            calls.sns.set_topic_attributes,
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=padded(topic, "sns:Publish", 31_000),
        )[0],
    }
    assert found == {
        "bucket": "PolicyTooLarge",
        "key": "LimitExceededException",
        "table": "ValidationException",
        "queue": "InvalidAttributeValue",
        "statements of a queue": "InvalidAttributeValue",
        "topic": "InvalidParameter",
    }


def test_a_key_has_fifty_aliases(clients, mine, unique, cleanup):
    kms = clients(mine).kms
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    cleanup(kms.schedule_key_deletion, KeyId=key_id, PendingWindowInDays=7)
    for _ in range(50):
        name = unique("alias/key")
        kms.create_alias(AliasName=name, TargetKeyId=key_id)
        cleanup(kms.delete_alias, AliasName=name)
    assert refused(kms.create_alias, AliasName=unique("alias/key"), TargetKeyId=key_id)[0] == "LimitExceededException"
    assert refused(kms.create_alias, AliasName="alias/a b", TargetKeyId=key_id)[0] == "ValidationException"


def test_names_beyond_their_length_are_refused(iam, clients, mine):
    cloudwatch = clients(mine).cloudwatch
    alarm = {
        "MetricName": "m",
        "Namespace": "n",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    assert [
        refused(iam.create_role, RoleName="r" * 65, AssumeRolePolicyDocument=document(TRUST))[0],
        refused(iam.create_role, RoleName="a b", AssumeRolePolicyDocument=document(TRUST))[0],
        refused(cloudwatch.put_metric_alarm, AlarmName="a" * 256, **alarm)[0],
        refused(
            cloudwatch.put_metric_alarm,
            AlarmName="a",
            AlarmActions=[f"arn:aws:sns:us-east-1:{mine}:t{n}" for n in range(6)],
            **alarm,
        )[0],
        refused(cloudwatch.put_dashboard, DashboardName="a.b", DashboardBody='{"widgets":[]}')[0],
    ] == [*["ValidationError"] * 4, "InvalidParameterInput"]


def test_tags_of_any_script_and_without_a_value_are_taken(iam, unique, cleanup):
    name, tags = unique("role"), [{"Key": "größe", "Value": ""}, {"Key": "team", "Value": "データ / a+b=c@d:e"}]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(TRUST), Tags=tags)
    cleanup(iam.delete_role, RoleName=name)
    assert iam.list_role_tags(RoleName=name)["Tags"] == tags
    code, _ = refused(iam.tag_role, RoleName=name, Tags=[{"Key": "team", "Value": "a;b"}])
    assert code == "ValidationError"


def test_a_dashboard_has_so_many_metrics(clients, mine, unique, cleanup):
    cloudwatch, name = clients(mine).cloudwatch, unique("dashboard")

    def body(*counts: int) -> str:
        metrics = [[["n", "m", "d", str(at)] for at in range(count)] for count in counts]
        return json.dumps({"widgets": [{"type": "metric", "properties": {"metrics": one}} for one in metrics]})

    cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body(*[500] * 5))
    cleanup(cloudwatch.delete_dashboards, DashboardNames=[name])
    for counts in ([501], [500] * 5 + [1]):
        assert refused(cloudwatch.put_dashboard, DashboardName=name, DashboardBody=body(*counts))[0] == (
            "InvalidParameterInput"
        )


def test_a_user_who_asks_for_no_user_is_told_of_itself(iam, clients, cloud, mine, principal, unique, cleanup):
    name = unique("user")
    user = iam.create_user(UserName=name)["User"]
    cleanup(iam.delete_user, UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(statement("iam:GetUser")))
    cleanup(iam.delete_user_policy, UserName=name, PolicyName="p")
    key = iam.create_access_key(UserName=name)["AccessKey"]
    cleanup(iam.delete_access_key, UserName=name, AccessKeyId=key["AccessKeyId"])
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=cloud.region)
    assert cloud.clients(session, mine).iam.get_user()["User"]["Arn"] == user["Arn"]
    code, _ = refused(principal(mine, [statement("iam:GetUser")]).iam.get_user)
    assert code == "ValidationError"

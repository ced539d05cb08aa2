"""The execution role reads the source: without permission nothing is read, and the mapping says why.

Also across accounts. https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html ,
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html ,
https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
"""

import json

import pytest
from botocore.exceptions import ClientError

from integration_tests.local_cloud.event_sources.conftest import READ_STREAMS, names, numbered, put
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

READ = [
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
]
FAN_OUT = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"]


def refusal(mapping, function, source):
    """The message with which a mapping is refused."""
    with pytest.raises(ClientError) as refused:
        mapping(function, source)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    return refused.value.response["Error"]["Message"]


def share(clients, arn, role_arn, actions):
    """Let a role of another account do this to a stream or a consumer."""
    policy = {"Version": "2012-10-17", "Statement": [statement(actions, arn, Principal={"AWS": role_arn})]}
    clients(arn.split(":")[4]).kinesis.put_resource_policy(ResourceARN=arn, Policy=json.dumps(policy))


def policy_document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def last_result(function, created):
    found = function.clients.lambda_.get_event_source_mapping(UUID=created["UUID"])
    return found["LastProcessingResult"]


def test_a_role_without_one_of_the_read_permissions_gets_no_mapping(account, clients, stream, recorder, mapping):
    owner = account()
    source, function, iam = stream(owner), recorder(owner, statements=[statement(READ)]), clients(owner).iam
    for missing in READ:
        rest = statement([action for action in READ if action != missing], source)
        iam.put_role_policy(
            RoleName=function.role_arn.rsplit("/", 1)[-1], PolicyName="test", PolicyDocument=policy_document(rest)
        )
        message = refusal(mapping, function, source)
        assert message.startswith(f"Cannot access stream {source}. Please ensure the role can perform the")
        assert missing in message


def test_a_table_stream_needs_its_own_permissions(account, table, recorder, mapping):
    owner = account()
    source = table(owner, view="NEW_IMAGE")["LatestStreamArn"]
    function = recorder(owner, statements=[statement(READ, "*")])
    assert f"Cannot access stream {source}" in refusal(mapping, function, source)


def test_a_permission_that_is_taken_away_stops_the_reading_and_nothing_is_lost(
    account, clients, stream, recorder, mapping, batches, eventually
):
    owner = account()
    source, function, iam = stream(owner), recorder(owner), clients(owner).iam
    created = mapping(function, source)
    put(clients(owner), source, numbered(2))
    eventually(lambda: batches(function), equals=[[0, 1]])
    role = function.role_arn.rsplit("/", 1)[-1]
    deny = statement("kinesis:GetRecords", source, Effect="Deny")
    iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=policy_document(deny))
    put(clients(owner), source, numbered(2, start=2))
    result = eventually(
        lambda: last_result(function, created), until=lambda found: found.startswith("PROBLEM"), timeout=60
    )
    assert "is not authorized to perform: kinesis:GetRecords" in result
    assert batches(function) == [[0, 1]]
    iam.delete_role_policy(RoleName=role, PolicyName="deny")
    eventually(lambda: names(batches(function)), equals=[0, 1, 2, 3], timeout=60)
    assert last_result(function, created) == "OK"


def test_another_accounts_stream_needs_both_sides(account, clients, stream, recorder, mapping, batches, eventually):
    owner, reader, stranger = account(), account(), account()
    source = stream(owner, 2)
    function = recorder(reader)
    assert f"Cannot access stream {source}" in refusal(mapping, function, source)
    share(clients, source, function.role_arn, READ)
    created = mapping(function, source)
    put(clients(owner), source, numbered(10), key=lambda body: str(body["n"]))
    eventually(lambda: sorted(names(batches(function))), equals=list(range(10)))

    # A role that is not named, in the same account or a third one, and one that is named but may do nothing itself.
    for other in (recorder(reader), recorder(stranger)):
        assert f"Cannot access stream {source}" in refusal(mapping, other, source)
    powerless = recorder(reader, statements=[statement("logs:*")])
    share(clients, source, [function.role_arn, powerless.role_arn], READ)
    assert "because no identity-based policy allows" in refusal(mapping, powerless, source)

    # The policy is asked at every read; what is put meanwhile is not lost.
    clients(owner).kinesis.delete_resource_policy(ResourceARN=source)
    put(clients(owner), source, numbered(5, start=10), key=lambda body: str(body["n"]))
    eventually(lambda: last_result(function, created).startswith("PROBLEM"), timeout=60)
    assert sorted(names(batches(function))) == list(range(10))
    share(clients, source, function.role_arn, READ)
    eventually(lambda: sorted(names(batches(function))), equals=list(range(15)), timeout=60)


def test_another_accounts_consumer_needs_the_policies_of_stream_and_consumer(
    account, clients, stream, recorder, mapping, batches, unique, cleanup, eventually
):
    owner, reader, stranger = account(), account(), account()
    source, function, kinesis = stream(owner), recorder(reader), clients(owner).kinesis
    consumer = kinesis.register_stream_consumer(StreamARN=source, ConsumerName=unique("consumer"))["Consumer"]
    arn = consumer["ConsumerARN"]
    cleanup(kinesis.deregister_stream_consumer, ConsumerARN=arn)
    eventually(
        lambda: kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]["ConsumerStatus"],
        equals="ACTIVE",
        timeout=60,
    )
    share(clients, source, function.role_arn, READ)
    assert f"Cannot access stream {arn}" in refusal(mapping, function, arn)
    share(clients, arn, function.role_arn, FAN_OUT)
    mapping(function, arn)
    put(clients(owner), source, numbered(3))
    eventually(lambda: names(batches(function)), equals=[0, 1, 2])
    assert f"Cannot access stream {arn}" in refusal(mapping, recorder(stranger), arn)


def test_another_accounts_table_stream_is_read_under_its_policy(
    account, clients, table, recorder, mapping, batches, eventually
):
    owner, reader = account(), account()
    described = table(owner, view="NEW_IMAGE")
    source, function, dynamodb = described["LatestStreamArn"], recorder(reader), clients(owner).dynamodb
    assert f"Cannot access stream {source}" in refusal(mapping, function, source)
    actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    allow = statement(actions, source, Principal={"AWS": function.role_arn})
    dynamodb.put_resource_policy(ResourceArn=source, Policy=policy_document(allow))
    mapping(function, source)
    dynamodb.put_item(TableName=described["TableName"], Item={"pk": {"S": "a"}})
    eventually(lambda: batches(function), equals=[["a"]])


def test_an_encrypted_stream_is_read_while_its_key_allows(
    account, clients, stream, recorder, mapping, batches, cleanup, eventually
):
    owner = account()
    source, kinesis, kms = stream(owner), clients(owner).kinesis, clients(owner).kms
    function = recorder(owner)
    everything = statement("kms:*", Principal={"AWS": f"arn:aws:iam::{owner}:root"}, Sid="Account")
    # The account's administrator may use the key, the role may not: the policy does not delegate to IAM.
    administrator = {**everything, "Condition": {"StringEquals": {"aws:PrincipalArn": f"arn:aws:iam::{owner}:root"}}}
    key = kms.create_key(Policy=policy_document(administrator))["KeyMetadata"]["Arn"]
    cleanup(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=7)
    kinesis.start_stream_encryption(StreamName=source.rsplit("/", 1)[-1], EncryptionType="KMS", KeyId=key)
    assert "kms:Decrypt" in refusal(mapping, function, source)

    decrypts = statement("kms:Decrypt", Principal={"AWS": function.role_arn})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy_document(administrator, decrypts))
    created = mapping(function, source)
    put(clients(owner), source, numbered(2))
    eventually(lambda: names(batches(function)), equals=[0, 1])

    kms.disable_key(KeyId=key)
    eventually(lambda: last_result(function, created) in ("OK", "No records processed"))
    kms.enable_key(KeyId=key)
    put(clients(owner), source, numbered(2, start=2))
    kms.disable_key(KeyId=key)
    kms.enable_key(KeyId=key)
    eventually(lambda: names(batches(function)), equals=[0, 1, 2, 3], timeout=60)


def test_a_disabled_key_stops_the_mapping_until_it_is_enabled(
    account, clients, stream, recorder, mapping, batches, cleanup, eventually
):
    owner = account()
    source, kinesis, kms, lambda_ = stream(owner), clients(owner).kinesis, clients(owner).kms, clients(owner).lambda_
    function = recorder(owner, statements=[*READ_STREAMS, statement("kms:Decrypt")])
    key = kms.create_key()["KeyMetadata"]["Arn"]
    cleanup(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=7)
    kinesis.start_stream_encryption(StreamName=source.rsplit("/", 1)[-1], EncryptionType="KMS", KeyId=key)
    created = mapping(function, source, Enabled=False)
    put(clients(owner), source, numbered(3))
    kms.disable_key(KeyId=key)
    lambda_.update_event_source_mapping(UUID=created["UUID"], Enabled=True)
    eventually(lambda: "disabled" in last_result(function, created), timeout=60)
    assert batches(function) == []
    kms.enable_key(KeyId=key)
    eventually(lambda: names(batches(function)), equals=[0, 1, 2], timeout=60)

"""Event source mappings on streams of another account, and on encrypted ones: every read is made as the execution role.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html (cross-account event source mapping)
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
"""

import json
from contextlib import suppress

import pytest

from integration_tests.local_cloud.event_sources.conftest import in_state, names, numbered, put
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

READ = ["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords"]
READ += ["kinesis:GetShardIterator", "kinesis:ListShards"]
FAN_OUT = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"]
TABLE_READ = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
LOGS = statement(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"])
PATIENT = {"timeout": 60}


@pytest.fixture
def share(clients):
    """`share(arn, role_arns, actions)` puts a policy on a stream, a consumer or the stream of a table."""

    def put_policy(arn, role_arns, actions):
        policy = {"Version": "2012-10-17", "Statement": [statement(actions, arn, Principal={"AWS": role_arns})]}
        owner, document = clients(arn.split(":")[4]), json.dumps(policy)
        if ":dynamodb:" in arn:
            owner.dynamodb.put_resource_policy(ResourceArn=arn, Policy=document)
        else:
            owner.kinesis.put_resource_policy(ResourceARN=arn, Policy=document)

    return put_policy


@pytest.fixture
def withdraw(clients):
    return lambda arn: clients(arn.split(":")[4]).kinesis.delete_resource_policy(ResourceARN=arn)


@pytest.fixture
def problem(eventually):
    """`problem(function)` waits until the function's mapping says that there is one; returns what it says."""

    def wait(function, timeout=90):
        return eventually(
            lambda: mappings_of(function)[0]["LastProcessingResult"],
            until=lambda result: "PROBLEM" in result,
            timeout=timeout,
        )

    return wait


@pytest.fixture
def reads_nothing(mapping, batches, problem):
    """Either the mapping is refused, or it is made, reads nothing and says why."""

    def check(function, source_arn):
        with suppress(*refusals(function)):
            mapping(function, source_arn)
            assert problem(function)
        assert batches(function) == []

    return check


@pytest.fixture
def reads(mapping):
    """Map the function to the source unless an earlier mapping, that read nothing so far, is there."""

    def check(function, source_arn):
        if not mappings_of(function):
            mapping(function, source_arn)

    return check


def refusals(function):
    lambda_ = function.clients.lambda_
    return lambda_.exceptions.InvalidParameterValueException, lambda_.exceptions.from_code("AccessDeniedException")


def mappings_of(function):
    return function.clients.lambda_.list_event_source_mappings(FunctionName=function.name)["EventSourceMappings"]


def test_a_function_reads_the_stream_of_another_account_whose_policy_names_its_role(
    account, clients, recorder, reads, batches, stream, share, reads_nothing, eventually
):
    owner, partner, third = account(), account(), account()
    stream_arn = stream(owner)
    reader, unnamed, stranger = recorder(partner), recorder(partner), recorder(third)
    put(clients(owner), stream_arn, numbered(20))
    reads_nothing(reader, stream_arn)

    share(stream_arn, reader.role_arn, READ)
    reads(reader, stream_arn)
    eventually(lambda: names(batches(reader)), equals=list(range(20)), **PATIENT)
    for function in (unnamed, stranger):
        reads_nothing(function, stream_arn)


def test_a_resource_policy_alone_is_not_enough(account, clients, recorder, stream, share, reads_nothing):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html"""
    owner, partner = account(), account()
    stream_arn = stream(owner)
    without = recorder(partner, statements=[LOGS])
    share(stream_arn, without.role_arn, READ)
    put(clients(owner), stream_arn, numbered(1))
    reads_nothing(without, stream_arn)


def test_the_resource_policy_is_used_for_every_read_and_nothing_is_lost(
    account, clients, recorder, mapping, batches, stream, share, withdraw, problem, eventually
):
    owner, partner = account(), account()
    stream_arn = stream(owner)
    reader = recorder(partner)
    share(stream_arn, reader.role_arn, READ)
    mapping(reader, stream_arn)
    put(clients(owner), stream_arn, numbered(5))
    eventually(lambda: names(batches(reader)), equals=list(range(5)), **PATIENT)

    withdraw(stream_arn)
    put(clients(owner), stream_arn, numbered(5, 5))
    problem(reader)
    assert names(batches(reader)) == list(range(5))
    share(stream_arn, reader.role_arn, READ)
    eventually(lambda: names(batches(reader)), equals=list(range(10)), timeout=120)


def test_a_function_reads_through_the_consumer_of_another_account(
    account, clients, recorder, mapping, batches, stream, share, reads_nothing, unique, cleanup, eventually
):
    """https://docs.aws.amazon.com/streams/latest/dev/resource-based-policy-examples.html"""
    owner, partner, third = account(), account(), account()
    stream_arn, kinesis = stream(owner), clients(owner).kinesis
    consumer = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName=unique("consumer"))["Consumer"]
    consumer_arn = consumer["ConsumerARN"]
    cleanup(kinesis.deregister_stream_consumer, ConsumerARN=consumer_arn)
    reader, only_stream, stranger = recorder(partner), recorder(partner), recorder(third)
    share(stream_arn, [reader.role_arn, only_stream.role_arn], READ)
    share(consumer_arn, reader.role_arn, FAN_OUT)
    put(clients(owner), stream_arn, numbered(20))
    found = mapping(reader, consumer_arn)
    assert found["EventSourceArn"] == consumer_arn
    eventually(lambda: names(batches(reader)), equals=list(range(20)), **PATIENT)
    for function in (only_stream, stranger):
        reads_nothing(function, consumer_arn)


def test_a_function_reads_the_stream_of_a_table_of_another_account(
    account, clients, recorder, mapping, received, table, share, reads_nothing, eventually
):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/rbac-cross-account-access.html"""
    owner, partner, third = account(), account(), account()
    description = table(owner, view="NEW_IMAGE")
    stream_arn = description["LatestStreamArn"]
    reader, unnamed, stranger = recorder(partner), recorder(partner), recorder(third)
    share(stream_arn, reader.role_arn, TABLE_READ)
    for n in range(5):
        item = {"pk": {"S": "one"}, "n": {"N": str(n)}}
        clients(owner).dynamodb.put_item(TableName=description["TableName"], Item=item)
    mapping(reader, stream_arn)
    eventually(lambda: sum(len(line["batch"]) for line in received(reader)), equals=5, **PATIENT)
    for function in (unnamed, stranger):
        reads_nothing(function, stream_arn)


@pytest.fixture
def encrypted(clients, stream, key, eventually):
    """An encrypted stream of an account, and its key, which the account's administrator may use."""

    def make(account_id):
        customer_key, arn, kinesis = key(account_id), stream(account_id), clients(account_id).kinesis
        use(customer_key)
        kinesis.start_stream_encryption(StreamARN=arn, EncryptionType="KMS", KeyId=customer_key.arn)
        eventually(
            lambda: kinesis.describe_stream_summary(StreamARN=arn)["StreamDescriptionSummary"]["StreamStatus"],
            equals="ACTIVE",
            timeout=60,
        )
        return arn, customer_key

    return make


def use(customer_key, *readers):
    """Let the account's administrator use the key, and these roles decrypt with it."""
    account_id = customer_key.arn.split(":")[4]
    root = f"arn:aws:iam::{account_id}:root"
    by_root = {"ArnEquals": {"aws:PrincipalArn": root}}
    customer_key.policy(
        statement(["kms:GenerateDataKey", "kms:Decrypt"], Principal={"AWS": root}, Condition=by_root),
        *(statement("kms:Decrypt", Principal={"AWS": reader}) for reader in readers),
    )


def test_an_encrypted_stream_is_read_once_the_key_policy_allows_the_execution_role(
    account, clients, recorder, reads, reads_nothing, batches, encrypted, eventually
):
    """https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html"""
    own = account()
    stream_arn, customer_key = encrypted(own)
    reader = recorder(own)
    put(clients(own), stream_arn, numbered(10))
    reads_nothing(reader, stream_arn)
    use(customer_key, reader.role_arn)
    reads(reader, stream_arn)
    eventually(lambda: names(batches(reader)), equals=list(range(10)), timeout=120)


def test_a_mapping_stops_while_the_key_is_disabled_and_goes_on_without_loss(
    account, clients, recorder, mapping, batches, encrypted, problem, eventually
):
    """https://docs.aws.amazon.com/kms/latest/developerguide/enabling-keys.html"""
    own = account()
    stream_arn, customer_key = encrypted(own)
    reader = recorder(own)
    use(customer_key, reader.role_arn)
    mapping_id = mapping(reader, stream_arn)["UUID"]
    put(clients(own), stream_arn, numbered(5))
    eventually(lambda: names(batches(reader)), equals=list(range(5)), **PATIENT)

    lambda_ = reader.clients.lambda_
    lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=False)
    in_state(lambda_, mapping_id, "Disabled", eventually)
    put(clients(own), stream_arn, numbered(5, 5))
    customer_key.disable()
    lambda_.update_event_source_mapping(UUID=mapping_id, Enabled=True)
    assert problem(reader)
    assert names(batches(reader)) == list(range(5))
    customer_key.enable()
    put(clients(own), stream_arn, numbered(5, 10))
    eventually(lambda: names(batches(reader)), equals=list(range(15)), timeout=90)

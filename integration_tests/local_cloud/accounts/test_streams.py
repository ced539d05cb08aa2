"""Streams and consumers shared by resource policies: the data API by ARN from another account.

https://docs.aws.amazon.com/streams/latest/dev/resource-based-policy-examples.html
"""

import json

import pytest

from integration_tests.local_cloud.accounts.refusals import denied, refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

READ = ["kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
WRITE = ["kinesis:PutRecord", "kinesis:PutRecords"]
FAN_OUT = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"]
KINESIS = [statement("kinesis:*")]


@pytest.fixture
def share(clients):
    """`share(arn, principal, actions)` puts a resource policy on a stream or a consumer."""

    def put(arn, principals, actions, **rest):
        policy = {
            "Version": "2012-10-17",
            "Statement": [statement(actions, arn, Principal={"AWS": principals}, **rest)],
        }
        clients(arn.split(":")[4]).kinesis.put_resource_policy(ResourceARN=arn, Policy=json.dumps(policy))

    return put


@pytest.fixture
def consumer(clients, unique, cleanup, eventually):
    """`consumer(stream_arn)` is the ARN of an active consumer."""

    def register(stream_arn):
        kinesis = clients(stream_arn.split(":")[4]).kinesis
        answer = kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName=unique("consumer"))
        arn = answer["Consumer"]["ConsumerARN"]
        cleanup(kinesis.deregister_stream_consumer, ConsumerARN=arn)
        eventually(
            lambda: kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]["ConsumerStatus"],
            equals="ACTIVE",
            timeout=60,
        )
        return arn

    return register


def read_all(kinesis, stream_arn, by_arn=True):
    """Every record's data, read shard by shard from the horizon until the tip."""
    data = []
    for shard in kinesis.list_shards(StreamARN=stream_arn)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamARN=stream_arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        answer = kinesis.get_records(ShardIterator=iterator, **({"StreamARN": stream_arn} if by_arn else {}))
        data += [record["Data"] for record in answer["Records"]]
    return data


def test_the_roles_of_the_policy_put_and_read_and_the_owner_sees_what_they_put(
    account, clients, principal, stream, share
):
    owner, partner = account(), account()
    stream_arn = stream(owner, 2)
    producer, reader = principal(partner, KINESIS), principal(partner, KINESIS)
    policy = [
        statement(WRITE, stream_arn, Principal={"AWS": producer.role_arn}),
        statement(READ, stream_arn, Principal={"AWS": reader.role_arn}),
    ]
    clients(owner).kinesis.put_resource_policy(
        ResourceARN=stream_arn, Policy=json.dumps({"Version": "2012-10-17", "Statement": policy})
    )

    producer.kinesis.put_record(StreamARN=stream_arn, Data=b"one", PartitionKey="a")
    answer = producer.kinesis.put_records(
        StreamARN=stream_arn, Records=[{"Data": b"two", "PartitionKey": "a"}, {"Data": b"three", "PartitionKey": "b"}]
    )
    assert answer["FailedRecordCount"] == 0
    expected = [b"one", b"three", b"two"]
    summary = reader.kinesis.describe_stream_summary(StreamARN=stream_arn)["StreamDescriptionSummary"]
    assert summary["StreamARN"] == stream_arn
    for identity, by_arn in ((reader, True), (reader, False), (clients(owner), True)):
        assert sorted(read_all(identity.kinesis, stream_arn, by_arn)) == expected

    message = denied(reader.kinesis.put_record, StreamARN=stream_arn, Data=b"four", PartitionKey="a")
    assert f"is not authorized to perform: kinesis:PutRecord on resource: {stream_arn}" in message
    denied(producer.kinesis.list_shards, StreamARN=stream_arn)


def test_both_sides_must_allow(account, principal, stream, share):
    owner, partner = account(), account()
    stream_arn = stream(owner)
    without, elsewhere, named, unnamed = (
        principal(partner, []),
        principal(partner, [statement("kinesis:*", stream_arn + "-other")]),
        principal(partner, KINESIS),
        principal(partner, KINESIS),
    )
    share(stream_arn, [without.role_arn, elsewhere.role_arn, named.role_arn], WRITE)
    put = {"StreamARN": stream_arn, "Data": b"x", "PartitionKey": "a"}
    assert named.kinesis.put_record(**put)["ShardId"]
    assert "no identity-based policy allows" in denied(without.kinesis.put_record, **put)
    assert "no identity-based policy allows" in denied(elsewhere.kinesis.put_record, **put)
    assert "no resource-based policy allows" in denied(unnamed.kinesis.put_record, **put)


def test_without_a_policy_and_from_a_third_account_nothing_is_allowed(account, clients, principal, stream, share):
    owner, partner, third = account(), account(), account()
    stream_arn = stream(owner)
    put = {"StreamARN": stream_arn, "Data": b"x", "PartitionKey": "a"}
    denied(principal(partner, KINESIS).kinesis.put_record, **put)
    denied(clients(partner).kinesis.put_record, **put)
    share(stream_arn, f"arn:aws:iam::{partner}:root", [*READ, *WRITE])
    assert principal(partner, KINESIS).kinesis.put_record(**put)["ShardId"]
    assert clients(partner).kinesis.put_record(**put)["ShardId"]
    denied(principal(partner, []).kinesis.put_record, **put)
    for identity in (principal(third, KINESIS), clients(third)):
        denied(identity.kinesis.put_record, **put)
        denied(identity.kinesis.list_shards, StreamARN=stream_arn)
        denied(
            identity.kinesis.get_shard_iterator,
            StreamARN=stream_arn,
            ShardId="shardId-000000000000",
            ShardIteratorType="LATEST",
        )


def test_an_iterator_that_another_account_was_given_is_of_no_use(account, clients, principal, stream, share):
    owner, partner, third = account(), account(), account()
    stream_arn = stream(owner)
    reader = principal(partner, KINESIS)
    share(stream_arn, reader.role_arn, READ)
    iterator = reader.kinesis.get_shard_iterator(
        StreamARN=stream_arn, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    assert reader.kinesis.get_records(ShardIterator=iterator)["Records"] == []
    denied(principal(third, KINESIS).kinesis.get_records, ShardIterator=iterator)
    share(stream_arn, reader.role_arn, ["kinesis:ListShards"])
    denied(reader.kinesis.get_records, ShardIterator=iterator)


def test_a_read_permission_of_one_stream_is_not_one_of_another(account, principal, clients, stream):
    """Within an account GetRecords is authorized on the stream that the iterator reads."""
    own = account()
    mine, other = stream(own), stream(own)
    reader = principal(own, [statement("kinesis:*", mine)])
    start = {"ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    iterator = reader.kinesis.get_shard_iterator(StreamARN=mine, **start)["ShardIterator"]
    assert reader.kinesis.get_records(ShardIterator=iterator)["Records"] == []
    foreign = clients(own).kinesis.get_shard_iterator(StreamARN=other, **start)["ShardIterator"]
    denied(reader.kinesis.get_records, ShardIterator=foreign)


def test_a_deny_of_the_resource_policy_wins_within_the_account(account, clients, principal, stream, share):
    own = account()
    stream_arn = stream(own)
    writer = principal(own, KINESIS)
    put = {"StreamARN": stream_arn, "Data": b"x", "PartitionKey": "a"}
    assert writer.kinesis.put_record(**put)["ShardId"]
    share(stream_arn, "*", ["kinesis:PutRecord"], Effect="Deny")
    assert "explicit deny in a resource-based policy" in denied(writer.kinesis.put_record, **put)


def test_a_consumer_is_subscribed_to_by_the_role_of_its_policy(account, clients, principal, stream, share, consumer):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SubscribeToShard.html"""
    owner, partner, third = account(), account(), account()
    stream_arn = stream(owner)
    consumer_arn = consumer(stream_arn)
    named, without, unnamed = principal(partner, KINESIS), principal(partner, []), principal(partner, KINESIS)
    stranger = principal(third, KINESIS)
    share(consumer_arn, [named.role_arn, without.role_arn], FAN_OUT)
    clients(owner).kinesis.put_record(StreamARN=stream_arn, Data=b"pushed", PartitionKey="a")
    subscription = {
        "ConsumerARN": consumer_arn,
        "ShardId": "shardId-000000000000",
        "StartingPosition": {"Type": "TRIM_HORIZON"},
    }

    described = named.kinesis.describe_stream_consumer(ConsumerARN=consumer_arn)["ConsumerDescription"]
    assert (described["ConsumerARN"], described["StreamARN"]) == (consumer_arn, stream_arn)
    for identity in (without, unnamed, stranger):
        denied(identity.kinesis.describe_stream_consumer, ConsumerARN=consumer_arn)
        denied(identity.kinesis.subscribe_to_shard, **subscription)
    events = named.client("kinesis", read_timeout=10).subscribe_to_shard(**subscription)["EventStream"]
    pushed = next(event for event in events if event["SubscribeToShardEvent"]["Records"])
    assert [record["Data"] for record in pushed["SubscribeToShardEvent"]["Records"]] == [b"pushed"]
    events.close()


def test_the_policy_of_the_stream_is_not_the_policy_of_its_consumer(account, principal, stream, share, consumer):
    owner, partner = account(), account()
    stream_arn = stream(owner)
    consumer_arn = consumer(stream_arn)
    reader = principal(partner, KINESIS)
    share(stream_arn, reader.role_arn, [*READ, *WRITE])
    denied(reader.kinesis.describe_stream_consumer, ConsumerARN=consumer_arn)
    denied(
        reader.kinesis.subscribe_to_shard,
        ConsumerARN=consumer_arn,
        ShardId="shardId-000000000000",
        StartingPosition={"Type": "LATEST"},
    )


def test_a_consumer_is_described_by_name_before_and_after_the_stream_has_it(
    account, clients, principal, stream, unique, cleanup
):
    """As the Kinesis Client Library does: https://docs.aws.amazon.com/streams/latest/dev/kcl-iam-permissions.html"""
    owner, name = account(), unique("consumer")
    stream_arn = stream(owner)
    asked = {"StreamARN": stream_arn, "ConsumerName": name}
    library = principal(
        owner,
        [
            statement("kinesis:RegisterStreamConsumer", stream_arn),
            statement("kinesis:DescribeStreamConsumer", f"{stream_arn}/consumer/*"),
        ],
    ).kinesis
    outsider = principal(owner, [statement("kinesis:*", stream_arn)]).kinesis

    assert refused(library.describe_stream_consumer, **asked)[0] == "ResourceNotFoundException"
    assert f"on resource: {stream_arn}/consumer/{name} " in denied(outsider.describe_stream_consumer, **asked)
    arn = library.register_stream_consumer(**asked)["Consumer"]["ConsumerARN"]
    cleanup(clients(owner).kinesis.deregister_stream_consumer, ConsumerARN=arn)
    assert library.describe_stream_consumer(**asked)["ConsumerDescription"]["ConsumerARN"] == arn
    # It is there already; who registers is asked about the stream all the same.
    assert refused(outsider.register_stream_consumer, **asked)[0] == "ResourceInUseException"
    assert f"on resource: {arn} " in denied(library.deregister_stream_consumer, **asked)

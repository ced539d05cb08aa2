"""Creating and deleting streams. https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from integration_tests.local_cloud.kinesis.conftest import active, shards_of

pytestmark = pytest.mark.local


def test_a_stream_has_the_tags_and_the_mode_it_was_created_with(kinesis, unique, cleanup, eventually):
    name = unique("stream")
    kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"}, Tags={"team": "data"})
    cleanup(kinesis.delete_stream, StreamName=name)
    summary = active(kinesis, name, eventually)
    assert summary["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert len(shards_of(kinesis, name)) == 4
    assert kinesis.list_tags_for_stream(StreamName=name)["Tags"] == [{"Key": "team", "Value": "data"}]
    with pytest.raises(ClientError) as refused:
        kinesis.update_shard_count(StreamName=name, TargetShardCount=5, ScalingType="UNIFORM_SCALING")
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_stream_without_a_count_is_on_demand(kinesis, unique, cleanup, eventually):
    name = unique("stream")
    kinesis.create_stream(StreamName=name)
    cleanup(kinesis.delete_stream, StreamName=name)
    assert active(kinesis, name, eventually)["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert len(shards_of(kinesis, name)) == 4
    with pytest.raises(ClientError, match="ShardCount"):
        kinesis.create_stream(StreamName=unique("refused"), StreamModeDetails={"StreamMode": "PROVISIONED"})


def test_a_stream_with_consumers_is_deleted_with_them_or_not_at_all(kinesis, made, unique, eventually):
    name = made()
    arn = active(kinesis, name, eventually)["StreamARN"]
    kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=unique("consumer"))
    with pytest.raises(kinesis.exceptions.ResourceInUseException):
        kinesis.delete_stream(StreamName=name)
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)

    def gone():
        try:
            kinesis.describe_stream_summary(StreamName=name)
        except kinesis.exceptions.ResourceNotFoundException:
            return True
        return False

    eventually(gone, timeout=120)


def test_a_stream_has_twenty_consumers_and_five_in_the_making(kinesis, made, unique, eventually):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html"""
    name = made()
    arn = active(kinesis, name, eventually)["StreamARN"]

    def register():
        return kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=unique("consumer"))["Consumer"]

    def statuses():
        found = kinesis.get_paginator("list_stream_consumers").paginate(StreamARN=arn)
        return [one["ConsumerStatus"] for page in found for one in page["Consumers"]]

    def outcome(_):
        try:
            return register()["ConsumerStatus"]
        except kinesis.exceptions.LimitExceededException as refused:
            return refused.response["Error"]["Message"]

    with ThreadPoolExecutor(max_workers=12) as at_once:
        outcomes = list(at_once.map(outcome, range(12)))
    assert outcomes.count("CREATING") == 5
    assert sum("being created" in one for one in outcomes) == 7
    while len(statuses()) < 20:
        eventually(statuses, until=lambda found: set(found) == {"ACTIVE"}, timeout=120)
        register()
    eventually(statuses, equals=["ACTIVE"] * 20, timeout=120)
    with pytest.raises(kinesis.exceptions.LimitExceededException, match="20 registered consumers"):
        register()


def test_mode_record_size_and_tags_are_changed_by_arn(kinesis, made, unique, eventually):
    name = made()
    arn = active(kinesis, name, eventually)["StreamARN"]
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert active(kinesis, name, eventually)["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    kinesis.update_stream_mode(StreamARN=arn, StreamModeDetails={"StreamMode": "PROVISIONED"})
    summary = active(kinesis, name, eventually)
    assert (summary["StreamModeDetails"], summary["OpenShardCount"]) == ({"StreamMode": "PROVISIONED"}, 1)
    with pytest.raises(ClientError):
        kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"x" * (1024 * 1024 + 1))
    kinesis.update_max_record_size(StreamARN=arn, MaxRecordSizeInKiB=2048)
    active(kinesis, name, eventually)
    kinesis.put_record(StreamName=name, PartitionKey="a", Data=b"x" * (1024 * 1024 + 1))

    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=unique("consumer"), Tags={"team": "data"})
    consumer_arn = consumer["Consumer"]["ConsumerARN"]
    for resource, first in ((arn, {}), (consumer_arn, {"team": "data"})):
        kinesis.tag_resource(ResourceARN=resource, Tags={"more": "yes", "gone": "soon"})
        kinesis.untag_resource(ResourceARN=resource, TagKeys=["gone"])
        found = kinesis.list_tags_for_resource(ResourceARN=resource)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in found} == {**first, "more": "yes"}
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.list_tags_for_resource(ResourceARN=f"{arn}-2")


def test_a_token_continues_a_listing_alone(kinesis, made):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html (NextToken)"""
    name = made(3)
    first = kinesis.list_shards(StreamName=name, MaxResults=2)
    rest = kinesis.list_shards(NextToken=first["NextToken"], MaxResults=2)
    assert [shard["ShardId"][-1] for shard in first["Shards"] + rest["Shards"]] == ["0", "1", "2"]
    assert "NextToken" not in rest
    for beside in (
        {"StreamName": name},
        {"StreamCreationTimestamp": 0},
        {"ExclusiveStartShardId": "shardId-000000000000"},
    ):
        with pytest.raises(kinesis.exceptions.InvalidArgumentException, match="provided together"):
            kinesis.list_shards(NextToken=first["NextToken"], **beside)

"""Creating and deleting streams. https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html"""

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

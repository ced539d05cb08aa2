"""Putting and reading: sequence numbers, iterators, limits, fan-out.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html , …/API_GetRecords.html ,
…/API_PutRecords.html , …/API_SubscribeToShard.html
"""

import time

import pytest
from botocore.exceptions import ClientError

from integration_tests.local_cloud.kinesis.conftest import iterator, read

pytestmark = pytest.mark.local

SHARD = "shardId-000000000000"


def refusal(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response["Error"]["Code"]


def put(kinesis, name, *data, key="k"):
    return [kinesis.put_record(StreamName=name, Data=one, PartitionKey=key)["SequenceNumber"] for one in data]


def data(records):
    return [record["Data"] for record in records]


def test_sequence_numbers_have_56_digits_and_increase(kinesis, made):
    name = made()
    numbers = put(kinesis, name, *[b"x"] * 20)
    assert [len(number) for number in numbers] == [56] * 20
    assert numbers == sorted(set(numbers), key=int)
    assert [record["SequenceNumber"] for record in read(kinesis, name, SHARD)] == numbers


def test_an_iterator_starts_where_it_says(kinesis, made, eventually):
    name = made()
    first = put(kinesis, name, b"0", b"1")
    arrived = read(kinesis, name, SHARD)[-1]["ApproximateArrivalTimestamp"].timestamp()
    eventually(lambda: time.time() > arrived + 0.2)
    second = put(kinesis, name, b"2", b"3")
    assert data(read(kinesis, name, SHARD)) == [b"0", b"1", b"2", b"3"]
    assert data(read(kinesis, name, SHARD, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=first[1])) == [b"1", b"2", b"3"]
    assert data(read(kinesis, name, SHARD, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=first[1])) == [b"2", b"3"]
    assert data(read(kinesis, name, SHARD, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=second[-1])) == []
    assert data(read(kinesis, name, SHARD, "AT_TIMESTAMP", Timestamp=arrived + 0.1)) == [b"2", b"3"]
    latest = iterator(kinesis, name, SHARD, "LATEST")
    put(kinesis, name, b"4")
    assert data(kinesis.get_records(ShardIterator=latest)["Records"]) == [b"4"]


def test_records_come_back_byte_for_byte(kinesis, made):
    name = made()
    blobs = [b"", b"\x00\xff", "ünïcode".encode(), b"{}", b"aGVsbG8=", bytes(range(256)) * 100]
    put(kinesis, name, *blobs, key="schlüssel")
    records = read(kinesis, name, SHARD)
    assert data(records) == blobs
    assert {record["PartitionKey"] for record in records} == {"schlüssel"}


def test_an_explicit_hash_key_chooses_the_shard(kinesis, made):
    name = made(4)
    for shard in range(4):
        answer = kinesis.put_record(
            StreamName=name, Data=b"x", PartitionKey="same", ExplicitHashKey=str(shard * 2**126 + 5)
        )
        assert answer["ShardId"] == f"shardId-00000000000{shard}"


def test_one_read_gives_at_most_10_mib_and_says_how_far_behind_it_is(kinesis, made):
    name = made()
    for _ in range(12):
        put(kinesis, name, b"x" * 1_000_000)
    answer = kinesis.get_records(ShardIterator=iterator(kinesis, name, SHARD))
    assert len(answer["Records"]) == 10
    assert answer["MillisBehindLatest"] >= 0
    rest = kinesis.get_records(ShardIterator=answer["NextShardIterator"])
    assert (len(rest["Records"]), rest["MillisBehindLatest"]) == (2, 0)


def test_one_read_gives_at_most_10000_records(kinesis, made):
    name = made()
    for _ in range(21):
        kinesis.put_records(StreamName=name, Records=[{"Data": b"x", "PartitionKey": "k"}] * 500)
    answer = kinesis.get_records(ShardIterator=iterator(kinesis, name, SHARD))
    assert len(answer["Records"]) == 10_000
    assert len(kinesis.get_records(ShardIterator=answer["NextShardIterator"], Limit=499)["Records"]) == 499


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("put_records", {"Records": [{"Data": b"", "PartitionKey": "k"}] * 501}, "ValidationException"),
        ("put_records", {"Records": []}, "ValidationException"),
        ("put_record", {"Data": b"x" * (1024 * 1024), "PartitionKey": "k"}, "ValidationException"),
        ("put_record", {"Data": b"x", "PartitionKey": ""}, "ValidationException"),
        ("put_record", {"Data": b"x", "PartitionKey": "k" * 257}, "ValidationException"),
        ("put_record", {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": str(2**128)}, "InvalidArgumentException"),
        ("get_shard_iterator", {"ShardId": SHARD, "ShardIteratorType": "SOMEWHERE"}, "ValidationException"),
        ("get_shard_iterator", {"ShardId": "shardId-9", "ShardIteratorType": "LATEST"}, "ResourceNotFoundException"),
        (
            "get_shard_iterator",
            {"ShardId": SHARD, "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "123"},
            "InvalidArgumentException",
        ),
        (
            "get_shard_iterator",
            {"ShardId": SHARD, "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 4_102_444_800},
            "InvalidArgumentException",
        ),
    ],
)
def test_what_breaks_a_limit_is_refused(operation, request_, code, administrator, kinesis, made):
    name = made()
    lenient = administrator.client("kinesis", parameter_validation=False)
    assert refusal(getattr(lenient, operation), StreamName=name, **request_) == code
    assert read(kinesis, name, SHARD) == []


def test_an_iterator_that_is_none_is_refused(kinesis):
    assert refusal(kinesis.get_records, ShardIterator="no iterator") == "InvalidArgumentException"


def subscribe(kinesis, consumer_arn, shard_id, **starting):
    return kinesis.subscribe_to_shard(ConsumerARN=consumer_arn, ShardId=shard_id, StartingPosition=starting)[
        "EventStream"
    ]


@pytest.fixture
def consumer(kinesis, unique, eventually):
    def register(name):
        arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
        consumer_arn = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=unique("consumer"))["Consumer"][
            "ConsumerARN"
        ]
        eventually(
            lambda: kinesis.describe_stream_consumer(ConsumerARN=consumer_arn)["ConsumerDescription"]["ConsumerStatus"],
            equals="ACTIVE",
            timeout=60,
        )
        return consumer_arn

    return register


def test_a_subscription_pushes_what_is_there_and_what_comes(kinesis, made, consumer):
    name = made()
    numbers = put(kinesis, name, b"0", b"1")
    events = subscribe(kinesis, consumer(name), SHARD, Type="TRIM_HORIZON")
    got, put_at, seen_at = [], None, None
    for event in events:
        pushed = event["SubscribeToShardEvent"]
        got += data(pushed["Records"])
        if got == [b"0", b"1"] and put_at is None:
            assert pushed["ContinuationSequenceNumber"] == numbers[-1]
            assert pushed["MillisBehindLatest"] == 0
            put_at = time.time()
            put(kinesis, name, b"2")
        if b"2" in got:
            seen_at = time.time()
            break
    events.close()
    assert got == [b"0", b"1", b"2"]
    assert seen_at - put_at < 1


def test_a_subscription_ends_with_the_children_of_a_closed_shard(kinesis, made, consumer):
    name = made()
    put(kinesis, name, b"0")
    events = subscribe(kinesis, consumer(name), SHARD, Type="TRIM_HORIZON")
    got, children = [], None
    for event in events:
        pushed = event["SubscribeToShardEvent"]
        if pushed["Records"]:
            got += data(pushed["Records"])
            kinesis.split_shard(StreamName=name, ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
        children = pushed.get("ChildShards") or children
        # Where to go on: at a position of this shard, or in others. The Kinesis Client Library takes both for an error.
        assert ("ContinuationSequenceNumber" in pushed) is not ("ChildShards" in pushed)
    assert got == [b"0"]
    assert [child["ShardId"] for child in children] == ["shardId-000000000001", "shardId-000000000002"]


def test_a_second_subscription_within_5_seconds_is_refused(kinesis, made, consumer):
    name = made()
    arn = consumer(name)
    events = subscribe(kinesis, arn, SHARD, Type="LATEST")
    assert (
        refusal(kinesis.subscribe_to_shard, ConsumerARN=arn, ShardId=SHARD, StartingPosition={"Type": "LATEST"})
        == "ResourceInUseException"
    )
    events.close()

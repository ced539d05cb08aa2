"""A Kinesis stream as the source of a delivery stream.

https://docs.aws.amazon.com/firehose/latest/dev/writing-with-kinesis-streams.html
"""

import json

import aws_kinesis_agg.aggregator
import pytest
from botocore.exceptions import ClientError

from integration_tests.local_cloud.delivery.conftest import hints, processing, put_policy, writes
from integration_tests.support.addressing import statement
from integration_tests.support.waiting import eventually

pytestmark = [pytest.mark.local, pytest.mark.aws]


@pytest.fixture
def fed(delivery_stream, stream, account, make, clients):
    """`fed(shards=…)`: a delivery stream that reads a Kinesis stream; returns it and `put(*data)` into its source."""

    def made(shards=1, *, may_read=True, invokes=None, account_id=None, **configuration):
        account_id = account_id or account()
        source, bucket = stream(account_id, shards), make.bucket(account_id)
        reads = statement(["kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords"], source)
        invoke = [statement("lambda:InvokeFunction", invokes)] if invokes else []
        delivery = delivery_stream(
            account_id=account_id,
            bucket=bucket,
            source=source,
            statements=[*writes(bucket), *([reads] if may_read else []), *invoke],
            **{"BufferingHints": hints(1), **configuration},
        )
        kinesis = clients(account_id).kinesis

        def put(*records: bytes, key=None):
            for start in range(0, len(records), 500):
                entries = [
                    {"Data": data, "PartitionKey": key or f"key-{start + index}"}
                    for index, data in enumerate(records[start : start + 500])
                ]
                assert kinesis.put_records(StreamARN=source, Records=entries)["FailedRecordCount"] == 0

        return delivery, put

    return made


def lines(delivery) -> list[bytes]:
    return sorted(line for body in delivery.objects().values() for line in body.splitlines())


def test_every_record_of_every_shard_is_delivered_once_in_few_objects(fed):
    delivery, put = fed(shards=4, BufferingHints=hints(2))
    records = [f"record {number:05d}\n".encode() for number in range(3000)]

    put(*records)

    eventually(lambda: lines(delivery), equals=[record.strip() for record in records], timeout=60)
    assert len(delivery.objects()) <= 6


def test_records_of_a_shard_keep_their_order(fed):
    delivery, put = fed()
    records = [f"{number}\n".encode() for number in range(200)]

    put(*records, key="one")

    eventually(lambda: b"".join(delivery.objects().values()), equals=b"".join(records), timeout=60)


def test_reading_starts_at_the_creation_of_the_delivery_stream(delivery_stream, stream, account, make, clients):
    account_id = account()
    source, bucket = stream(account_id), make.bucket(account_id)
    clients(account_id).kinesis.put_record(StreamARN=source, PartitionKey="k", Data=b"before")
    delivery = delivery_stream(account_id=account_id, bucket=bucket, source=source)

    def put_until_seen():
        # On AWS the first records after the creation may come before the reading position.
        clients(account_id).kinesis.put_record(StreamARN=source, PartitionKey="k", Data=b"after")
        return delivery.objects()

    found = eventually(put_until_seen, timeout=300, interval=0.5)
    assert b"before" not in b"".join(found.values())


def test_puts_are_refused(fed):
    delivery, _ = fed()

    with pytest.raises(ClientError) as refused:
        delivery.clients.firehose.put_record(DeliveryStreamName=delivery.name, Record={"Data": b"x"})

    assert refused.value.response["Error"]["Code"] == "InvalidArgumentException"
    assert "KinesisStreamAsSource" in refused.value.response["Error"]["Message"]


@pytest.fixture
def control(delivery_stream, make):
    """`control(delivery)`: a second stream on the same source that may do all; it shows that records are there."""

    def made(delivery):
        account_id = delivery.clients.account_id
        bucket = make.bucket(account_id)
        everything = [*writes(bucket), statement(["kinesis:*", "kms:*"])]
        return delivery_stream(account_id=account_id, bucket=bucket, source=delivery.source, statements=everything)

    return made


def test_without_permission_to_read_nothing_is_delivered_until_it_is_given(fed, control):
    delivery, put = fed(may_read=False)
    other = control(delivery)
    put(b"kept")
    other.await_body(b"kept", timeout=60)
    assert delivery.objects() == {}

    put_policy(delivery.role_arn, delivery.clients, [*writes(delivery.bucket), statement("kinesis:*", delivery.source)])

    delivery.await_body(b"kept", timeout=60)


def test_an_encrypted_source_needs_the_key(fed, control):
    delivery, put = fed()
    other = control(delivery)
    key_arn = delivery.clients.kms.create_key()["KeyMetadata"]["Arn"]
    kinesis = delivery.clients.kinesis
    kinesis.start_stream_encryption(StreamARN=delivery.source, EncryptionType="KMS", KeyId=key_arn)
    eventually(
        lambda: kinesis.describe_stream_summary(StreamARN=delivery.source)["StreamDescriptionSummary"]["StreamStatus"],
        equals="ACTIVE",
        timeout=60,
    )
    put(b"secret")
    other.await_body(b"secret", timeout=60)
    assert delivery.objects() == {}

    reads = statement("kinesis:*", delivery.source)
    decrypts = statement("kms:Decrypt", key_arn)
    put_policy(delivery.role_arn, delivery.clients, [*writes(delivery.bucket), reads, decrypts])

    delivery.await_body(b"secret", timeout=60)


def test_the_function_sees_where_records_come_from(fed, function, account):
    account_id = account()
    source = (
        "import base64, json\n"
        "def handler(event, context):\n"
        "    def told(r):\n"
        "        seen = {'arn': event['sourceKinesisStreamArn'], 'metadata': r['kinesisRecordMetadata']}\n"
        "        return base64.b64encode(json.dumps(seen).encode()).decode()\n"
        "    return {'records': [\n"
        "        {'recordId': r['recordId'], 'result': 'Ok', 'data': told(r)} for r in event['records']]}\n"
    )
    code = function(account_id, source)
    parameters = {"LambdaArn": code.arn, "BufferIntervalInSeconds": "1"}
    delivery, _ = fed(
        account_id=account_id, invokes=code.arn, ProcessingConfiguration=processing(("Lambda", parameters))
    )

    placed = delivery.clients.kinesis.put_record(StreamARN=delivery.source, PartitionKey="the key", Data=b"x")

    (body,) = delivery.await_objects(timeout=30).values()
    seen = json.loads(body)
    assert seen["arn"] == delivery.source
    assert seen["metadata"]["partitionKey"] == "the key"
    assert seen["metadata"]["sequenceNumber"] == placed["SequenceNumber"]
    assert seen["metadata"]["shardId"] == placed["ShardId"]


def test_aggregates_of_the_producer_library_are_taken_apart(fed):
    delivery, put = fed()
    aggregator = aws_kinesis_agg.aggregator.RecordAggregator()
    for number in range(10):
        aggregator.add_user_record(f"key-{number}", f"user {number}\n".encode())
    _, _, aggregate = aggregator.clear_and_get().get_contents()

    put(aggregate, b"plain\n")

    eventually(
        lambda: lines(delivery), equals=sorted([b"plain", *(b"user %d" % number for number in range(10))]), timeout=60
    )


def test_no_record_is_lost_when_the_source_is_resharded(fed):
    delivery, put = fed(shards=1)
    first = [f"first {number:03d}\n".encode() for number in range(100)]
    second = [f"second {number:03d}\n".encode() for number in range(100)]
    put(*first)
    kinesis = delivery.clients.kinesis

    kinesis.update_shard_count(StreamARN=delivery.source, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    eventually(
        lambda: kinesis.describe_stream_summary(StreamARN=delivery.source)["StreamDescriptionSummary"]["StreamStatus"],
        equals="ACTIVE",
        timeout=120,
    )
    put(*second)

    eventually(lambda: lines(delivery), equals=[record.strip() for record in first + second], timeout=60)


def test_data_survives_as_it_is(fed):
    delivery, put = fed()
    data = bytes(range(256)) * 100

    put(data)

    delivery.await_body(data, timeout=30)
